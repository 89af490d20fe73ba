#include "topologies/files/node_inside.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

// Any bytes as the inside of a node: one whose every GPU has its nearest NIC, or findings.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto read : {read_nvidia_smi, read_nccl_topology}) {
    const Checked<NodeInside> inside = read(text);
    if (!inside.ok() || inside.value.nics.empty()) continue;
    for (std::uint32_t gpu = 0; gpu < inside.value.gpus && gpu < 16; ++gpu)
      if (inside.value.nic_of(gpu) >= inside.value.nics.size()) std::abort();
  }
  return 0;
}
