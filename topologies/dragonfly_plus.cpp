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
  std::uint32_t most_groups() const { return spines * long_cables + 1; }
  std::uint32_t ports() const {
    return std::max(nics_of_a_leaf + spines, leaves + (groups > 1 ? long_cables : 0));
  }
};

}  // namespace

Findings check_dragonfly_plus(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 5, .most_sizes = 5});
  if (!findings.empty()) return findings;
  const DragonflyPlus d(request);
  const std::uint64_t nics = std::uint64_t(request.nodes) * std::uint64_t(request.nics_per_node);
  const char* key = request.shape.empty() ? "cluster.nodes" : "cluster.shape";
  if (d.ports() > std::uint32_t(request.switch_ports)) {
    findings.push_back({key, "a switch of this dragonfly+ needs " + std::to_string(d.ports()) + " ports",
                        "at most the " + std::to_string(request.switch_ports) + " that it has"});
  }
  if (d.groups > d.most_groups()) {
    findings.push_back({key,
                        std::to_string(d.groups) + " groups of " + std::to_string(d.most_groups() - 1) +
                            " long cables each cannot be meshed",
                        "at most " + std::to_string(d.most_groups()) + " groups"});
  }
  if (nics > d.room()) {
    findings.push_back({key, std::to_string(nics) + " NICs, and room for " + std::to_string(d.room()),
                        "more groups, leaves or NICs of a leaf"});
  }
  return findings;
}

/// A dragonfly+: each group a two-layer tree of l leaves with p NICs under s spines, one cable from every
/// leaf to every spine, and h long cables from each spine to other groups, dealt evenly over them.
///
///   nic -- leaf -- every spine of the group -- spines of the other groups
///
/// Full at l = s = p = h = k/2; at most s h + 1 groups. Diameter three switches up to three cables.
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
  for (std::uint32_t nic = 0; nic < std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
       ++nic)
    wiring.leaf_of_nic.push_back(nic / d.nics_of_a_leaf);
  return make_fabric(request, "dragonfly-plus", wiring);
}

}  // namespace orrery
