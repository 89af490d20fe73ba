#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/run/answer_phase.hpp"

namespace orrery {

/// One phase of a training run, as the scenario tells it.
struct TrainingPhase {
  std::string name;
  std::optional<std::int64_t> tokens;  ///< Or `steps`.
  std::optional<std::int64_t> steps;
  int sequence = 4096, global_batch = 1, context = 1;
  int samples = 1;                     ///< Packed in a sequence, that do not see each other.
  int ramp_from = 0;                   ///< Batch at the start of a ramp; 0: none.
  std::int64_t ramp_tokens = 0;        ///< Tokens until the full batch.
  std::optional<double> gpu_hours;     ///< Given, not simulated.
  std::optional<AnswerPhase> answers;  ///< The model answers: for data, or `steps` policy steps of GRPO.
};

/// The batch sizes that a ramp passes and the steps at each.
struct RampLevel {
  int global_batch;
  double steps;
};
/// The ramp in equal token shares: `levels` batch sizes from `ramp_from` up in equal increments, rounded to
/// what the data-parallel copies can share. The published ramp has no published shape.
std::vector<RampLevel> ramp_levels(const TrainingPhase& phase, int copies, int levels);

struct PhaseOutcome {
  std::string name;
  std::int64_t tokens = 0;
  double steps = 0;
  Seconds step_time{};  ///< At the full batch; zero when given.
  double gpu_hours = 0;
  Seconds wall{};
  Bytes peak{};  ///< Of the fullest rank in a step of the full batch; zero where no step is taken.
  std::vector<PhasePart> parts;           ///< Of a phase that answers.
  std::optional<AnswerFigures> answered;  ///< Likewise.
  std::vector<std::string> notes;
};

/// Every phase with its own simulated step. A phase whose step needs more memory than a GPU has is simulated
/// all the same, and its outcome says so: how long sequences were laid out is seldom known. `plan` gives what
/// the phases do not change; a batch too small for its schedule runs on `fallback` instead, and the outcome
/// says so. `full`: the step of `plan` itself when it is already simulated (used where a phase asks for the
/// same step). Phases that give a rank as many tokens draw from the same samples. Leaves out  failures,
/// checkpoints, evaluation, data loading: goodput is 1.
struct RunRequest {
  TrainingPlan plan;
  std::vector<TrainingPhase> phases;
  std::string fallback;
  const TrainingStep* full = nullptr;
  const RoutingPool* pool = nullptr;  ///< Routing samples of `plan`, if they are drawn already.
};
Checked<std::vector<PhaseOutcome>> simulate_run(const RunRequest& request, const Parallel& parallel);

}  // namespace orrery
