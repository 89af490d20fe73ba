#include "scenarios/validate/cost_court.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "scenarios/validate/cost_figures.hpp"

namespace orrery {

WorkShape comparable_shape(const TrainingPlan& plan) {
  WorkShape shape = work_shape(plan);
  shape.model = &plan.model;
  shape.tensor = shape.context = 1;
  shape.attention = AttentionKernel::Fused;
  shape.scaling = Scaling::Tile;
  shape.messages = LayerMessages::Exposed;
  shape.recompute.attention = shape.recompute.layer = false;
  return shape;
}

TrainingPlan evenly_routed(TrainingPlan plan) {
  plan.trace = nullptr;
  plan.popularity = plan.row_spread = 0;
  return plan;
}

std::vector<BlockKind> comparable_blocks(const TrainingPlan& plan) {
  const Transformer& model = plan.model;
  std::vector<BlockKind> kinds;
  const auto has = [&](bool moe) {
    return std::find(model.is_moe.begin(), model.is_moe.end(), moe) != model.is_moe.end();
  };
  if (model.gated && (has(false) || model.is_moe.empty())) kinds.push_back(BlockKind::Dense);
  if (model.gated && model.experts && has(true)) kinds.push_back(BlockKind::Moe);
  if (model.gated && model.predict_layers > 0) kinds.push_back(BlockKind::Predict);
  kinds.push_back(BlockKind::Head);
  return kinds;
}

std::string_view block_word(BlockKind kind) {
  switch (kind) {
    case BlockKind::Embedding:
      return "embedding";
    case BlockKind::Dense:
      return "dense";
    case BlockKind::Moe:
      return "MoE";
    case BlockKind::Predict:
      return "MTP";
    case BlockKind::Head:
      return "head";
  }
  return "";
}

namespace {

std::string name_of(const CostFigure& f) {
  return f.block + ": " + f.what + (f.pass.empty() ? "" : " " + f.pass);
}

/// FLOPs of one kind of block: operation by operation, pass by pass.
Section flops_picture(const std::vector<CountedFigure>& figures, const std::string& block) {
  constexpr std::string_view passes[] = {"F", "B", "W", "R"};
  Grid grid;
  grid.headings = {{"GFLOP a micro-batch", Align::Left}, {"F"}, {"B"}, {"W"}, {"R"}};
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> rows;
  for (const CountedFigure& f : figures) {
    if (f.block != block || !f.note.starts_with("FLOPs")) continue;
    if (!rows.contains(f.what)) order.push_back(f.what);
    std::vector<std::string>& cells = rows.try_emplace(f.what, std::size(passes), "").first->second;
    const auto at = std::size_t(std::find(std::begin(passes), std::end(passes), f.pass) - std::begin(passes));
    cells.at(at) = fmt::format("{:.1f}", f.value * 1e-9);
  }
  for (const std::string& what : order) {
    grid.rows.push_back({what});
    grid.rows.back().insert(grid.rows.back().end(), rows[what].begin(), rows[what].end());
  }
  return {"Counted in one " + block + " block: forward, input gradient, weight gradient, computed again",
          {grid}};
}

Table costs_table(const std::vector<Evidence>& evidence, const std::vector<CountedFigure>& figures) {
  Table table{"costs", "what the reference counted and the simulator assumes, one micro-batch", {}};
  std::vector<std::string> names, blocks, whats, passes, units;
  std::vector<double> counted, assumed;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    names.push_back(evidence[i].figure);
    blocks.push_back(figures[i].block);
    whats.push_back(figures[i].what);
    passes.push_back(figures[i].pass);
    counted.push_back(evidence[i].measured);
    assumed.push_back(evidence[i].expected.value_or(std::numeric_limits<double>::quiet_NaN()));
    units.push_back(figures[i].unit);
  }
  table.columns = {{"figure", "", "block, operation and pass", names},
                   {"block", "", "kind of block", blocks},
                   {"operation", "", "what was counted", whats},
                   {"pass", "", "F forward, B input gradient, W weight gradient, R computed again", passes},
                   {"counted", "", "in `unit`", counted},
                   {"assumed", "", "in `unit`", assumed},
                   {"unit", "", "of both", units}};
  return table;
}

}  // namespace

Court judge_costs(const CountedCosts& counted, const std::vector<CostFigure>& assumed) {
  Court court{.name = "cost",
              .title = "Cost: what the reference counted against what the simulator assumes",
              .evidence = {},
              .tables = {},
              .sections = {}};
  std::map<std::string, const CostFigure*> by_name;
  for (const CostFigure& f : assumed) by_name[name_of(f)] = &f;
  for (const CountedFigure& f : counted.figures) {
    const auto found = by_name.find(name_of(f));
    Evidence evidence{.figure = name_of(f),
                      .measured = f.value,
                      .expected = std::nullopt,
                      .rule = f.rule,
                      .tolerance = 0,
                      .unit = f.unit,
                      .note = f.note};
    if (found != by_name.end()) {
      evidence.expected = found->second->value;
      if (f.rule == Rule::Interval)
        evidence.tolerance = f.tolerance + 4 * std::hypot(f.error, found->second->error);
      by_name.erase(found);
    }
    court.evidence.push_back(std::move(evidence));
  }
  court.tables.push_back(costs_table(court.evidence, counted.figures));
  for (const auto& [name, f] : by_name) {
    court.evidence.push_back({.figure = name,
                              .measured = std::numeric_limits<double>::quiet_NaN(),
                              .expected = f->value,
                              .rule = Rule::Equal,
                              .tolerance = 0,
                              .unit = "",
                              .note = "the reference counted none"});
  }
  std::vector<std::string> blocks;
  for (const CountedFigure& f : counted.figures) {
    if (f.note.starts_with("FLOPs") && std::find(blocks.begin(), blocks.end(), f.block) == blocks.end())
      blocks.push_back(f.block);
  }
  for (const std::string& block : blocks) court.sections.push_back(flops_picture(counted.figures, block));
  return court;
}

Court cost_court(const TrainingPlan& plan, const CostSample& sample, const ShareDone& share) {
  const CountedCosts counted = counted_costs(plan, sample, share);
  return judge_costs(counted, assumed_costs(plan, counted.sizes));
}

}  // namespace orrery
