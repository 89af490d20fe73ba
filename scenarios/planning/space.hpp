#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/planning/search.hpp"

namespace orrery {

/// A plan of the space.
struct Candidate {
  int cluster = 0;
  TrainingPlan plan;
  std::string recompute_set, recompute_words;  ///< As --set takes it, and for people.
  bool asked = false;                          ///< The scenario's own.
  Seconds bound{};                             ///< Of the step; zero until known.
  Bytes over{};                                ///< What the fullest rank lacks.
  Figures at_bound{};                          ///< Cost and time if the step took no longer.
};

/// Every plan that may be considered on the clusters.
struct PlanSpace {
  std::vector<Candidate> candidates;  ///< `check_plan` finds nothing about them.
  std::int64_t considered = 0;        ///< Those too whose sizes do not divide.
};
PlanSpace plan_space(const std::vector<PlanCluster>& clusters);

/// What makes the plan, as --set takes it; of the scenario's own, its cluster alone.
std::vector<std::string> sets_of(const Candidate& candidate);
/// "PP16 EP64 dualpipe, micro-batch 1, FP8, recompute parts", with the GPUs before it if asked for.
enum class NameGpus : std::uint8_t { No, Yes };
std::string words_of(const Candidate& candidate, NameGpus gpus);

}  // namespace orrery
