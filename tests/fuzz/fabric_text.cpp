#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "topologies/files/files.hpp"

// Any bytes as a fabric, in each format, however they begin: one that can be written again, or findings.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  FabricRequest request;
  request.gpus_per_node = 2;
  request.nvlink = BytesPerSecond(160e9);
  request.nic = request.nic_line = BytesPerSecond(50e9);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const FabricReader& reader : fabric_readers()) {
    const Checked<Fabric> read = reader.read(text, request);
    if (!read.ok()) continue;
    const Checked<Fabric> again = read_fabric(to_dot(read.value), request);
    if (!again.ok() || again.value.links.size() != read.value.links.size()) std::abort();
  }
  return 0;
}
