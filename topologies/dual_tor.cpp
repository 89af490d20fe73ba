#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/tree.hpp"

namespace orrery {
namespace {

/// Sizes of one of the two planes. A NIC's port has half the rate of a switch's, which is split in two.
struct TwoPlanes {
  std::uint32_t rails, nodes_of_a_pod, leaves, uplinks, spines;

  explicit TwoPlanes(const FabricRequest& request) {
    const auto nodes = std::uint32_t(request.nodes), ports = std::uint32_t(request.switch_ports);
    rails = std::uint32_t(request.nics_per_node);
    const LeafPorts leaf = leaf_ports(request);
    nodes_of_a_pod = 2 * leaf.down;
    leaves = (nodes + nodes_of_a_pod - 1) / nodes_of_a_pod * rails;
    uplinks = leaf.up;
    spines = (leaves * uplinks + ports - 1) / ports;
  }
};

}  // namespace

Findings check_dual_tor(const FabricRequest& request) {
  Findings findings = check_request(request, {.oversubscription = true});
  if (!findings.empty()) return findings;
  const TwoPlanes sizes(request);
  if (sizes.leaves > std::uint32_t(request.switch_ports)) {
    const std::uint32_t most = std::uint32_t(request.switch_ports) / sizes.rails * sizes.nodes_of_a_pod;
    findings.push_back({"cluster.nodes",
                        std::to_string(request.nodes) + " nodes do not fit the two switch layers of a plane",
                        "at most " + std::to_string(most) + " nodes with " +
                            std::to_string(request.switch_ports) + "-port switches"});
  }
  return findings;
}

/// Dual-plane, dual-ToR: each NIC has two ports of half its rate, on two leaves of two planes that share no
/// cable, so that no single leaf is a point of failure. Rail-optimised: NICs i of a pod share a pair of
/// leaves.
///
///   nic (pod's nodes, i) == bond +- leaf (plane 0, pod, i) -- every spine of plane 0
///                                +- leaf (plane 1, pod, i) -- every spine of plane 1
///
/// A leaf of k ports has k/2 down, each split in two: k NICs, so that a pod is k nodes.
/// Source     Qian et al., Alibaba HPN, SIGCOMM 2024: dual-ToR, dual-plane, rail-optimised; its third tier is
///            left out.
/// Checked    counts by its formula; the number of shortest paths over both planes.
Fabric build_dual_tor(const FabricRequest& request) {
  const TwoPlanes sizes(request);
  const auto nodes = std::uint32_t(request.nodes);
  Wiring wiring;
  for (std::uint32_t node = 0; node < nodes; ++node)
    for (std::uint32_t rail = 0; rail < sizes.rails; ++rail) {
      wiring.leaf_of_nic.push_back(std::uint32_t(wiring.switches.size()));
      wiring.switches.push_back({VertexKind::Bond, node, rail});
    }
  const auto first_leaf = std::uint32_t(wiring.switches.size());
  for (std::uint32_t plane = 0; plane < 2; ++plane)
    for (std::uint32_t leaf = 0; leaf < sizes.leaves; ++leaf)
      wiring.switches.push_back({VertexKind::Leaf, plane, leaf});
  const auto first_spine = std::uint32_t(wiring.switches.size());
  for (std::uint32_t plane = 0; plane < 2; ++plane)
    for (std::uint32_t spine = 0; spine < sizes.spines; ++spine)
      wiring.switches.push_back({VertexKind::Spine, plane, spine});

  for (std::uint32_t bond = 0; bond < first_leaf; ++bond)
    for (std::uint32_t plane = 0; plane < 2; ++plane) {
      const std::uint32_t node = bond / sizes.rails, rail = bond % sizes.rails;
      const std::uint32_t leaf = node / sizes.nodes_of_a_pod * sizes.rails + rail;
      wiring.cables.push_back({bond, first_leaf + plane * sizes.leaves + leaf, 0.5f});
    }
  for (std::uint32_t plane = 0; plane < 2; ++plane)
    deal_cables(wiring, first_leaf + plane * sizes.leaves, sizes.leaves, sizes.uplinks,
                first_spine + plane * sizes.spines, sizes.spines);
  return make_fabric(request, "dual-tor", wiring);
}

}  // namespace orrery
