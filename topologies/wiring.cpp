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
    // A bond's ports are the NIC's own: no switch, no hop.
    const bool bond = wiring.switches[cable.lower].kind == VertexKind::Bond;
    const Seconds hop = bond ? Seconds(0) : request.hop_latency;
    const BytesPerSecond rate = request.trunk * double(cable.rate);
    links.push_back({first + cable.lower, first + cable.upper, rate, hop});
    links.push_back({first + cable.upper, first + cable.lower, rate, hop});
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

void fill_with_nics(Wiring& wiring, const FabricRequest& request, std::uint32_t nics_of_a_switch) {
  const auto nics = std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
  for (std::uint32_t nic = 0; nic < nics; ++nic) wiring.leaf_of_nic.push_back(nic / nics_of_a_switch);
}

std::vector<GroupCable> mesh_of_groups(std::uint32_t groups, std::uint32_t ports) {
  std::vector<GroupCable> cables;
  if (groups < 2) return cables;
  const std::uint32_t others = groups - 1;
  // Distances round the ring of groups, in the order of the ports: every round of all, then what is left
  // over.
  std::vector<std::uint32_t> distances;
  for (std::uint32_t round = 0; round < ports / others; ++round)
    for (std::uint32_t distance = 1; distance <= others; ++distance) distances.push_back(distance);
  std::uint32_t left = ports % others;
  for (std::uint32_t distance = 1; left >= 2; ++distance, left -= 2) {
    distances.push_back(distance);
    distances.push_back(groups - distance);
  }
  if (left == 1 && groups % 2 == 0) distances.push_back(groups / 2);

  const std::uint32_t whole = ports / others * others;
  for (std::uint32_t group = 0; group < groups; ++group) {
    for (std::uint32_t port = 0; port < distances.size(); ++port) {
      const std::uint32_t distance = distances[port], other = (group + distance) % groups;
      if (group > other) continue;  // Laid from the other end.
      std::uint32_t other_port = 0;
      if (port < whole) {
        other_port = port / others * others + (groups - distance - 1);
      } else {
        other_port = distance * 2 == groups ? port : whole + ((port - whole) ^ 1u);
      }
      cables.push_back({group, port, other, other_port});
    }
  }
  return cables;
}

}  // namespace orrery
