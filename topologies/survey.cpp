#include "topologies/survey.hpp"

#include <algorithm>
#include <set>

#include "topologies/graph.hpp"
#include "topologies/routing.hpp"

namespace orrery {

std::vector<Tier> tiers(const Fabric& fabric) {
  std::vector<Tier> all;
  const auto tier_of = [&](VertexKind kind) -> Tier& {
    for (Tier& tier : all)
      if (tier.kind == kind) return tier;
    all.push_back({.kind = kind});
    return all.back();
  };
  std::set<std::pair<VertexKind, std::uint32_t>> groups;
  for (VertexIndex v = fabric.first_switch(); v < fabric.vertices.size(); ++v) {
    const Vertex& vertex = fabric.vertices[v];
    if (vertex.kind == VertexKind::Bond) continue;
    Tier& tier = tier_of(vertex.kind);
    ++tier.boxes;
    if (groups.insert({vertex.kind, vertex.group}).second) ++tier.groups;
  }
  for (const Link& link : fabric.links) {
    const VertexKind from = fabric.vertices[link.from].kind, to = fabric.vertices[link.to].kind;
    if (from < VertexKind::Nic || to < VertexKind::Leaf) continue;  // Each cable once: by its way up.
    Tier& upper = tier_of(to);
    if (from < to) {
      ++upper.cables_below;
      upper.below = upper.below + link.capacity;
    }
    if (from < VertexKind::Leaf) continue;
    Tier& lower = tier_of(from);
    if (from < to) {
      ++lower.cables_above;
      lower.above = lower.above + link.capacity;
    } else if (from == to) {
      if (link.from < link.to) ++lower.cables_beside;
      lower.beside = lower.beside + link.capacity;
    }
  }
  return all;
}

SwitchesBetween switches_between(const Fabric& fabric) {
  SwitchesBetween result;
  if (fabric.nics() == 0) return result;
  Router router(fabric);
  std::vector<std::int64_t> nics_below(fabric.vertices.size());
  for (const VertexIndex leaf : fabric.leaf_of_nic) ++nics_below[leaf];
  double sum = 0, pairs = 0;
  for (VertexIndex to = fabric.first_switch(); to < fabric.vertices.size(); ++to) {
    if (nics_below[to] == 0) continue;
    const std::span<const std::uint16_t> distances = router.distances_to(to);
    for (VertexIndex from = fabric.first_switch(); from < fabric.vertices.size(); ++from) {
      const std::uint16_t distance = distances[from - fabric.first_switch()];
      if (nics_below[from] == 0 || distance == Router::no_way) continue;
      // A bond at either end is no switch.
      const auto bonds = std::uint32_t(fabric.vertices[from].kind == VertexKind::Bond) +
                         std::uint32_t(fabric.vertices[to].kind == VertexKind::Bond);
      if (from == to && bonds > 0) continue;
      const std::uint32_t switches = distance + 1 - bonds;
      const double of_these = double(nics_below[from]) * double(nics_below[to] - (from == to ? 1 : 0));
      sum += of_these * switches;
      pairs += of_these;
      if (of_these > 0) result.most = std::max(result.most, switches);
    }
  }
  result.mean = pairs > 0 ? sum / pairs : 0;
  return result;
}

Bisection bisection(const Fabric& fabric) {
  Bisection result;
  if (fabric.nodes < 2 || fabric.nics() == 0) return result;
  const std::uint32_t half = fabric.nodes / 2;
  std::vector<VertexIndex> sources, sinks;
  for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu) {
    if (fabric.node_of(gpu) < half) sources.push_back(gpu);
    if (fabric.node_of(gpu) >= fabric.nodes - half) sinks.push_back(gpu);
  }
  result.carried = max_flow(fabric, sources, sinks);
  for (std::uint32_t nic = 0; nic < half * fabric.nics_per_node; ++nic)
    result.offered = result.offered + fabric.links[2 * fabric.gpus() + nic].capacity;
  return result;
}

}  // namespace orrery
