#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/numbers.hpp"
#include "scenarios/answering/figure_words.hpp"
#include "scenarios/planning/search.hpp"

namespace orrery {
namespace {

constexpr std::size_t most_rows = 12;

/// Why a plan lost: over a limit, or which part of its step is longer than the winner's.
std::string why(const PlanAnswer& answer, const RankedPlan& plan) {
  const RankedPlan& best = answer.plans.front();
  if (&plan == &best) return best.meets ? "wins" : "comes nearest";
  if (best.meets && !plan.meets) {
    if (answer.limits.deadline && plan.figures.wall > *answer.limits.deadline) return "misses the deadline";
    if (answer.limits.budget && plan.figures.cost > *answer.limits.budget) return "over the budget";
    return "does not fit the memory";
  }
  const FigureParts mine = parts_of(plan.figures), winners = parts_of(best.figures);
  std::array<std::pair<Seconds, const char*>, 3> longer = {
      {{mine.bubble - winners.bubble, "bubble"},
       {mine.exposed - winners.exposed, "exposed all-to-all"},
       {mine.kernels - winners.kernels, "kernels"}}};
  std::string text;
  if (plan.figures.gpus == best.figures.gpus) {
    std::sort(longer.begin(), longer.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [time, name] : longer) {
      if (time > 0.002 * best.figures.step && text.size() < 40)
        text += (text.empty() ? "+" : ", +") + human(time) + " " + name;
    }
  }
  const double dearer = plan.figures.cost / best.figures.cost - 1;
  return text.empty() ? signed_percent(100 * dearer) + " cost" : text;
}

std::string days(Seconds wall) { return fmt::format("{:.1f} d", wall.value() / 86400); }

Section answer_section(const PlanAnswer& answer) {
  Facts facts;
  if (answer.found()) {
    const RankedPlan& best = answer.plans.front();
    facts.rows.push_back({"best plan", best.words});
    facts.rows.push_back(
        {"", fmt::format("{} a step, MFU {}, {} of memory", human(best.figures.step),
                         percent(best.figures.mfu_causal), binary_bytes(best.figures.peak))});
    facts.rows.push_back({"cost", fmt::format("{} in {}, {} GPU-hours on {} GPUs", human(best.figures.cost),
                                              days(best.figures.wall), gpu_hours_text(best.figures.gpu_hours),
                                              grouped(best.figures.gpus))});
    const auto asked =
        std::find_if(answer.plans.begin(), answer.plans.end(), [](const RankedPlan& p) { return p.asked; });
    if (asked != answer.plans.end()) {
      const double saved = 1 - best.figures.cost / asked->figures.cost;
      facts.rows.push_back(
          {"as asked", asked->asked && &*asked == &best
                           ? "the scenario's own plan is the best"
                           : fmt::format("{} in {}: the best plan costs {}", human(asked->figures.cost),
                                         days(asked->figures.wall), signed_percent(-100 * saved))});
    }
  } else {
    facts.rows.push_back({"no plan", "none of the space meets all limits; the nearest to each:"});
    for (const NearMiss& near : answer.near) facts.rows.push_back({near.what, near.words});
  }
  facts.rows.push_back({"the search", fmt::format("{} plans considered, {} simulated",
                                                  grouped(answer.considered), grouped(answer.simulated))});
  return {"Answer", {facts}};
}

Section plans_section(const PlanAnswer& answer) {
  Grid grid{{{"plan", Align::Left},
             {"step"},
             {"MFU"},
             {"memory"},
             {"time"},
             {"cost"},
             {"against the best", Align::Left}},
            {}};
  std::size_t rows = 0;
  for (const RankedPlan& p : answer.plans) {
    if (!p.folded || (++rows > most_rows && !p.asked)) continue;
    grid.rows.push_back({(p.asked ? "as asked: " : "") + p.words, human(p.figures.step),
                         percent(p.figures.mfu_causal), binary_bytes(p.figures.peak), days(p.figures.wall),
                         human(p.figures.cost), why(answer, p)});
  }
  return {"The best plans, folded", {grid}};
}

Section search_section(const PlanAnswer& answer) {
  Facts facts;
  for (std::size_t i = 0; i < answer.pruned.size(); ++i)
    if (answer.pruned[i] > 0)
      facts.rows.push_back({grouped(answer.pruned[i]), std::string(pruned_name(Pruned(i)))});
  facts.rows.push_back({grouped(answer.simulated), "simulated in lockstep"});
  return {"What became of the plans",
          {facts, Paragraph{fmt::format(
                      "No plan that was left out for its bound can be cheaper: a bound was at or above the "
                      "best simulated "
                      "cost, and no simulated step lay below its own bound (which was {} of it in the mean).",
                      percent(answer.tightest))}}};
}

}  // namespace

Page plan_page(const PlanAnswer& answer) {
  Page page{answer.title, {answer_section(answer)}};
  if (!answer.plans.empty()) page.sections.push_back(plans_section(answer));
  page.sections.push_back(search_section(answer));
  return page;
}

Table plan_table(const PlanAnswer& answer) {
  Table table{"plans", "every plan that was simulated, those that meet the limits first, by cost", {}};
  std::vector<std::int64_t> rank, meets, folded, asked;
  std::vector<std::string> words;
  for (const RankedPlan& p : answer.plans) {
    rank.push_back(std::int64_t(rank.size()));
    words.push_back(p.words);
    meets.push_back(p.meets);
    folded.push_back(p.folded);
    asked.push_back(p.asked);
  }
  table.columns = {{"rank", "1", "0 is the best", rank},
                   {"plan", "", "", words},
                   {"meets", "1", "1: fits, and within the limits", meets},
                   {"folded", "1", "1: simulated folded; 0: in lockstep", folded},
                   {"asked", "1", "1: the scenario's own", asked}};
  const auto numbers = [&](const char* name, const char* unit, const char* meaning, auto value) {
    std::vector<double> all;
    for (const RankedPlan& p : answer.plans) all.push_back(double(value(p)));
    table.columns.push_back({name, unit, meaning, all});
  };
  using P = RankedPlan;
  numbers("gpus", "1", "", [](const P& p) { return p.figures.gpus; });
  numbers("step_s", "s", "of a step", [](const P& p) { return p.figures.step.value(); });
  numbers("bound_s", "s", "lower bound of the step", [](const P& p) { return p.bound.value(); });
  numbers("mfu_causal", "1", "attention counted causal", [](const P& p) { return p.figures.mfu_causal; });
  numbers("bubble_share", "1", "of the step", [](const P& p) { return p.figures.bubble_share; });
  numbers("exposed_share", "1", "of the step", [](const P& p) { return p.figures.exposed_share; });
  numbers("peak_bytes", "B", "of the fullest rank", [](const P& p) { return p.figures.peak.value(); });
  numbers("wall_s", "s", "of the run", [](const P& p) { return p.figures.wall.value(); });
  numbers("gpu_hours", "h", "of the run", [](const P& p) { return p.figures.gpu_hours; });
  numbers("cost_usd", "USD", "of the run", [](const P& p) { return p.figures.cost.value(); });
  return table;
}

nlohmann::ordered_json plan_summary(const PlanAnswer& answer) {
  nlohmann::ordered_json summary{{"schema", "orrery-plan-1"},     {"title", answer.title},
                                 {"found", answer.found()},       {"considered", answer.considered},
                                 {"simulated", answer.simulated}, {"bound_over_step", answer.tightest}};
  for (std::size_t i = 0; i < answer.pruned.size(); ++i)
    summary["pruned"][std::string(pruned_name(Pruned(i)))] = answer.pruned[i];
  for (const NearMiss& near : answer.near) summary["nearest"][near.what] = near.words;
  summary["plans"] = nlohmann::ordered_json::array();
  for (const RankedPlan& p : answer.plans) {
    if (!p.folded) continue;
    nlohmann::ordered_json plan{{"plan", p.words}, {"set", p.sets}, {"asked", p.asked}, {"meets", p.meets}};
    plan.update(to_json(p.figures));
    plan["bound_s"] = p.bound.value();
    plan["why"] = why(answer, p);
    summary["plans"].push_back(std::move(plan));
  }
  return summary;
}

}  // namespace orrery
