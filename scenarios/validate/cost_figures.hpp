#pragma once

#include <string>
#include <vector>

#include "models/training/plan.hpp"
#include "scenarios/validate/cost_court.hpp"

namespace orrery {

/// One figure of a block, as the reference counted it, scaled up to a micro-batch, or as the simulator has
/// it.
struct CostFigure {
  std::string block, what, pass;  ///< "MoE", "routed experts up", "F"; "routing", "nodes a token", "".
  double value = 0;
  double error = 0;  ///< Standard error, where a sample stands for more than itself.
};

/// A counted figure, and how the other may differ from it.
struct CountedFigure : CostFigure {
  Rule rule = Rule::Equal;
  double tolerance = 0;  ///< Of Rule::Interval, beside four standard errors of both.
  std::string unit;      ///< As Column::unit.
  std::string note;
};

/// What the samples were, for the simulator to answer the same question.
struct SampledSizes {
  std::int64_t expert_rows = 0;  ///< Of all sampled experts, scaled up to the micro-batch.
  int core_length = 0;
};

struct CountedCosts {
  std::vector<CountedFigure> figures;
  SampledSizes sizes;
};

/// Computes; the slices one after another, so that not much more than one's weights and their gradients is
/// alive at once.
CountedCosts counted_costs(const TrainingPlan& plan, const CostSample& sample, const ShareDone& share);

/// From segment_work, block_activations, the plan's messages and the drawn gate; computes nothing else.
std::vector<CostFigure> assumed_costs(const TrainingPlan& plan, const SampledSizes& sizes);

/// Counted against assumed, name by name. A figure that one side lacks fails.
Court judge_costs(const CountedCosts& counted, const std::vector<CostFigure>& assumed);

/// The plan as the reference can compute it: no tensor or context parallelism, fused attention, tile scales,
/// nothing recomputed but norms, up-projections and activations.
WorkShape comparable_shape(const TrainingPlan& plan);
/// The plan with a gate that every expert is alike to: what random weights give.
TrainingPlan evenly_routed(TrainingPlan plan);

/// Kinds of block that the model has and both sides can compute.
std::vector<BlockKind> comparable_blocks(const TrainingPlan& plan);
std::string_view block_word(BlockKind kind);

}  // namespace orrery
