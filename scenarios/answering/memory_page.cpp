#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reports/numbers.hpp"
#include "scenarios/answering/memory_answer.hpp"

namespace orrery {
namespace {

std::string gib(Bytes bytes) { return fmt::format("{:.2f}", double(bytes.value()) / double(1 << 30)); }

/// When row `row` of a rank's timeline begins: an op's start, the step's end for the last.
Picoseconds time_of(const MemoryAnswer& answer, std::size_t rank, std::size_t row) {
  const auto& starts = answer.op_start[rank];
  return row < starts.size() ? starts[row] : answer.step;
}

std::string op_of(const MemoryAnswer& answer, std::size_t rank, std::size_t row) {
  const auto& names = answer.op_name[rank];
  return row < names.size() ? names[row] : "end";
}

Section answer_section(const MemoryAnswer& answer) {
  const RankMemory& rank = answer.fullest();
  const Bytes peak = rank.peak.total();
  const std::size_t r = std::size_t(rank.rank), op = std::size_t(rank.peak_op);
  Facts facts;
  facts.rows.push_back(
      {"peak",
       fmt::format("{} of {} on {}, {}", binary_bytes(peak), binary_bytes(answer.capacity), answer.gpu,
                   peak > answer.capacity ? binary_bytes(peak - answer.capacity) + " too much"
                                          : binary_bytes(answer.capacity - peak) + " left")});
  facts.rows.push_back(
      {"where", fmt::format("pipeline rank {}, op {} of {} ({}), {} into a step of {}", rank.rank, op + 1,
                            answer.op_name[r].size(), op_of(answer, r, op),
                            human(to_seconds(time_of(answer, r, op))), human(to_seconds(answer.step)))});
  const MemoryChoice& asked = answer.choices.front();
  if (!answer.first_fit) {
    facts.rows.push_back({"first that fits",
                          "none of the schedules and choices of recompute below: more pipeline, "
                          "tensor or expert ranks, or a smaller micro-batch"});
  } else if (asked.peak > answer.capacity) {
    const MemoryChoice& fit = answer.choices[*answer.first_fit];
    facts.rows.push_back({"first that fits", fmt::format("{}, recompute {}: {}", fit.schedule, fit.recompute,
                                                         binary_bytes(fit.peak))});
  }
  return {"Answer", {facts}};
}

Section time_section(const MemoryAnswer& answer) {
  const RankMemory& rank = answer.fullest();
  Scatter scatter{"time of the step",
                  "memory",
                  [](double seconds) { return seconds <= 0 ? "0" : human(Seconds(seconds)); },
                  [](double bytes) { return binary_bytes(Bytes(std::int64_t(bytes))); },
                  {}};
  for (std::size_t row = 0; row < rank.timeline.rows(); ++row)
    scatter.points.push_back({to_seconds(time_of(answer, std::size_t(rank.rank), row)).value(),
                              double(rank.timeline.row(row).total().value()), int(row) == rank.peak_op});
  return {fmt::format("Pipeline rank {} through a step: a point an op, the peak marked", rank.rank),
          {scatter}};
}

Section ranks_section(const MemoryAnswer& answer) {
  Grid grid{{{"GiB at the peak, rank", Align::Left}}, {}};
  std::vector<std::size_t> shown;
  for (std::size_t k = 0; k < memory_classes; ++k) {
    const auto used = [&](const RankMemory& rank) { return rank.peak.of[k] > Bytes(0); };
    if (std::any_of(answer.ranks.begin(), answer.ranks.end(), used)) shown.push_back(k);
  }
  grid.headings.front().text = "GiB at the peak of rank";
  std::vector<const RankMemory*> some{&answer.fullest()};
  for (const std::size_t rank : {std::size_t(0), answer.ranks.size() / 2, answer.ranks.size() - 1})
    if (std::find(some.begin(), some.end(), &answer.ranks[rank]) == some.end())
      some.push_back(&answer.ranks[rank]);
  std::sort(some.begin(), some.end());
  for (const RankMemory* rank : some) grid.headings.push_back({std::to_string(rank->rank)});
  for (const std::size_t k : shown) {
    std::vector<std::string> row{std::string(memory_class_name(MemoryClass(k)))};
    for (const RankMemory* rank : some) row.push_back(gib(rank->peak.of[k]));
    grid.rows.push_back(row);
  }
  std::vector<std::string> sum{"together"};
  for (const RankMemory* rank : some) sum.push_back(gib(rank->peak.total()));
  grid.rows.push_back(sum);
  return {"What it is spent on", {grid}};
}

Section choices_section(const MemoryAnswer& answer) {
  std::vector<std::string> recomputes;
  std::map<std::string, std::map<std::string, const MemoryChoice*>> by;
  std::vector<std::string> schedules;
  for (const MemoryChoice& c : answer.choices) {
    if (!by.contains(c.schedule)) schedules.push_back(c.schedule);
    by[c.schedule][c.recompute] = &c;
  }
  for (const MemoryChoice& c : answer.choices)
    if (std::find(recomputes.begin(), recomputes.end(), c.recompute) == recomputes.end())
      recomputes.push_back(c.recompute);
  Grid grid{{{"recompute", Align::Left}}, {}};
  for (const std::string& schedule : schedules) grid.headings.push_back({schedule});
  for (const std::string& recompute : recomputes) {
    std::vector<std::string> row{recompute};
    for (const std::string& schedule : schedules) {
      const auto found = by[schedule].find(recompute);
      const MemoryChoice* c = found == by[schedule].end() ? nullptr : found->second;
      row.push_back(!c ? "" : gib(c->peak) + (c->peak > answer.capacity ? " !" : c->as_asked ? " *" : "  "));
    }
    grid.rows.push_back(row);
  }
  return {"Peak of the fullest rank in GiB under other schedules and recompute",
          {grid, Paragraph{"!  does not fit   *  the plan as it was asked for"}}};
}

}  // namespace

Page memory_page(const MemoryAnswer& answer) {
  return {answer.title,
          {answer_section(answer), time_section(answer), ranks_section(answer), choices_section(answer)}};
}

std::vector<Table> memory_tables(const MemoryAnswer& answer) {
  std::vector<std::int64_t> index, rank, op;
  std::vector<std::string> names;
  std::vector<double> time;
  std::vector<std::vector<std::int64_t>> of(memory_classes + 1);
  for (std::size_t r = 0; r < answer.ranks.size(); ++r) {
    const MemoryTimeline& timeline = answer.ranks[r].timeline;
    for (std::size_t row = 0; row < timeline.rows(); ++row) {
      index.push_back(std::int64_t(index.size()));
      rank.push_back(std::int64_t(r));
      op.push_back(timeline.op[row]);
      names.push_back(op_of(answer, r, row));
      time.push_back(to_seconds(time_of(answer, r, row)).value());
      for (std::size_t k = 0; k < memory_classes; ++k) of[k].push_back(timeline.of[k][row].value());
      of[memory_classes].push_back(timeline.row(row).total().value());
    }
  }
  Table table{
      "memory_over_time",
      "what each pipeline rank holds while each of its ops runs",
      {{"row", "1", "ranks one after another, in the order of their ops", index},
       {"pipeline_rank", "1", "", rank},
       {"op", "1", "place in the rank's order", op},
       {"op_name", "", "F forward, B backward, I input gradients, W weight gradients, & overlapped", names},
       {"start_s", "s", "when the op starts, in lockstep", time}}};
  for (std::size_t k = 0; k < memory_classes; ++k) {
    std::string name(memory_class_name(MemoryClass(k)));
    std::replace(name.begin(), name.end(), ' ', '_');
    table.columns.push_back({name + "_bytes", "B", std::string(memory_class_name(MemoryClass(k))), of[k]});
  }
  table.columns.push_back({"total_bytes", "B", "all of them", of[memory_classes]});

  std::vector<std::string> schedule, recompute;
  std::vector<std::int64_t> number, peak, fits;
  for (const MemoryChoice& c : answer.choices) {
    number.push_back(std::int64_t(number.size()));
    schedule.push_back(c.schedule);
    recompute.push_back(c.recompute);
    peak.push_back(c.peak.value());
    fits.push_back(c.peak <= answer.capacity);
  }
  return {table,
          {"memory_choices",
           "peak of the fullest rank under other schedules and recompute",
           {{"choice", "1", "the plan itself first", number},
            {"schedule", "", "", schedule},
            {"recompute", "", "", recompute},
            {"peak_bytes", "B", "of the fullest rank", peak},
            {"fits", "1", "1: into the GPU", fits}}}};
}

nlohmann::ordered_json memory_summary(const MemoryAnswer& answer) {
  const RankMemory& fullest = answer.fullest();
  nlohmann::ordered_json summary{{"schema", "orrery-memory-1"},
                                 {"title", answer.title},
                                 {"capacity_bytes", answer.capacity.value()},
                                 {"peak_bytes", fullest.peak.total().value()},
                                 {"fullest_rank", fullest.rank},
                                 {"fits", fullest.peak.total() <= answer.capacity}};
  for (const RankMemory& rank : answer.ranks) {
    nlohmann::ordered_json row{{"pipeline_rank", rank.rank}, {"peak_bytes", rank.peak.total().value()}};
    for (std::size_t k = 0; k < memory_classes; ++k)
      row["at_peak"][std::string(memory_class_name(MemoryClass(k)))] = rank.peak.of[k].value();
    summary["ranks"].push_back(row);
  }
  for (const MemoryChoice& c : answer.choices)
    summary["choices"].push_back({{"schedule", c.schedule},
                                  {"recompute", c.recompute},
                                  {"peak_bytes", c.peak.value()},
                                  {"fits", c.peak <= answer.capacity}});
  if (answer.first_fit) summary["first_fit"] = summary["choices"][*answer.first_fit];
  return summary;
}

}  // namespace orrery
