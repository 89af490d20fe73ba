# Turns the data files of the source tree into one C++ source with a row a file.
#   cmake -DROOT=<source tree> -DOUT=<file.cpp> -P embed.cmake
# Included instead of run, it only sets `data_globs` and `data_files` (for DEPENDS).
cmake_policy(VERSION 3.25)  # A script run alone has none.
set(data_globs
  "Scenario=scenarios/library/*.toml"
  "Model=models/transformer/configs/*.json"
  "Kernels=models/kernels/families/*.json"
  "Gpu=topologies/catalog/gpu/*.toml"
  "Nic=topologies/catalog/nic/*.toml"
  "Switch=topologies/catalog/switch/*.toml"
  "Node=topologies/catalog/node/*.toml"
  "Prices=topologies/catalog/prices/*.toml"
  "Failures=topologies/catalog/failures/*.toml")

set(data_files "")
if(NOT DEFINED OUT)
  foreach(glob ${data_globs})
    string(REGEX REPLACE "^[^=]*=" "" pattern "${glob}")
    file(GLOB found CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/../${pattern}")
    list(APPEND data_files ${found})
  endforeach()
  return()
endif()

set(rows "")
set(count 0)
foreach(glob ${data_globs})
  string(REGEX MATCH "^[^=]*" kind "${glob}")
  string(REGEX REPLACE "^[^=]*=" "" pattern "${glob}")
  file(GLOB found RELATIVE "${ROOT}" "${ROOT}/${pattern}")
  list(SORT found)
  foreach(path ${found})
    get_filename_component(name "${path}" NAME_WLE)
    file(READ "${ROOT}/${path}" text)
    # A string literal may be at most 64 KiB in portable C++; data files are far smaller.
    string(APPEND rows "    {DataKind::${kind}, \"${name}\", \"${path}\", R\"orrery(${text})orrery\"},\n")
    math(EXPR count "${count} + 1")
  endforeach()
endforeach()

set(source "// Made by scenarios/embed.cmake.
#include <array>

#include \"scenarios/reading/embedded.hpp\"

namespace orrery {
namespace {

constexpr std::array<DataRow, ${count}> rows{{
${rows}}};

}  // namespace

std::span<const DataRow> data_rows() { return rows; }

}  // namespace orrery
")
file(CONFIGURE OUTPUT "${OUT}" CONTENT "@source@" @ONLY NEWLINE_STYLE UNIX)
