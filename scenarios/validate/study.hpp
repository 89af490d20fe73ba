#pragma once

#include <string>
#include <vector>

#include "models/reference/training.hpp"
#include "scenarios/validate/court.hpp"

namespace orrery {

/// Trainings that the balance and the precision court share: each pair of what is varied and seed is trained
/// once.
struct StudyRequest {
  reference::TrainingRequest base;  ///< Sizes, rates, steps; what varies is set by the study.
  int seeds = 3;
  bool balance = true, precision = true;  ///< Which courts will ask.
};
enum class Variant {
  Bf16,
  AuxiliaryLoss,
  NoBalancing,
  Float32,
  Fp8,
  Perturbed
};  ///< Bf16: bias-balanced, the base.
struct StudyRun {
  Variant variant;
  std::uint64_t seed;
  reference::TrainingRun run;
};
/// Runs on all threads of the arena it is called in, one training a task; the order of the result is fixed.
std::vector<StudyRun> run_study(const StudyRequest& request, const reference::Corpus& corpus,
                                const Share& share);

/// The small model that stands for the scenario's: its gate (experts, groups, per token, scaling) and
/// attention kind, only narrower and shallower.
Court balance_court(const StudyRequest& request, const std::vector<StudyRun>& runs);
Court precision_court(const StudyRequest& request, const std::vector<StudyRun>& runs, const Share& share);

}  // namespace orrery
