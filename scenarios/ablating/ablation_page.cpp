#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/numbers.hpp"
#include "scenarios/ablating/ablation.hpp"
#include "scenarios/answering/figure_words.hpp"

namespace orrery {
namespace {

std::string signed_time(Seconds time) { return fmt::format("{:+.2f} s", time.value()); }
std::string signed_money(Dollars more) {
  return (more.value() < 0 ? "-" : "+") + human(Dollars(std::abs(more.value())));
}

/// What the simulation says about it: which parts of the step moved, and how far tokens travel.
std::string explained(const Ablation& a, const AblationRow& row, const AblationRow& before) {
  const FigureParts now = parts_of(row.figures), then = parts_of(before.figures);
  std::string text;
  const auto add = [&](Seconds more, const char* name) {
    if (std::abs(more.value()) >= 0.02) text += (text.empty() ? "" : ", ") + signed_time(more) + " " + name;
  };
  add(now.kernels - then.kernels, "kernels");
  add(now.exposed - then.exposed, "all-to-all waited for");
  add(now.bubble - then.bubble, "bubble");
  if (std::abs(row.nodes_per_token - before.nodes_per_token) >= 0.01)
    text += fmt::format("{}{:.2f} copies a token on the network, {:.2f} before", text.empty() ? "" : "; ",
                        row.nodes_per_token, before.nodes_per_token);
  if (row.figures.peak > a.capacity)
    text += fmt::format("{}does not fit by {}", text.empty() ? "" : "; ",
                        binary_bytes(row.figures.peak - a.capacity));
  return text.empty() ? "no part moves by 20 ms" : text;
}

Grid grid_of(const Ablation& a, const std::vector<AblationRow>& rows, bool cumulative) {
  Grid grid{
      {{"without", Align::Left}, {"step"}, {"GPU-hours"}, {"cost"}, {"memory"}, {"what moves", Align::Left}},
      {}};
  grid.rows.push_back({"(as it is)", human(a.base.figures.step), gpu_hours_text(a.base.figures.gpu_hours),
                       human(a.base.figures.cost), binary_bytes(a.base.figures.peak), ""});
  const AblationRow* before = &a.base;
  for (const AblationRow& row : rows) {
    const Figures& f = row.figures;
    grid.rows.push_back(
        {(cumulative ? "- " : "") + row.name,
         fmt::format("{} ({})", human(f.step), signed_percent(100 * (f.step / before->figures.step - 1))),
         gpu_hours_text(f.gpu_hours), signed_money(f.cost - before->figures.cost), binary_bytes(f.peak),
         explained(a, row, *before)});
    if (cumulative) before = &row;
  }
  return grid;
}

/// The waterfall: how long the step is after each.
Bars waterfall(const Ablation& a) {
  Bars bars;
  double longest = a.base.figures.step.value();
  for (const AblationRow& row : a.cumulative) longest = std::max(longest, row.figures.step.value());
  bars.rows.push_back({"as it is", a.base.figures.step.value() / longest, human(a.base.figures.step)});
  for (const AblationRow& row : a.cumulative)
    bars.rows.push_back({"- " + row.name, row.figures.step.value() / longest, human(row.figures.step)});
  return bars;
}

Section dense_section(const Ablation& a) {
  const DenseBeside& d = *a.dense;
  const double hours = d.figures.gpu_hours / a.base.figures.gpu_hours,
               flops = d.flops_per_token / d.base_flops_per_token;
  Facts facts;
  facts.rows = {
      {d.name,
       fmt::format("{} GPU-hours for {} tokens on {} GPUs, MFU {}", gpu_hours_text(d.figures.gpu_hours),
                   human_count(d.tokens), grouped(d.figures.gpus), percent(d.figures.mfu_causal))},
      {"GPU-hours", fmt::format("{:.2f} times as many", hours)},
      {"of which", fmt::format("{:.2f} times the arithmetic a token ({:.0f} against {:.1f} GFLOP), {:.2f} by "
                               "how well the GPUs are used",
                               flops, d.flops_per_token / 1e9, d.base_flops_per_token / 1e9, hours / flops)},
      {"published",
       "Llama-3.1-405B 30.84 M GPU-hours on 15.6 T tokens, DeepSeek-V3 2.788 M on 14.8 T: 11.06 times, both "
       "with "
       "all that went wrong and post-training"}};
  return {"A dense model at as many tokens", {facts}};
}

}  // namespace

Page ablation_page(const Ablation& a) {
  Page page{a.title, {}};
  const AblationRow* dearest = nullptr;
  for (const AblationRow& row : a.alone)
    if (!dearest || row.figures.step > dearest->figures.step) dearest = &row;
  Facts facts;
  if (dearest)
    facts.rows.push_back({"the dearest to lose",
                          fmt::format("{}: {} and {} more", dearest->name,
                                      signed_percent(100 * (dearest->figures.step / a.base.figures.step - 1)),
                                      human(dearest->figures.cost - a.base.figures.cost))});
  if (!a.cumulative.empty()) {
    const Figures& last = a.cumulative.back().figures;
    facts.rows.push_back({"without all", fmt::format("{} a step instead of {}, {} instead of {}",
                                                     human(last.step), human(a.base.figures.step),
                                                     human(last.cost), human(a.base.figures.cost))});
  }
  page.sections.push_back({"Answer", {facts}});
  page.sections.push_back({"One taken out at a time", {grid_of(a, a.alone, false)}});
  if (a.cumulative.size() > 1) {
    page.sections.push_back(
        {"One after another: each against the one before", {grid_of(a, a.cumulative, true)}});
    page.sections.push_back({"The step after each, share of the longest", {waterfall(a)}});
  }
  if (a.dense) page.sections.push_back(dense_section(a));
  Section words{"What stands in for each", {}};
  Facts instead;
  for (const AblationRow& row : a.alone) instead.rows.push_back({row.name, row.instead});
  words.blocks.push_back(instead);
  for (const std::string& note : a.left_out) words.blocks.push_back(Paragraph{"left out: " + note});
  page.sections.push_back(std::move(words));
  return page;
}

std::vector<Table> ablation_tables(const Ablation& a) {
  std::vector<Table> tables;
  const auto add = [&](const char* name, const char* meaning, const std::vector<AblationRow>& list) {
    std::vector<AblationRow> rows{a.base};
    rows.insert(rows.end(), list.begin(), list.end());
    Table table{name, meaning, {}};
    std::vector<std::int64_t> index;
    std::vector<std::string> names, instead;
    for (const AblationRow& row : rows) {
      index.push_back(std::int64_t(index.size()));
      names.push_back(row.name.empty() ? "as it is" : row.name);
      instead.push_back(row.instead);
    }
    table.columns = {{"row", "1", "", index}, {"without", "", "", names}, {"instead", "", "", instead}};
    const auto numbers = [&](const char* column, const char* unit, const char* what, auto value) {
      std::vector<double> all;
      for (const AblationRow& row : rows) all.push_back(double(value(row)));
      table.columns.push_back({column, unit, what, all});
    };
    using R = AblationRow;
    numbers("step_s", "s", "of a step", [](const R& r) { return r.figures.step.value(); });
    numbers("kernels_s", "s", "of it, kernels and the rest",
            [](const R& r) { return parts_of(r.figures).kernels.value(); });
    numbers("exposed_s", "s", "all-to-all that compute waits for",
            [](const R& r) { return parts_of(r.figures).exposed.value(); });
    numbers("bubble_s", "s", "between ops", [](const R& r) { return parts_of(r.figures).bubble.value(); });
    numbers("nodes_per_token", "1", "copies of a token on the network",
            [](const R& r) { return r.nodes_per_token; });
    numbers("gpu_hours", "h", "of the run", [](const R& r) { return r.figures.gpu_hours; });
    numbers("cost_usd", "USD", "of the run", [](const R& r) { return r.figures.cost.value(); });
    numbers("peak_bytes", "B", "of the fullest rank", [](const R& r) { return r.figures.peak.value(); });
    tables.push_back(std::move(table));
  };
  add("ablation", "one taken out at a time", a.alone);
  add("waterfall", "one after another", a.cumulative);
  return tables;
}

nlohmann::ordered_json ablation_summary(const Ablation& a) {
  nlohmann::ordered_json summary{
      {"schema", "orrery-ablation-1"}, {"title", a.title}, {"fidelity", a.fidelity}};
  const auto row_json = [](const AblationRow& row) {
    nlohmann::ordered_json json{{"without", row.name}, {"instead", row.instead}};
    json.update(to_json(row.figures));
    json["nodes_per_token"] = row.nodes_per_token;
    return json;
  };
  summary["base"] = row_json(a.base);
  summary["alone"] = nlohmann::ordered_json::array();
  summary["cumulative"] = nlohmann::ordered_json::array();
  for (const AblationRow& row : a.alone) summary["alone"].push_back(row_json(row));
  for (const AblationRow& row : a.cumulative) summary["cumulative"].push_back(row_json(row));
  if (a.dense) {
    summary["dense"] = to_json(a.dense->figures);
    summary["dense"]["name"] = a.dense->name;
    summary["dense"]["flops_per_token"] = a.dense->flops_per_token;
    summary["dense"]["base_flops_per_token"] = a.dense->base_flops_per_token;
  }
  summary["left_out"] = a.left_out;
  return summary;
}

}  // namespace orrery
