#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"
#include "scenarios/comparing/comparison.hpp"

namespace orrery {
namespace {

/// The values alone: "dragonfly, h100".
std::string label_of(const ComparedPoint& point) {
  std::string label;
  for (const std::string& set : point.sets)
    label += (label.empty() ? "" : ", ") + set.substr(set.find('=') + 1);
  return label.empty() ? "as it is" : label;
}

std::vector<double> each(std::span<const ComparedPoint> points, auto value) {
  std::vector<double> all;
  for (const ComparedPoint& point : points) all.push_back(value(point));
  return all;
}

}  // namespace

Page comparison_page(std::string title, std::span<const ComparedPoint> points) {
  const std::size_t best = best_of(points);
  Grid time{
      {{"", Align::Left}, {"GPUs"}, {"step"}, {"MFU"}, {"exposed"}, {"hottest link", Align::Left}, {"use"}},
      {}};
  Grid money{
      {{"", Align::Left}, {"switches"}, {"network"}, {"power"}, {"USD a GPU-hour"}, {"USD a T tokens"}, {""}},
      {}};
  Bars bars;
  double dearest = 0;
  for (const ComparedPoint& p : points) dearest = std::max(dearest, p.usd_per_trillion);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const ComparedPoint& p = points[i];
    const bool fits = p.over <= Bytes(0);
    const std::string label = label_of(p);
    time.rows.push_back({label, grouped(p.gpus), human(p.step), percent(p.mfu), human(p.exposed),
                         p.hottest.empty() ? "folded" : p.hottest,
                         p.hottest.empty() ? "" : percent(p.hottest_use)});
    money.rows.push_back({label, grouped(p.switches), human(p.network),
                          p.network_power.value() > 0 ? human(p.network_power) : "not listed",
                          fmt::format("{:.4f}", p.gpu_hour.value()), human(Dollars(p.usd_per_trillion)),
                          !fits       ? binary_bytes(p.over) + " too much memory"
                          : i == best ? "best"
                                      : ""});
    bars.rows.push_back({label, p.usd_per_trillion / dearest, human(Dollars(p.usd_per_trillion))});
  }
  Page page{std::move(title), {}};
  page.sections.push_back(
      {"Answer",
       {Paragraph{fmt::format(
            "{}: {} a trillion tokens, the cheapest of {} that {}.", label_of(points[best]),
            human(Dollars(points[best].usd_per_trillion)), points.size(),
            points[best].over > Bytes(0) ? "were compared; none fits the memory" : "were compared")},
        money}});
  page.sections.push_back({"Where the time goes", {time}});
  page.sections.push_back({"Dollars a trillion tokens, of the dearest", {bars}});
  return page;
}

Table comparison_table(std::span<const ComparedPoint> points) {
  std::vector<std::string> names, hottest;
  for (const ComparedPoint& p : points) names.push_back(label_of(p)), hottest.push_back(p.hottest);
  using P = ComparedPoint;
  return {"comparison",
          "one row a combination",
          {{"combination", "", "values of what was varied", names},
           {"gpus", "1", "in the cluster", each(points, [](const P& p) { return double(p.gpus); })},
           {"switches", "1", "of the network", each(points, [](const P& p) { return double(p.switches); })},
           {"network_usd", "USD", "bill of the network",
            each(points, [](const P& p) { return p.network.value(); })},
           {"network_power_w", "W", "switches and transceivers that have a number",
            each(points, [](const P& p) { return p.network_power.value(); })},
           {"gpu_hour_usd", "USD", "of one GPU for an hour",
            each(points, [](const P& p) { return p.gpu_hour.value(); })},
           {"step_s", "s", "of a step", each(points, [](const P& p) { return p.step.value(); })},
           {"mfu_causal", "1", "attention counted causal", each(points, [](const P& p) { return p.mfu; })},
           {"exposed_s", "s", "all-to-all that compute waits for, mean over ranks",
            each(points, [](const P& p) { return p.exposed.value(); })},
           {"hottest_link", "", "network link with the most use", hottest},
           {"hottest_use", "1", "what crossed it over what the step could carry",
            each(points, [](const P& p) { return p.hottest_use; })},
           {"usd_per_trillion_tokens", "USD", "trained",
            each(points, [](const P& p) { return p.usd_per_trillion; })},
           {"memory_over_bytes", "B", "what the fullest rank lacks",
            each(points, [](const P& p) { return double(p.over.value()); })}}};
}

nlohmann::ordered_json comparison_summary(std::string_view title, std::span<const ComparedPoint> points) {
  nlohmann::ordered_json summary{{"schema", "orrery-comparison-1"}, {"title", title}};
  const std::size_t best = best_of(points);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const ComparedPoint& p = points[i];
    summary["points"].push_back({{"sets", p.sets},
                                 {"gpus", p.gpus},
                                 {"switches", p.switches},
                                 {"network_usd", p.network.value()},
                                 {"network_power_w", p.network_power.value()},
                                 {"gpu_hour_usd", p.gpu_hour.value()},
                                 {"step_s", p.step.value()},
                                 {"mfu_causal", p.mfu},
                                 {"exposed_s", p.exposed.value()},
                                 {"hottest_link", p.hottest},
                                 {"hottest_use", p.hottest_use},
                                 {"usd_per_trillion_tokens", p.usd_per_trillion},
                                 {"memory_over_bytes", p.over.value()},
                                 {"best", i == best}});
  }
  return summary;
}

}  // namespace orrery
