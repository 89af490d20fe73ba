#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/wiring.hpp"

namespace orrery {

Findings check_multi_plane(const FabricRequest& request) {
  Findings findings = check_nodes(request);
  if (!findings.empty()) return findings;
  const int most = request.switch_ports * request.switch_ports / 2;
  if (request.nodes > most) {
    findings.push_back({"cluster.nodes",
                        std::to_string(request.nodes) + " nodes do not fit the two switch layers of a plane",
                        "at most " + std::to_string(most) + " nodes with " +
                            std::to_string(request.switch_ports) + "-port switches"});
  }
  return findings;
}

/// A multi-plane fat tree: one two-layer tree a plane and no cable between planes. NIC i of every node
/// is on plane i; traffic that must change planes first crosses NVLink to the node's GPU on the other.
///
///   plane p   nic(*, p) -- leaf -- every spine of p       leaf: half its ports down, half up
///
/// With ports k: a plane holds k^2/2 nodes; n nodes need ceil(n / (k/2)) leaves and half as many spines.
/// Up to k nodes one switch a plane does and there are no spines.
/// Source     DeepSeek-AI, Insights into DeepSeek-V3, ISCA 2025 (arXiv 2505.09343), section 5.1, Figure 3.
/// Checked    counts of its Table 3 (768 switches, 16,384 links, 16,384 endpoints); bisection by max-flow.
Fabric build_multi_plane(const FabricRequest& request) {
  const auto nodes = std::uint32_t(request.nodes), planes = std::uint32_t(request.nics_per_node);
  const auto ports = std::uint32_t(request.switch_ports), half = ports / 2;
  const bool one_switch = nodes <= ports;
  const std::uint32_t nodes_per_leaf = one_switch ? ports : half;
  const std::uint32_t leaves = (nodes + nodes_per_leaf - 1) / nodes_per_leaf;
  const std::uint32_t spines = one_switch ? 0 : (leaves * half + ports - 1) / ports;

  Wiring wiring;
  wiring.planes = planes;
  for (std::uint32_t plane = 0; plane < planes; ++plane)
    for (std::uint32_t leaf = 0; leaf < leaves; ++leaf)
      wiring.switches.push_back({VertexKind::Leaf, plane, leaf});
  for (std::uint32_t plane = 0; plane < planes; ++plane)
    for (std::uint32_t spine = 0; spine < spines; ++spine)
      wiring.switches.push_back({VertexKind::Spine, plane, spine});

  for (std::uint32_t node = 0; node < nodes; ++node)
    for (std::uint32_t plane = 0; plane < planes; ++plane)
      wiring.leaf_of_nic.push_back(plane * leaves + node / nodes_per_leaf);
  if (!one_switch)
    for (std::uint32_t plane = 0; plane < planes; ++plane)
      deal_cables(wiring, plane * leaves, leaves, half, planes * leaves + plane * spines, spines);
  return make_fabric(request, "multi-plane-fat-tree", wiring);
}

}  // namespace orrery
