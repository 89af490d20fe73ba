#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/tree.hpp"

namespace orrery {
namespace {

TreeShape shape_of(const FabricRequest& request) {
  const auto ports = std::uint32_t(request.switch_ports);
  const std::uint32_t nics = std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
  if (nics <= ports) return {.leaves = 1, .ports = ports, .uplinks = 0, .zone_leaves = 1, .zone_spines = 0};
  const LeafPorts leaf = leaf_ports(request);
  return {.leaves = (nics + leaf.down - 1) / leaf.down,
          .ports = ports,
          .uplinks = leaf.up,
          .zone_leaves = ports / 2,
          .zone_spines = leaf.up};
}

}  // namespace

Findings check_fat_tree(const FabricRequest& request) {
  Findings findings = check_request(request, {.oversubscription = true});
  if (!findings.empty()) return findings;
  const std::int64_t nics = std::int64_t(request.nodes) * request.nics_per_node;
  const std::int64_t most =
      std::int64_t(request.switch_ports) * (request.switch_ports / 2) * leaf_ports(request).down;
  if (nics > most) {
    findings.push_back({"cluster.nodes", std::to_string(nics) + " NICs do not fit three switch layers",
                        "at most " + std::to_string(most / request.nics_per_node) + " nodes with " +
                            std::to_string(request.switch_ports) + "-port switches"});
  }
  return findings;
}

/// A folded Clos of two layers, or three above k leaves of k ports. NICs fill the leaves one after
/// another, so that a node's lie side by side, and a node of more NICs than a leaf has room for (an NVL72
/// island) spreads over several.
///
///   leaf: NICs n d .. n d + d - 1, u up         two layers up to k d NICs, three up to k^2/2 d
///
/// Source     Leiserson, Fat-trees, 1985; k-ary form: Al-Fares et al., SIGCOMM 2008.
/// Checked    switches and cables against 3k/2, k^2/2 and 5k^2/4, k^3/2 of the full trees; bisection.
Fabric build_fat_tree(const FabricRequest& request) {
  const TreeShape shape = shape_of(request);
  const std::uint32_t nics = std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
  const std::uint32_t below = shape.leaves == 1 ? nics : leaf_ports(request).down;
  Wiring wiring;
  wire_tree(wiring, shape);
  fill_with_nics(wiring, request, below);
  return make_fabric(request, "fat-tree", wiring);
}

}  // namespace orrery
