#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/numbers.hpp"
#include "scenarios/answering/figure_words.hpp"
#include "scenarios/sweeping/sweep.hpp"

namespace orrery {
namespace {

constexpr std::size_t most_rows = 20;  ///< Of the page; the tables have all.

/// The value that a point gave to a key; the last one wins, as with --set. Empty: as the scenario has it.
std::string value_of(const SweepPoint& point, const std::string& key) {
  std::string value;
  for (const std::string& set : point.sets)
    if (set.starts_with(key + "=")) value = set.substr(key.size() + 1);
  return value;
}

std::string label_of(const SweepView& view, const SweepPoint& point) {
  std::string label;
  for (const std::string& key : view.keys) {
    const std::string value = value_of(point, key);
    if (!value.empty()) label += (label.empty() ? "" : ", ") + key.substr(key.rfind('.') + 1) + " " + value;
  }
  return label.empty() ? "as it is" : label;
}

std::array<int, 4> outcomes(std::span<const SweepPoint> points) {
  std::array<int, 4> count{};
  for (const SweepPoint& point : points) ++count[std::size_t(point.figures.outcome)];
  return count;
}

/// Indices of simulated points, the cheapest first.
std::vector<std::size_t> by_cost(std::span<const SweepPoint> points) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (points[i].figures.ok()) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return points[a].figures.cost.value() < points[b].figures.cost.value();
  });
  return order;
}

Section answer_section(const SweepView& view, std::span<const SweepPoint> points,
                       const std::vector<bool>& front) {
  const auto count = outcomes(points);
  const std::vector<std::size_t> order = by_cost(points);
  Facts facts;
  if (!order.empty()) {
    const SweepPoint& cheapest = points[order.front()];
    const auto fastest = *std::min_element(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return points[a].figures.wall.value() < points[b].figures.wall.value();
    });
    const auto told = [&](const SweepPoint& p) {
      return fmt::format("{}: {} in {}", label_of(view, p), human(p.figures.cost), human(p.figures.wall));
    };
    facts.rows.push_back({"cheapest", told(cheapest)});
    facts.rows.push_back({"fastest", told(points[fastest])});
  }
  std::string told = fmt::format("{} simulated ({})", grouped(count[0]), view.fidelity);
  for (std::size_t outcome = 1; outcome < count.size(); ++outcome)
    if (count[outcome] > 0)
      told += fmt::format(", {} {}", grouped(count[outcome]), outcome_name(PointOutcome(outcome)));
  facts.rows.push_back({"points", fmt::format("{}: {}", grouped(std::int64_t(points.size())), told)});
  facts.rows.push_back({"on the front", grouped(std::count(front.begin(), front.end(), true)) +
                                            " that no other point beats in both cost and time"});
  return {"Answer", {facts}};
}

Section points_section(const SweepView& view, std::span<const SweepPoint> points,
                       const std::vector<bool>& front) {
  Grid grid{{{"point", Align::Left},
             {"GPUs"},
             {"step"},
             {"MFU"},
             {"memory"},
             {"GPU-hours"},
             {"time"},
             {"cost"},
             {""}},
            {}};
  const std::vector<std::size_t> order = by_cost(points);
  std::vector<std::size_t> shown;
  for (const bool on_front : {true, false}) {
    for (const std::size_t i : order)
      if (front[i] == on_front && shown.size() < most_rows) shown.push_back(i);
  }
  std::sort(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
    return points[a].figures.cost.value() != points[b].figures.cost.value()
               ? points[a].figures.cost.value() < points[b].figures.cost.value()
               : a < b;
  });
  for (const std::size_t i : shown) {
    const Figures& f = points[i].figures;
    grid.rows.push_back({label_of(view, points[i]), grouped(f.gpus), human(f.step), percent(f.mfu_causal),
                         binary_bytes(f.peak), gpu_hours_text(f.gpu_hours), human(f.wall), human(f.cost),
                         front[i] ? "front" : ""});
  }
  Section section{"Points, the cheapest first", {grid}};
  if (order.size() > shown.size())
    section.blocks.push_back(Paragraph{fmt::format("{} of {}; points.csv and results.h5 have all.",
                                                   shown.size(), grouped(std::int64_t(order.size())))});
  return section;
}

Section front_section(std::span<const SweepPoint> points, const std::vector<bool>& front) {
  Scatter scatter{"cost",
                  "time",
                  [](double usd) { return human(Dollars(usd)); },
                  [](double seconds) { return human(Seconds(seconds)); },
                  {}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Figures& f = points[i].figures;
    if (f.ok()) scatter.points.push_back({f.cost.value(), f.wall.value(), front[i]});
  }
  return {"Cost against time, the front marked", {scatter}};
}

Section losers_section(const SweepView& view, std::span<const SweepPoint> points) {
  Grid grid{{{"point", Align::Left}, {"", Align::Left}, {"why", Align::Left}}, {}};
  int left = 0;
  for (const SweepPoint& point : points) {
    if (point.figures.ok()) continue;
    if (grid.rows.size() < most_rows / 2)
      grid.rows.push_back(
          {label_of(view, point), std::string(outcome_name(point.figures.outcome)), point.figures.why});
    else
      ++left;
  }
  Section section{"Not simulated", {grid}};
  if (left > 0) section.blocks.push_back(Paragraph{fmt::format("and {} more, in points.csv", grouped(left))});
  return section;
}

}  // namespace

Page sweep_page(const SweepView& view, std::span<const SweepPoint> points) {
  const std::vector<bool> front = pareto_front(points);
  Page page{view.title, {}};
  page.sections.push_back(answer_section(view, points, front));
  if (outcomes(points)[0] > 0) {
    page.sections.push_back(points_section(view, points, front));
    if (outcomes(points)[0] > 1) page.sections.push_back(front_section(points, front));
  }
  if (outcomes(points)[0] < int(points.size())) page.sections.push_back(losers_section(view, points));
  page.sections.push_back(
      {"How to read this",
       {Paragraph{
           view.depth == RunDepth::Phases
               ? "Cost and time are of the whole run: every phase and ramp level with its own step."
               : "Cost and time take every phase at the speed of the full batch; --phases simulates each "
                 "phase and ramp level. Without a phase they are of 10^12 tokens."}}});
  return page;
}

Table sweep_table(const SweepView& view, std::span<const SweepPoint> points) {
  const std::vector<bool> front = pareto_front(points);
  Table table{"points", "one row a point", {}};
  std::vector<std::int64_t> index, on_front;
  for (std::size_t i = 0; i < points.size(); ++i)
    index.push_back(std::int64_t(i)), on_front.push_back(front[i]);
  table.columns.push_back({"point", "1", "in the order of what varies, the last fastest", index});
  for (const std::string& key : view.keys) {
    std::vector<std::string> values;
    for (const SweepPoint& p : points) values.push_back(value_of(p, key));
    table.columns.push_back({key, "", "as it was set", values});
  }
  const auto texts = [&](const char* name, const char* meaning, auto value) {
    std::vector<std::string> all;
    for (const SweepPoint& p : points) all.emplace_back(value(p.figures));
    table.columns.push_back({name, "", meaning, all});
  };
  const auto numbers = [&](const char* name, const char* unit, const char* meaning, auto value) {
    std::vector<double> all;
    for (const SweepPoint& p : points) all.push_back(double(value(p.figures)));
    table.columns.push_back({name, unit, meaning, all});
  };
  using F = Figures;
  texts("outcome", "simulated, does not fit, refused or failed",
        [](const F& f) { return outcome_name(f.outcome); });
  texts("why", "of what was not simulated", [](const F& f) { return f.why; });
  numbers("gpus", "1", "in the cluster", [](const F& f) { return f.gpus; });
  numbers("step_s", "s", "of a step", [](const F& f) { return f.step.value(); });
  numbers("mfu_causal", "1", "attention counted causal", [](const F& f) { return f.mfu_causal; });
  numbers("tokens_per_s_per_gpu", "s-1", "trained", [](const F& f) { return f.tokens_per_s_per_gpu; });
  numbers("bubble_share", "1", "of the step between ops, mean over ranks",
          [](const F& f) { return f.bubble_share; });
  numbers("exposed_share", "1", "of the step that compute waits for an all-to-all",
          [](const F& f) { return f.exposed_share; });
  numbers("peak_bytes", "B", "memory of the fullest rank", [](const F& f) { return f.peak.value(); });
  numbers("gpu_hours", "h", "of the phases, or of 10^12 tokens", [](const F& f) { return f.gpu_hours; });
  numbers("wall_s", "s", "of the same", [](const F& f) { return f.wall.value(); });
  numbers("cost_usd", "USD", "GPU-hours at the scenario's price", [](const F& f) { return f.cost.value(); });
  table.columns.push_back({"front", "1", "1: no other point beats it in both cost and time", on_front});
  return table;
}

nlohmann::ordered_json sweep_summary(const SweepView& view, std::span<const SweepPoint> points) {
  const std::vector<bool> front = pareto_front(points);
  const auto count = outcomes(points);
  nlohmann::ordered_json summary{
      {"schema", "orrery-sweep-1"}, {"title", view.title}, {"fidelity", view.fidelity}};
  for (std::size_t outcome = 0; outcome < count.size(); ++outcome)
    summary["outcomes"][std::string(outcome_name(PointOutcome(outcome)))] = count[outcome];
  summary["front"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < points.size(); ++i) {
    nlohmann::ordered_json point{{"set", points[i].sets}};
    point.update(to_json(points[i].figures));
    point["front"] = bool(front[i]);
    if (front[i]) summary["front"].push_back(i);
    summary["points"].push_back(std::move(point));
  }
  return summary;
}

}  // namespace orrery
