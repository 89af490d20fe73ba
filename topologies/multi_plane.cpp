#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/tree.hpp"

namespace orrery {
namespace {

/// Sizes of one plane. With one switch a plane there are no spines.
struct Planes {
  std::uint32_t planes, nics_of_a_node;  ///< The latter on one plane.
  std::uint32_t nodes_per_leaf, leaves, uplinks, spines, most_nodes;

  explicit Planes(const FabricRequest& request) {
    const auto nodes = std::uint32_t(request.nodes), ports = std::uint32_t(request.switch_ports);
    planes = std::uint32_t(request.planes == 0 ? request.nics_per_node : request.planes);
    nics_of_a_node = std::uint32_t(request.nics_per_node) / planes;
    const LeafPorts leaf = leaf_ports(request);
    const bool one_switch = nodes * nics_of_a_node <= ports;
    nodes_per_leaf = std::max((one_switch ? ports : leaf.down) / nics_of_a_node, 1u);
    leaves = (nodes + nodes_per_leaf - 1) / nodes_per_leaf;
    uplinks = one_switch ? 0 : leaf.up;
    spines = (leaves * uplinks + ports - 1) / ports;
    most_nodes = ports * (leaf.down / nics_of_a_node);
  }
};

Fabric build_planes(const FabricRequest& request, const char* name) {
  const Planes sizes(request);
  Wiring wiring;
  wiring.planes = sizes.planes;
  for (std::uint32_t plane = 0; plane < sizes.planes; ++plane)
    for (std::uint32_t leaf = 0; leaf < sizes.leaves; ++leaf)
      wiring.switches.push_back({VertexKind::Leaf, plane, leaf});
  for (std::uint32_t plane = 0; plane < sizes.planes; ++plane)
    for (std::uint32_t spine = 0; spine < sizes.spines; ++spine)
      wiring.switches.push_back({VertexKind::Spine, plane, spine});

  for (std::uint32_t node = 0; node < std::uint32_t(request.nodes); ++node)
    for (std::uint32_t nic = 0; nic < std::uint32_t(request.nics_per_node); ++nic)
      wiring.leaf_of_nic.push_back(nic % sizes.planes * sizes.leaves + node / sizes.nodes_per_leaf);
  for (std::uint32_t plane = 0; plane < sizes.planes && sizes.spines > 0; ++plane)
    deal_cables(wiring, plane * sizes.leaves, sizes.leaves, sizes.uplinks,
                sizes.planes * sizes.leaves + plane * sizes.spines, sizes.spines);
  return make_fabric(request, name, wiring);
}

/// Planes that do not divide the NICs, or nodes that do not fit.
void check_sizes(Findings& findings, const FabricRequest& request) {
  if (request.planes > 0 && request.nics_per_node % request.planes != 0) {
    findings.push_back({"cluster.planes",
                        std::to_string(request.nics_per_node) + " NICs of a node cannot be dealt to " +
                            std::to_string(request.planes) + " planes",
                        "a number that divides the NICs of a node"});
    return;
  }
  const Planes sizes(request);
  if (sizes.leaves > std::uint32_t(request.switch_ports) || sizes.most_nodes == 0) {
    findings.push_back({"cluster.nodes",
                        std::to_string(request.nodes) + " nodes do not fit the two switch layers of a plane",
                        "at most " + std::to_string(sizes.most_nodes) + " nodes with " +
                            std::to_string(request.switch_ports) + "-port switches"});
  }
}

}  // namespace

Findings check_multi_plane(const FabricRequest& request) {
  Findings findings = check_request(request, {.planes = true, .oversubscription = true});
  if (findings.empty()) check_sizes(findings, request);
  return findings;
}

/// A multi-plane fat tree: one two-layer tree a plane and no cable between planes. NIC i of every node
/// is on plane i (modulo the planes); traffic that must change planes first crosses NVLink to the node's
/// GPU on the other.
///
///   plane p   nic(*, p) -- leaf -- every spine of p       leaf: half its ports down, half up
///
/// With ports k: a plane holds k^2/2 nodes; n nodes need ceil(n / (k/2)) leaves and half as many spines.
/// Up to k nodes one switch a plane does and there are no spines.
/// Source     DeepSeek-AI, Insights into DeepSeek-V3, ISCA 2025 (arXiv 2505.09343), section 5.1, Figure 3.
/// Checked    counts of its Table 3 (768 switches, 16,384 links, 16,384 endpoints); bisection by max-flow.
Fabric build_multi_plane(const FabricRequest& request) {
  return build_planes(request, "multi-plane-fat-tree");
}

Findings check_rail_only(const FabricRequest& request) {
  Findings findings = check_request(request, {.oversubscription = true});
  if (findings.empty()) check_sizes(findings, request);
  return findings;
}

/// Rail-only: NICs i of all nodes on a network of their own, one switch or two layers, and nothing between
/// rails; what must change rails goes over NVLink. It is the multi-plane tree with a plane for each NIC.
/// Source     Wang et al., Rail-only: A Low-Cost High-Performance Network for Training LLMs with Trillion
///            Parameters, 2023 (arXiv 2307.12169).
Fabric build_rail_only(const FabricRequest& request) { return build_planes(request, "rail-only"); }

}  // namespace orrery
