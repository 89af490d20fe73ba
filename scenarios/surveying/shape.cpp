#include <fmt/format.h>

#include "reports/numbers.hpp"
#include "scenarios/surveying/surveying.hpp"
#include "topologies/graph.hpp"
#include "topologies/survey.hpp"

namespace orrery {
namespace {

const char* plural(VertexKind kind) {
  switch (kind) {
    case VertexKind::Gpu:
      return "GPUs";
    case VertexKind::NvlinkSwitch:
      return "NVLink switches";
    case VertexKind::Nic:
      return "NICs";
    case VertexKind::Bond:
      return "bonds";
    case VertexKind::Leaf:
      return "leaves";
    case VertexKind::Spine:
      return "spines";
    case VertexKind::Core:
      return "cores";
  }
  return "";
}

std::string rate_or_none(BytesPerSecond rate) { return rate.value() > 0 ? human(rate) : "-"; }

BytesPerSecond sum_of(const Fabric& fabric, LinkIndex first, std::uint32_t count) {
  BytesPerSecond sum{};
  for (LinkIndex link = first; link < first + count; ++link) sum = sum + fabric.links[link].capacity;
  return sum;
}

/// From the top down, as fabrics are drawn.
Grid layers_of(const Fabric& fabric, const std::vector<Tier>& all) {
  Grid grid{{{"layer", Align::Left},
             {"boxes"},
             {"groups"},
             {"cables below"},
             {"beside"},
             {"above"},
             {"from below"},
             {"onwards"},
             {"oversubscribed"}},
            {}};
  for (auto tier = all.rbegin(); tier != all.rend(); ++tier) {
    const BytesPerSecond onwards = tier->above + tier->beside;
    grid.rows.push_back({plural(tier->kind), grouped(tier->boxes), grouped(tier->groups),
                         grouped(tier->cables_below), grouped(tier->cables_beside),
                         grouped(tier->cables_above), rate_or_none(tier->below), rate_or_none(onwards),
                         onwards.value() > 0 ? fmt::format("{:.2f} : 1", tier->oversubscription()) : "-"});
  }
  const std::uint32_t gpus = fabric.gpus();
  if (fabric.nics() > 0)
    grid.rows.push_back({plural(VertexKind::Nic), grouped(fabric.nics()), grouped(fabric.planes), "-", "-",
                         grouped(fabric.nics()), "-", human(sum_of(fabric, 2 * gpus, fabric.nics())), "-"});
  grid.rows.push_back({"GPUs", grouped(gpus), grouped(fabric.nodes), "-", "-", grouped(gpus), "-",
                       human(sum_of(fabric, 0, gpus)), "-"});
  return grid;
}

/// What every layer sends on, of what all NVLink ports can: the picture of where a fabric narrows.
Bars widths_of(const Fabric& fabric, const std::vector<Tier>& all) {
  const std::uint32_t gpus = fabric.gpus();
  const BytesPerSecond nvlink = sum_of(fabric, 0, gpus);
  Bars bars;
  const auto add = [&](const char* label, BytesPerSecond rate) {
    bars.rows.push_back({label, rate / nvlink, human(rate)});
  };
  for (auto tier = all.rbegin(); tier != all.rend(); ++tier)
    if (tier->above.value() + tier->beside.value() > 0) add(plural(tier->kind), tier->above + tier->beside);
  if (fabric.nics() > 0) add("NICs", sum_of(fabric, 2 * gpus, fabric.nics()));
  add("NVLink", nvlink);
  return bars;
}

}  // namespace

Survey survey_shape(const SurveyedCluster& cluster) {
  const Fabric& fabric = cluster.fabric;
  const FabricCounts counts = count(fabric);
  const std::vector<Tier> all = tiers(fabric);
  const SwitchesBetween between = switches_between(fabric);
  const Bisection half = bisection(fabric);
  const std::uint64_t ways =
      fabric.nodes > 1 && fabric.nics() > 0
          ? shortest_paths(fabric, fabric.first_nic(),
                           fabric.first_nic() + (fabric.nodes - 1) * fabric.nics_per_node)
          : 0;
  Survey survey;
  const std::string title = "orrery topology show: " + fabric.topology;
  survey.page.title = title;
  Facts facts;
  facts.rows.push_back(
      {"cluster", fmt::format("{} GPUs in {} nodes of {}, {} NICs on {} plane{}", grouped(counts.gpus),
                              grouped(fabric.nodes), fabric.gpus_per_node, grouped(counts.nics),
                              fabric.planes, fabric.planes == 1 ? "" : "s")});
  facts.rows.push_back(
      {"switches", fmt::format("{} of {} ports, {} cables between them", grouped(counts.switches()),
                               cluster.assembled.network_switch.ports, grouped(counts.trunk_cables))});
  if (half.offered.value() > 0) {
    facts.rows.push_back(
        {"bisection", fmt::format("{}, {} of what half of the NICs send", human(half.carried),
                                  percent(half.carried / half.offered))});
    facts.rows.push_back({"distance", fmt::format("{:.2f} switches between two NICs of a plane, {} at most",
                                                  between.mean, between.most)});
    facts.rows.push_back(
        {"ways", fmt::format("{} shortest from the first node's first NIC to the last node's",
                             grouped(std::int64_t(ways)))});
  }
  survey.page.sections.push_back({"Fabric", {facts}});
  survey.page.sections.push_back({"Layers, from the top", {layers_of(fabric, all)}});
  survey.page.sections.push_back({"What a layer can send on, of what NVLink can", {widths_of(fabric, all)}});

  survey.summary = {{"schema", "orrery-topology-1"},
                    {"topology", fabric.topology},
                    {"gpus", counts.gpus},
                    {"nodes", fabric.nodes},
                    {"nics", counts.nics},
                    {"planes", fabric.planes},
                    {"switches", counts.switches()},
                    {"endpoint_cables", counts.endpoint_cables},
                    {"trunk_cables", counts.trunk_cables},
                    {"bisection_bytes_per_s", half.carried.value()},
                    {"offered_bytes_per_s", half.offered.value()},
                    {"diameter_switches", between.most},
                    {"mean_switches", between.mean},
                    {"shortest_ways", ways}};
  for (const Tier& tier : all)
    survey.summary["tiers"].push_back({{"layer", plural(tier.kind)},
                                       {"boxes", tier.boxes},
                                       {"groups", tier.groups},
                                       {"cables_below", tier.cables_below},
                                       {"cables_beside", tier.cables_beside},
                                       {"cables_above", tier.cables_above},
                                       {"from_below_bytes_per_s", tier.below.value()},
                                       {"onwards_bytes_per_s", (tier.above + tier.beside).value()},
                                       {"oversubscription", tier.oversubscription()}});
  return survey;
}

}  // namespace orrery
