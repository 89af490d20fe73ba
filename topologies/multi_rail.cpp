#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

/// Sizes of the tree. A pod is the nodes whose NICs i share a leaf, a zone the leaves under common spines.
struct Tree {
  std::uint32_t rails, half, ports;
  std::uint32_t pods, zones, pods_per_zone;
  std::uint32_t uplinks;  ///< Of a leaf: as many as the fullest has nodes below.
  std::uint32_t spines_per_zone, cores_per_spine;

  explicit Tree(const FabricRequest& request)
      : rails(std::uint32_t(request.nics_per_node)),
        half(std::uint32_t(request.switch_ports) / 2),
        ports(2 * half) {
    const auto nodes = std::uint32_t(request.nodes);
    pods = (nodes + half - 1) / half;
    uplinks = std::min(nodes, half);
    if (pods * rails <= ports) {  // Two layers.
      zones = 1, pods_per_zone = pods, cores_per_spine = 0;
      spines_per_zone = (pods * rails * uplinks + ports - 1) / ports;
    } else {
      pods_per_zone = std::max(half / rails, 1u);
      zones = (pods + pods_per_zone - 1) / pods_per_zone;
      spines_per_zone = half;
      cores_per_spine = (zones * half + ports - 1) / ports;
    }
  }
  std::uint32_t leaves_in(std::uint32_t zone) const {
    return rails * std::min(pods_per_zone, pods - zone * pods_per_zone);
  }
};

}  // namespace

Findings check_multi_rail(const FabricRequest& request) {
  Findings findings = check_nodes(request);
  if (!findings.empty()) return findings;
  const int half = request.switch_ports / 2;
  if (request.nics_per_node > half) {
    findings.push_back({"cluster.node", std::to_string(request.nics_per_node) + " rails do not fit a zone",
                        "at most " + std::to_string(half) + " NICs a node with " +
                            std::to_string(request.switch_ports) + "-port switches"});
    return findings;
  }
  const int most = request.switch_ports * (half / request.nics_per_node) * half;
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
  const Tree tree(request);
  Wiring wiring;
  for (std::uint32_t zone = 0; zone < tree.zones; ++zone)
    for (std::uint32_t leaf = 0; leaf < tree.leaves_in(zone); ++leaf)
      wiring.switches.push_back({VertexKind::Leaf, zone, leaf});
  const std::uint32_t leaves = tree.pods * tree.rails;
  for (std::uint32_t zone = 0; zone < tree.zones; ++zone)
    for (std::uint32_t spine = 0; spine < tree.spines_per_zone; ++spine)
      wiring.switches.push_back({VertexKind::Spine, zone, spine});
  const std::uint32_t spines = tree.zones * tree.spines_per_zone;
  for (std::uint32_t core = 0; core < tree.cores_per_spine * tree.spines_per_zone; ++core)
    wiring.switches.push_back({VertexKind::Core, 0, core});

  for (std::uint32_t node = 0; node < std::uint32_t(request.nodes); ++node)
    for (std::uint32_t rail = 0; rail < tree.rails; ++rail)
      wiring.leaf_of_nic.push_back(node / tree.half * tree.rails + rail);
  for (std::uint32_t zone = 0; zone < tree.zones; ++zone)
    deal_cables(wiring, zone * tree.pods_per_zone * tree.rails, tree.leaves_in(zone), tree.uplinks,
                leaves + zone * tree.spines_per_zone, tree.spines_per_zone);
  // Spine j of every zone to the cores of j: dealt in one go over the zones, so that cores fill evenly.
  for (std::uint32_t spine = 0; spine < tree.spines_per_zone && tree.cores_per_spine > 0; ++spine)
    for (std::uint32_t cable = 0; cable < tree.zones * tree.half; ++cable)
      wiring.cables.push_back(
          {leaves + cable / tree.half * tree.spines_per_zone + spine,
           leaves + spines + spine * tree.cores_per_spine + cable % tree.cores_per_spine});
  return make_fabric(request, "multi-rail-fat-tree", wiring);
}

}  // namespace orrery
