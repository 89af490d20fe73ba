#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/tree.hpp"

namespace orrery {
namespace {

std::uint32_t pods_of(const FabricRequest& request) {
  const std::uint32_t down = leaf_ports(request).down;
  return (std::uint32_t(request.nodes) + down - 1) / down;
}

/// A pod is the nodes whose NICs i share a leaf. A zone holds whole pods.
TreeShape shape_of(const FabricRequest& request) {
  const auto rails = std::uint32_t(request.nics_per_node), ports = std::uint32_t(request.switch_ports);
  const LeafPorts leaf = leaf_ports(request);
  const std::uint32_t fullest = std::min(std::uint32_t(request.nodes), leaf.down);
  return {.leaves = pods_of(request) * rails,
          .ports = ports,
          // As many as the fullest leaf needs.
          .uplinks = std::min(leaf.up, (fullest * leaf.up + leaf.down - 1) / leaf.down),
          .zone_leaves = std::max(ports / 2 / rails, 1u) * rails,
          .zone_spines = leaf.up};
}

}  // namespace

Findings check_multi_rail(const FabricRequest& request) {
  Findings findings = check_request(request, {.oversubscription = true});
  if (!findings.empty()) return findings;
  const int half = request.switch_ports / 2;
  if (request.nics_per_node > half) {
    findings.push_back({"cluster.node", std::to_string(request.nics_per_node) + " rails do not fit a zone",
                        "at most " + std::to_string(half) + " NICs a node with " +
                            std::to_string(request.switch_ports) + "-port switches"});
    return findings;
  }
  const int most = request.switch_ports * (half / request.nics_per_node) * int(leaf_ports(request).down);
  if (request.nodes > most) {
    findings.push_back({"cluster.nodes",
                        std::to_string(request.nodes) + " nodes do not fit three switch layers",
                        "at most " + std::to_string(most) + " nodes with " +
                            std::to_string(request.switch_ports) + "-port switches"});
  }
  return findings;
}

/// A single-plane multi-rail fat tree: NIC i of the nodes of a pod on rail-leaf i, all leaves under
/// common spines; above k leaves of k ports a third layer joins zones of k/2 leaves.
///
///   two layers     nic(pod's nodes, i) -- leaf(pod, i) -- every spine              up to k^2/2 NICs
///   three layers   spine j of every zone -- the cores of j                         up to k^3/4 NICs
///
/// Source     the baseline of DeepSeek-AI, Insights into DeepSeek-V3, ISCA 2025 (arXiv 2505.09343), 5.1;
///            rails as in NVIDIA's DGX SuperPOD reference.
/// Checked    the FT2 and FT3 columns of its Table 3; bisection by max-flow.
Fabric build_multi_rail(const FabricRequest& request) {
  const auto rails = std::uint32_t(request.nics_per_node);
  const std::uint32_t nodes_of_a_pod = leaf_ports(request).down;
  Wiring wiring;
  wire_tree(wiring, shape_of(request));
  for (std::uint32_t node = 0; node < std::uint32_t(request.nodes); ++node)
    for (std::uint32_t rail = 0; rail < rails; ++rail)
      wiring.leaf_of_nic.push_back(node / nodes_of_a_pod * rails + rail);
  return make_fabric(request, "multi-rail-fat-tree", wiring);
}

}  // namespace orrery
