#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"
#include "scenarios/surveying/surveying.hpp"
#include "topologies/graph.hpp"

namespace orrery {
namespace {

constexpr std::size_t most_shown = 12;

}  // namespace

Survey survey_weakness(const SurveyedCluster& cluster) {
  std::vector<WeakPoint> weak = weak_points(cluster.fabric);
  std::stable_sort(weak.begin(), weak.end(),
                   [](const WeakPoint& a, const WeakPoint& b) { return a.gpus_lost > b.gpus_lost; });
  Survey survey;
  survey.sound = weak.empty();
  survey.page.title = "orrery topology check: " + cluster.fabric.topology;
  const std::int64_t gpus = cluster.fabric.gpus();
  if (weak.empty()) {
    survey.page.sections.push_back(
        {"Sound",
         {Paragraph{fmt::format("No box and no cable alone parts any of {} GPUs from the others; NVLink and "
                                "other planes lead round every loss.",
                                grouped(gpus))}}});
  } else {
    Grid grid{{{"without", Align::Left}, {"GPUs parted"}, {"of all"}}, {}};
    for (std::size_t i = 0; i < std::min(most_shown, weak.size()); ++i)
      grid.rows.push_back(
          {weak[i].name, grouped(weak[i].gpus_lost), percent(double(weak[i].gpus_lost) / double(gpus))});
    std::vector<PageBlock> blocks{
        Paragraph{
            fmt::format("{} boxes or cables each part GPUs from the others if lost alone; the worst: {}.",
                        grouped(std::int64_t(weak.size())), weak.front().name)},
        grid};
    if (weak.size() > most_shown)
      blocks.push_back(Paragraph{
          fmt::format("and {} more; --json lists all", grouped(std::int64_t(weak.size() - most_shown)))});
    survey.page.sections.push_back({"Single points of failure", blocks});
  }
  survey.summary = {{"schema", "orrery-weakness-1"},
                    {"topology", cluster.fabric.topology},
                    {"gpus", gpus},
                    {"sound", survey.sound},
                    {"weak_points", nlohmann::ordered_json::array()}};
  for (const WeakPoint& point : weak)
    survey.summary["weak_points"].push_back({{"without", point.name}, {"gpus_parted", point.gpus_lost}});
  return survey;
}

}  // namespace orrery
