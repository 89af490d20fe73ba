#include <algorithm>

#include "topologies/catalog.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

/// p, a, h, g of the paper. The smallest balanced one that holds the nodes, if the request names none.
struct Dragonfly {
  std::uint32_t nics_of_a_switch, switches_of_a_group, long_cables, groups;

  explicit Dragonfly(const FabricRequest& request) {
    const auto nics = std::uint32_t(request.nodes) * std::uint32_t(request.nics_per_node);
    if (!request.shape.empty()) {
      nics_of_a_switch = std::uint32_t(request.shape[0]);
      switches_of_a_group = std::uint32_t(request.shape[1]);
      long_cables = std::uint32_t(request.shape[2]);
      groups = std::uint32_t(request.shape[3]);
      return;
    }
    const std::uint32_t p = std::max((std::uint32_t(request.switch_ports) + 1) / 4, 1u);
    nics_of_a_switch = long_cables = p;
    switches_of_a_group = std::min(2 * p, (nics + p - 1) / p);
    groups = (nics + p * switches_of_a_group - 1) / (p * switches_of_a_group);
  }
  std::uint64_t room() const { return std::uint64_t(nics_of_a_switch) * switches_of_a_group * groups; }
  std::uint32_t ports() const {
    return nics_of_a_switch + switches_of_a_group - 1 + (groups > 1 ? long_cables : 0);
  }
};

}  // namespace

Findings check_dragonfly(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 4, .most_sizes = 4});
  if (!findings.empty()) return findings;
  const Dragonfly d(request);
  return check_direct(request, {.name = "dragonfly",
                                .ports = d.ports(),
                                .room = d.room(),
                                .remedy = "more groups, switches or NICs of a switch",
                                .groups = d.groups,
                                .long_cables = d.switches_of_a_group * d.long_cables});
}

/// A dragonfly: groups of a switches, each meshed with the others of its group by a - 1 short cables, with
/// p NICs and h long cables to other groups, dealt evenly over them.
///
///   group G:  switch 0 -- switch 1 -- ... (all pairs)      long cable t of the group leaves switch t / h
///
/// Balanced at a = 2 p = 2 h, which k = 4 p - 1 ports allow; at most a h + 1 groups. Diameter three.
/// Formulas   switches a g; NICs p a g; cables g a (a - 1) / 2 + g a h / 2.
/// Source     Kim, Dally, Scott, Abts, Technology-driven, highly-scalable dragonfly topology, ISCA 2008.
/// Checked    511 groups of p = h = 16, a = 32: the DF column of arXiv 2505.09343 Table 3.
Fabric build_dragonfly(const FabricRequest& request) {
  const Dragonfly d(request);
  const std::uint32_t a = d.switches_of_a_group;
  Wiring wiring;
  for (std::uint32_t group = 0; group < d.groups; ++group)
    for (std::uint32_t i = 0; i < a; ++i) wiring.switches.push_back({VertexKind::Leaf, group, i});
  for (std::uint32_t group = 0; group < d.groups; ++group)
    for (std::uint32_t i = 0; i < a; ++i)
      for (std::uint32_t j = i + 1; j < a; ++j) wiring.cables.push_back({group * a + i, group * a + j});
  for (const GroupCable& cable : mesh_of_groups(d.groups, a * d.long_cables))
    wiring.cables.push_back({cable.group * a + cable.port / d.long_cables,
                             cable.other_group * a + cable.other_port / d.long_cables});
  fill_with_nics(wiring, request, d.nics_of_a_switch);
  return make_fabric(request, "dragonfly", wiring);
}

}  // namespace orrery
