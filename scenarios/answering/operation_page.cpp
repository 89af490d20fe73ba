#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "reports/numbers.hpp"
#include "scenarios/answering/figure_words.hpp"
#include "scenarios/answering/operation_answer.hpp"

namespace orrery {
namespace {

/// Mean, 5th and 95th percentile of a figure over the runs.
struct Band {
  double mean = 0, low = 0, high = 0;
};
Band band_of(const OperationAnswer& answer, const std::function<double(const OperationOutcome&)>& figure) {
  std::vector<double> values;
  for (const OperationOutcome& run : answer.runs) values.push_back(figure(run));
  std::sort(values.begin(), values.end());
  Band band;
  for (const double value : values) band.mean += value / double(values.size());
  band.low = values[values.size() / 20];
  band.high = values[values.size() - 1 - values.size() / 20];
  return band;
}

struct LossPart {
  const char* name;
  const char* key;
  Seconds OperationOutcome::*part;
};
constexpr LossPart loss_parts[] = {
    {"work done again", "redone_share", &OperationOutcome::redone},
    {"detection", "detection_share", &OperationOutcome::detection},
    {"restart", "restart_share", &OperationOutcome::restart},
    {"reading checkpoints", "reading_share", &OperationOutcome::reading},
    {"standing for checkpoints", "checkpoints_share", &OperationOutcome::checkpoints},
    {"waiting for a node", "waiting_share", &OperationOutcome::waiting},
    {"slow GPUs", "slow_share", &OperationOutcome::slow},
    {"rolled back", "rolled_back_share", &OperationOutcome::rolled_back}};

double loss_share(const OperationAnswer& answer, const LossPart& part) {
  return band_of(answer, [&](const OperationOutcome& run) { return run.*part.part / run.wall; }).mean;
}

const LossPart& largest_loss(const OperationAnswer& answer) {
  return *std::max_element(
      std::begin(loss_parts), std::end(loss_parts),
      [&](const LossPart& a, const LossPart& b) { return loss_share(answer, a) < loss_share(answer, b); });
}

double gpu_hours(const OperationAnswer& answer, const OperationOutcome& run) {
  return run.wall.value() / 3600 * answer.gpus;
}

std::string range(const Band& band, const std::function<std::string(double)>& text) {
  return fmt::format("{} ({} to {})", text(band.mean), text(band.low), text(band.high));
}

Facts facts_of(const OperationAnswer& answer) {
  const Checkpointing& c = answer.request.checkpoint;
  Facts facts;
  if (!answer.runs.empty()) {
    facts.rows.push_back({"goodput", range(band_of(answer, &OperationOutcome::goodput), percent) +
                                         "; in brackets 5 and 95 of 100 runs"});
    const Band wall = band_of(answer, [](const OperationOutcome& run) { return run.wall.value() / 86400; });
    facts.rows.push_back(
        {"time", range(wall, [](double days) { return fmt::format("{:.1f} d", days); }) +
                     fmt::format(", {:.1f} d without failures", answer.request.work.value() / 86400)});
    const Band hours = band_of(answer, [&](const OperationOutcome& run) { return gpu_hours(answer, run); });
    facts.rows.push_back({"GPU-hours", range(hours, gpu_hours_text) + ", " +
                                           human(Dollars(hours.mean * answer.price.value()))});
    const LossPart& most = largest_loss(answer);
    facts.rows.push_back(
        {"what dominates", fmt::format("{}: {} of the time", most.name, percent(loss_share(answer, most)))});
  } else if (answer.down_is_known) {
    facts.rows.push_back(
        {"goodput", "next to none: a restart takes many times as long as the cluster holds"});
  } else {
    facts.rows.push_back({"goodput",
                          "not known: operation.detection and operation.restart are not given; below, "
                          "what it is for each"});
  }
  if (answer.down_at_90)
    facts.rows.push_back({"90 % goodput", "as long as detection and restart together take less than " +
                                              human(*answer.down_at_90)});
  facts.rows.push_back({"interruptions", fmt::format("one in {} on {} GPUs, by {}", human(answer.between),
                                                     grouped(answer.job_gpus), answer.table.name)});
  facts.rows.push_back(
      {"checkpoint", fmt::format("{}, stands {}, stored after {}, every {}", decimal_bytes(answer.checkpoint),
                                 human(c.stall), human(c.write), human(c.interval))});
  facts.rows.push_back(
      {"best interval", fmt::format("{} by Young, {} by Daly", human(answer.young), human(answer.daly))});
  if (!answer.by_interval.empty()) {
    const auto least = std::min_element(answer.by_interval.begin(), answer.by_interval.end(),
                                        [](const auto& a, const auto& b) { return a.waste < b.waste; });
    facts.rows.back().value +=
        fmt::format("; {} simulated, where {} is lost", human(least->interval), percent(least->waste));
  }
  return facts;
}

}  // namespace

std::vector<Section> operation_sections(const OperationAnswer& answer) {
  std::vector<Section> sections{{"The run with interruptions", {facts_of(answer)}}};
  if (!answer.runs.empty()) {
    Bars bars;
    for (const LossPart& part : loss_parts) {
      const double share = loss_share(answer, part);
      if (share > 0)
        bars.rows.push_back(
            {part.name, share, human(Seconds(share * band_of(answer, [](const OperationOutcome& run) {
                                                       return run.wall.value();
                                                     }).mean))});
    }
    sections.push_back({"Where the lost time goes, share of all", {bars}});
    Grid causes{{{"cause", Align::Left}, {"part", Align::Left}, {"times"}, {"share"}}, {}};
    std::vector<std::pair<double, std::size_t>> order;
    double all = 0;
    for (std::size_t i = 0; i < answer.request.causes.size(); ++i) {
      const double times =
          band_of(answer, [&](const OperationOutcome& run) { return double(run.interruptions[i]); }).mean;
      order.push_back({-times, i});
      all += times;
    }
    std::sort(order.begin(), order.end());
    for (const auto& [times, i] : order) {
      const Interruption& cause = answer.request.causes[i];
      if (causes.rows.size() == 8) break;
      causes.rows.push_back({cause.name, std::string(failing_part_name(cause.part)),
                             fmt::format("{:.1f}", -times), percent(-times / all)});
    }
    sections.push_back({"What interrupts it, the most frequent", {causes}});
  }
  Grid curve{{{"detection and restart"}, {"goodput"}, {"5 of 100 runs"}, {"95 of 100"}, {"days"}}, {}};
  for (const DownTime& point : answer.curve)
    curve.rows.push_back({point.down == Seconds(0) ? "0" : human(point.down), percent(point.goodput),
                          percent(point.low), percent(point.high),
                          fmt::format("{:.1f}", answer.request.work.value() / 86400 / point.goodput)});
  sections.push_back({"Goodput by the time from an interruption to the next step", {curve}});
  return sections;
}

std::vector<Table> operation_tables(const OperationAnswer& answer) {
  std::vector<double> down, goodput, low, high;
  for (const DownTime& point : answer.curve) {
    down.push_back(point.down.value());
    goodput.push_back(point.goodput);
    low.push_back(point.low);
    high.push_back(point.high);
  }
  std::vector<Table> tables{{"goodput",
                             "by the time from an interruption to the first step",
                             {{"down_s", "s", "detection and restart together", down},
                              {"goodput", "1", "mean", goodput},
                              {"goodput_p05", "1", "5th percentile", low},
                              {"goodput_p95", "1", "95th percentile", high}}}};
  if (answer.runs.empty()) return tables;
  Table runs{"runs", "the run with interruptions, a row a seed", {}};
  const auto column = [&](const std::string& name, const char* unit, const char* meaning, auto figure) {
    std::vector<double> values;
    for (const OperationOutcome& run : answer.runs) values.push_back(figure(run));
    runs.columns.push_back({name, unit, meaning, values});
  };
  std::vector<std::int64_t> seeds;
  for (std::size_t i = 0; i < answer.runs.size(); ++i) seeds.push_back(std::int64_t(answer.request.seed + i));
  runs.columns.push_back({"seed", "1", "", seeds});
  column("wall_s", "s", "from start to end", [](const OperationOutcome& run) { return run.wall.value(); });
  column("goodput", "1", "work over wall", [](const OperationOutcome& run) { return run.goodput(); });
  column("gpu_hours", "h", "spares counted",
         [&](const OperationOutcome& run) { return gpu_hours(answer, run); });
  for (const LossPart& part : loss_parts)
    column(part.key, "1", part.name, [&](const OperationOutcome& run) { return run.*part.part / run.wall; });
  tables.push_back(std::move(runs));
  std::vector<double> interval, waste;
  for (const IntervalWaste& one : answer.by_interval) {
    interval.push_back(one.interval.value());
    waste.push_back(one.waste);
  }
  tables.push_back({"checkpoint_intervals",
                    "what is lost by the work between checkpoints",
                    {{"interval_s", "s", "work between checkpoints", interval},
                     {"waste", "1", "1 - goodput, mean of 40 runs", waste}}});
  return tables;
}

nlohmann::ordered_json operation_summary(const OperationAnswer& answer) {
  const Checkpointing& c = answer.request.checkpoint;
  nlohmann::ordered_json summary{{"failures", answer.table.name},
                                 {"mean_time_between_s", answer.between.value()},
                                 {"checkpoint_bytes", answer.checkpoint.value()},
                                 {"checkpoint_stall_s", c.stall.value()},
                                 {"checkpoint_write_s", c.write.value()},
                                 {"checkpoint_interval_s", c.interval.value()},
                                 {"young_interval_s", answer.young.value()},
                                 {"daly_interval_s", answer.daly.value()}};
  if (answer.down_at_90) summary["down_at_90_percent_s"] = answer.down_at_90->value();
  const auto put = [&](const char* name, const std::function<double(const OperationOutcome&)>& figure) {
    const Band band = band_of(answer, figure);
    summary[name] = {{"mean", band.mean}, {"p05", band.low}, {"p95", band.high}};
  };
  if (!answer.runs.empty()) {
    put("goodput", &OperationOutcome::goodput);
    put("days", [](const OperationOutcome& run) { return run.wall.value() / 86400; });
    put("gpu_hours", [&](const OperationOutcome& run) { return gpu_hours(answer, run); });
    put("cost_usd",
        [&](const OperationOutcome& run) { return gpu_hours(answer, run) * answer.price.value(); });
    for (const LossPart& part : loss_parts) summary["losses"][part.key] = loss_share(answer, part);
  }
  for (const DownTime& point : answer.curve)
    summary["curve"].push_back({{"down_s", point.down.value()},
                                {"goodput", point.goodput},
                                {"goodput_p05", point.low},
                                {"goodput_p95", point.high}});
  return summary;
}

}  // namespace orrery
