# Turns the docstrings of the models' public headers into one C++ source, so that `orrery explain` says what the
# code says.
#   cmake -DROOT=<source tree> -DOUT=<file.cpp> -P docstrings.cmake
file(GLOB_RECURSE headers RELATIVE "${ROOT}"
  "${ROOT}/models/*.hpp" "${ROOT}/sim/flow_network.hpp" "${ROOT}/topologies/routing.hpp")
list(SORT headers)
foreach(code 1 2 3 4)
  string(ASCII ${code} c${code})
endforeach()
set(rows "")
set(count 0)
foreach(header ${headers})
  file(READ "${ROOT}/${header}" text)
  # Semicolons and brackets are list syntax to CMake, and a backslash escapes: control characters stand for them.
  string(REPLACE ";" "${c1}" text "${text}")
  string(REPLACE "[" "${c2}" text "${text}")
  string(REPLACE "]" "${c3}" text "${text}")
  string(REPLACE "\\" "${c4}" text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  set(doc "")
  foreach(line IN LISTS lines)
    if(line MATCHES "^/// ?(.*)$")
      string(APPEND doc "${CMAKE_MATCH_1}\n")
    else()
      if(NOT doc STREQUAL "" AND (line MATCHES "^(struct|class|enum class) ([A-Za-z_]+)" OR
                                  line MATCHES "^[A-Za-z][A-Za-z0-9_:<>,* &]* [*&]?([a-z_0-9]+)\\("))
        if(line MATCHES "^(struct|class|enum class) ([A-Za-z_]+)")
          set(name "${CMAKE_MATCH_2}")
        else()
          string(REGEX MATCH "([a-z_0-9]+)\\(" ignored "${line}")
          set(name "${CMAKE_MATCH_1}")
        endif()
        string(REPLACE "${c1}" ";" doc "${doc}")
        string(REPLACE "${c2}" "[" doc "${doc}")
        string(REPLACE "${c3}" "]" doc "${doc}")
        string(REPLACE "${c4}" "\\" doc "${doc}")
        string(APPEND rows "    {\"${name}\", \"${header}\", R\"orrery(${doc})orrery\"},\n")
        math(EXPR count "${count} + 1")
      endif()
      set(doc "")
    endif()
  endforeach()
endforeach()
file(WRITE "${OUT}" "// Made by scenarios/docstrings.cmake.
#include \"scenarios/commands/explain.hpp\"
namespace orrery {
const Docstring docstrings[] = {
${rows}};
const int docstring_count = ${count};
}  // namespace orrery
")
