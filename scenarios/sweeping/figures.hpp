#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "scenarios/reading/assemble.hpp"
#include "scenarios/sweeping/routing_pools.hpp"

namespace orrery {

enum class PointOutcome : std::uint8_t {
  Simulated,
  DoesNotFit,  ///< More memory than the GPU has.
  Refused,     ///< The values do not make a plan together.
  Failed,      ///< The program failed at it.
};
std::string_view outcome_name(PointOutcome outcome);

/// What a planner asks of one scenario among many. What was not simulated has an outcome, a reason, and
/// zeros.
struct Figures {
  PointOutcome outcome = PointOutcome::Failed;
  std::string why;  ///< Of those not simulated.
  int gpus = 0;
  Seconds step{};
  double mfu_causal = 0, tokens_per_s_per_gpu = 0;
  double bubble_share = 0, exposed_share = 0;  ///< Of the step, mean over ranks.
  Bytes peak{};                                ///< Of the fullest rank.
  double gpu_hours = 0;                        ///< Of all phases; where there is none, of 10^12 tokens.
  Seconds wall{};                              ///< Of the same.
  Dollars cost{};
  bool ok() const { return outcome == PointOutcome::Simulated; }
};

/// What the step is made of, mean over ranks: they sum to it.
struct FigureParts {
  Seconds kernels{}, exposed{}, bubble{};  ///< Kernels and the rest; waits for all-to-alls; between ops.
};
FigureParts parts_of(const Figures& figures);

/// How much of the run each point simulates.
enum class RunDepth : std::uint8_t {
  FullBatch,  ///< One step; every phase at its tokens' share of it (given hours stay).
  Phases,     ///< A step for each phase and each level of its ramp.
};

/// What to do with a plan that needs more memory than there is.
enum class TooLarge : std::uint8_t { Refuse, Simulate };

struct Weighing {
  TooLarge too_large = TooLarge::Refuse;
  RunDepth depth = RunDepth::FullBatch;
};

/// Simulates a step (and the phases, if asked) and prices it. At `FullBatch` a phase of T tokens takes
/// T / tokens of a step times the step's time: what a ramp's smaller batches and longer sequences cost
/// besides is left out; where the model answers in a phase, every phase is simulated. Precondition:
/// `assembled` is ok(). For several threads.
Figures weigh(const Assembled& assembled, const Weighing& how, RoutingPools& pools);

/// GPU-hours, time and cost of every phase if each of its tokens took what it does in a step of `step`.
Figures full_batch_run(const Assembled& assembled, const TrainingPlan& plan, Seconds step);

nlohmann::ordered_json to_json(const Figures& figures);
/// The same back. Precondition: it was made by `to_json`.
Figures figures_of(const nlohmann::ordered_json& json);

}  // namespace orrery
