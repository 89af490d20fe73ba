#pragma once

#include "models/memory/parameters.hpp"
#include "models/training/executor.hpp"
#include "models/training/plan.hpp"

namespace orrery {

/// What follows the last micro-batch on one pipeline rank.
struct StepTail {
  Seconds reduce, optimizer, gather;
  Seconds total() const { return reduce + optimizer + gather; }
};

/// Gradient reduction over the copies, the sharded optimizer and the gathering of new weights (ZeRO-1).
///
///   reduce     reduce-scatter of FP32 gradients: dense parameters over all their copies, inside the node
///   first and
///              then between nodes; routed experts over theirs, which lie in different nodes;
///   optimizer  AdamW over the rank's shard by bytes: gradient, master weight and two moments, read and
///   written; gather     all-gather of the new weights the same way back.
/// Source   DeepSeek-V3 report, section 3.2 (ZeRO-1) and 3.3 (FP32 gradients, BF16 moments).
/// Hidden copy messages leave one chunk of each seen: 1 / virtual stages.
/// Leaves out  what hidden messages slow down; the norm for clipping (one small all-reduce).
StepTail step_tail(const TrainingPlan& plan, const RankParameters& parameters, int stage_copies);

/// One simulated step.
struct TrainingStep {
  StepOutcome outcome;
  std::vector<Stage> stages;
  std::vector<StepTail> tails;  ///< [pipeline rank]
  Picoseconds time{};           ///< Pipeline and the longest tail.
  double mfu_causal = 0, mfu_full = 0;
  double ranks_per_token = 0, domains_per_token = 0;
  std::vector<std::string> notes;  ///< What was folded, what a fallback replaced.
};

/// Simulates one step. Precondition: `check_plan` found nothing. `pool`: routing samples to use again, or
/// none.
TrainingStep simulate_step(const TrainingPlan& plan, const RoutingPool* pool,
                           const OnProgress& progress = {});

/// The same micro-batches through every stage forward alone, on the plan's layout and schedule: log
/// probabilities of text that is there already, a reward, the reading of prompts. The loss of the head is
/// computed. Leaves out  the tail of a step: there is nothing to update.
Seconds simulate_forward(const TrainingPlan& plan, const RoutingPool* pool);

/// What a plan asks of the executor, and its prices; a test or a what-if may change the request before it
/// runs.
StepRequest step_request(const TrainingPlan& plan, const RoutingPool* pool);
/// What prices the plan's kernels and the messages that the compute stream waits for.
Machine plan_machine(const TrainingPlan& plan, const WorkShape& shape);
Pricer plan_prices(const TrainingPlan& plan, const RoutingPool* pool);

/// What follows the pipeline on its slowest rank.
Seconds longest_tail(const TrainingPlan& plan, const PipelineSchedule& schedule,
                     const std::vector<Stage>& stages);

/// One kernel with its prices, for whoever wants to see them.
struct PricedKernel {
  BlockKind block;
  Segment segment;
  KernelCall call;
  std::array<Seconds, beside_count> time;  ///< All its launches, by what runs beside.
};
/// Every kernel of every kind of block in the plan's stages, with balanced rows.
std::vector<PricedKernel> priced_kernels(const TrainingPlan& plan, const TrainingStep& step);

/// The routing pool that a plan draws from; none without experts.
std::optional<RoutingPool> plan_routing(const TrainingPlan& plan);

}  // namespace orrery
