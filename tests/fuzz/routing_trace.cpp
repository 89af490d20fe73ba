#include "scenarios/reading/routing_trace.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// Any bytes as a routing trace: one that its gate can have made, or findings. The HDF5 library may die of
// them, but in a process of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  const auto read = read_routing_trace(std::string_view(reinterpret_cast<const char*>(data), size));
  if (read.ok() && !check_choices(read.value).empty()) std::abort();
  return 0;
}
