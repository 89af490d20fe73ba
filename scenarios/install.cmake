# What is installed, and the Debian package: `cpack -G DEB` in the build folder. The manual page and the completions are
# made by the program itself, so that they cannot say anything else.
set(made ${PROJECT_BINARY_DIR}/made)
set(completions "")
foreach(shell bash zsh fish)
  set(script ${made}/orrery.${shell})
  add_custom_command(OUTPUT ${script}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
    COMMAND orrery completion ${shell} > ${script}
    DEPENDS orrery VERBATIM)
  list(APPEND completions ${script})
endforeach()
set(man_page ${made}/orrery.1)
add_custom_command(OUTPUT ${man_page}
  COMMAND ${CMAKE_COMMAND} -DORRERY=$<TARGET_FILE:orrery> -DOUT=${man_page}
          -P ${PROJECT_SOURCE_DIR}/scenarios/man_page.cmake
  DEPENDS orrery scenarios/man_page.cmake VERBATIM)
add_custom_target(made_by_orrery ALL DEPENDS ${completions} ${man_page})

install(TARGETS orrery RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Not in the package, which needs no MPI: cmake --install build/release --component mpi
if(TARGET orrery-mpi)
  install(TARGETS orrery-mpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT mpi EXCLUDE_FROM_ALL)
endif()
install(PROGRAMS ${PROJECT_SOURCE_DIR}/scenarios/slurm/sweep.sbatch
        DESTINATION ${CMAKE_INSTALL_DATADIR}/orrery/scenarios/slurm)
install(FILES ${man_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/orrery.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME orrery)
install(FILES ${made}/orrery.zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions RENAME _orrery)
install(FILES ${made}/orrery.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/orrery RENAME copyright)
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/orrery)
# The binary stands alone; these are to be read, copied and changed.
foreach(folder scenarios/library topologies/catalog models/transformer/configs models/kernels/families)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/orrery/${folder}
          FILES_MATCHING PATTERN "*.toml" PATTERN "*.json")
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME orrery)
set(CPACK_PACKAGE_VENDOR Orrery)
set(CPACK_PACKAGE_CONTACT "Orrery maintainers <orrery@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "simulator of GPU clusters that train large language models")
set(CPACK_PACKAGE_DESCRIPTION
  "Simulates a training step of Mixture-of-Experts models on thousands of GPUs, kernel by kernel
 and message by message, and answers with step time, GPU-hours, cost and memory.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
