#include "topologies/wiring.hpp"

#include <algorithm>
#include <tuple>

namespace orrery {

Fabric make_fabric(const FabricRequest& request, const char* topology, const Wiring& wiring) {
  Fabric fabric;
  fabric.topology = topology;
  fabric.nodes = std::uint32_t(request.nodes);
  fabric.gpus_per_node = std::uint32_t(request.gpus_per_node);
  fabric.nics_per_node = std::uint32_t(request.nics_per_node);
  fabric.planes = wiring.planes;

  for (std::uint32_t node = 0; node < fabric.nodes; ++node)
    for (std::uint32_t i = 0; i < fabric.gpus_per_node; ++i)
      fabric.vertices.push_back({VertexKind::Gpu, node, i});
  for (std::uint32_t node = 0; node < fabric.nodes; ++node)
    fabric.vertices.push_back({VertexKind::NvlinkSwitch, node, 0});
  for (std::uint32_t node = 0; node < fabric.nodes; ++node)
    for (std::uint32_t i = 0; i < fabric.nics_per_node; ++i)
      fabric.vertices.push_back({VertexKind::Nic, node, i});
  const VertexIndex first = fabric.first_switch();
  fabric.vertices.insert(fabric.vertices.end(), wiring.switches.begin(), wiring.switches.end());
  for (const std::uint32_t leaf : wiring.leaf_of_nic) fabric.leaf_of_nic.push_back(first + leaf);

  // An end-to-end latency is half on the way into the network and half on the way out.
  const Seconds nvlink = request.nvlink_latency * 0.5, nic = request.nic_latency * 0.5;
  std::vector<Link>& links = fabric.links;
  const auto nvlink_switch = [&](GpuIndex gpu) { return fabric.gpus() + fabric.node_of(gpu); };
  for (GpuIndex g = 0; g < fabric.gpus(); ++g) links.push_back({g, nvlink_switch(g), request.nvlink, nvlink});
  for (GpuIndex g = 0; g < fabric.gpus(); ++g) links.push_back({nvlink_switch(g), g, request.nvlink, nvlink});
  for (std::uint32_t i = 0; i < fabric.nics(); ++i)
    links.push_back({fabric.first_nic() + i, fabric.leaf_of_nic[i], request.nic, nic});
  for (std::uint32_t i = 0; i < fabric.nics(); ++i)
    links.push_back({fabric.leaf_of_nic[i], fabric.first_nic() + i, request.nic, nic});
  for (const Wiring::Cable& cable : wiring.cables) {
    links.push_back({first + cable.lower, first + cable.upper, request.trunk, request.hop_latency});
    links.push_back({first + cable.upper, first + cable.lower, request.trunk, request.hop_latency});
  }

  const auto trunk = links.begin() + fabric.first_trunk();
  std::stable_sort(trunk, links.end(), [](const Link& a, const Link& b) {
    return std::tie(a.from, a.to) < std::tie(b.from, b.to);
  });
  LinkIndex next = fabric.first_trunk();
  for (std::uint32_t i = 0; i <= wiring.switches.size(); ++i) {
    while (next < links.size() && links[next].from < first + i) ++next;
    fabric.trunk_begin.push_back(next);
  }
  return fabric;
}

void deal_cables(Wiring& wiring, std::uint32_t first_lower, std::uint32_t lowers, std::uint32_t each,
                 std::uint32_t first_upper, std::uint32_t uppers) {
  std::uint32_t dealt = 0;
  for (std::uint32_t lower = 0; lower < lowers; ++lower)
    for (std::uint32_t cable = 0; cable < each; ++cable)
      wiring.cables.push_back({first_lower + lower, first_upper + dealt++ % uppers});
}

}  // namespace orrery
