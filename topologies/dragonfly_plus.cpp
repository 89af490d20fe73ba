#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

/// The smallest full one that holds the nodes, if the request names none.
struct DragonflyPlus {
  std::uint32_t nics_of_a_leaf, leaves, spines, long_cables, groups;  ///< Leaves and spines of a group.

  explicit DragonflyPlus(const FabricRequest& request) {
    const auto nics = std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
    if (!request.shape.empty()) {
      nics_of_a_leaf = std::uint32_t(request.shape[0]), leaves = std::uint32_t(request.shape[1]);
      spines = std::uint32_t(request.shape[2]), long_cables = std::uint32_t(request.shape[3]);
      groups = std::uint32_t(request.shape[4]);
      return;
    }
    const std::uint32_t half = std::uint32_t(request.switch_ports) / 2;
    nics_of_a_leaf = spines = long_cables = half;
    leaves = std::min(half, (nics + half - 1) / half);
    groups = (nics + half * leaves - 1) / (half * leaves);
  }
  std::uint64_t room() const { return std::uint64_t(nics_of_a_leaf) * leaves * groups; }
  std::uint32_t ports() const {
    return std::max(nics_of_a_leaf + spines, leaves + (groups > 1 ? long_cables : 0));
  }
};

}  // namespace

Findings check_dragonfly_plus(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 5, .most_sizes = 5});
  if (!findings.empty()) return findings;
  const DragonflyPlus d(request);
  return check_direct(request, {.name = "dragonfly+",
                                .ports = d.ports(),
                                .room = d.room(),
                                .remedy = "more groups, leaves or NICs of a leaf",
                                .groups = d.groups,
                                .long_cables = d.spines * d.long_cables});
}

/// A dragonfly+: each group a two-layer tree of l leaves with p NICs under s spines, one cable from every
/// leaf to every spine, and h long cables from each spine to other groups, dealt evenly over them.
///
///   nic -- leaf -- every spine of the group -- spines of the other groups
///
/// Full at l = s = p = h = k/2; at most s h + 1 groups. Leaves are at most three cables apart.
/// Formulas   switches g (l + s); NICs g l p; cables g l s + g s h / 2.
/// Source     Shpiner et al., Dragonfly+: Low Cost Topology for Scaling Datacenters, HiPINEB 2017.
/// Checked    counts by the formulas, diameter by breadth-first search.
Fabric build_dragonfly_plus(const FabricRequest& request) {
  const DragonflyPlus d(request);
  const std::uint32_t first_spine = d.groups * d.leaves;
  Wiring wiring;
  for (std::uint32_t group = 0; group < d.groups; ++group)
    for (std::uint32_t i = 0; i < d.leaves; ++i) wiring.switches.push_back({VertexKind::Leaf, group, i});
  for (std::uint32_t group = 0; group < d.groups; ++group)
    for (std::uint32_t i = 0; i < d.spines; ++i) wiring.switches.push_back({VertexKind::Spine, group, i});
  for (std::uint32_t group = 0; group < d.groups; ++group)
    for (std::uint32_t leaf = 0; leaf < d.leaves; ++leaf)
      for (std::uint32_t spine = 0; spine < d.spines; ++spine)
        wiring.cables.push_back({group * d.leaves + leaf, first_spine + group * d.spines + spine});
  for (const GroupCable& cable : mesh_of_groups(d.groups, d.spines * d.long_cables))
    wiring.cables.push_back({first_spine + cable.group * d.spines + cable.port / d.long_cables,
                             first_spine + cable.other_group * d.spines + cable.other_port / d.long_cables});
  fill_with_nics(wiring, request, d.nics_of_a_leaf);
  return make_fabric(request, "dragonfly-plus", wiring);
}

}  // namespace orrery
