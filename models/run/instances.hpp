#pragma once

#include <algorithm>
#include <vector>

#include "models/run/answer_phase.hpp"

namespace orrery {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Instances side by side, draw after draw.
struct InstanceRollouts {
  int draws = 1, instances = 1;   ///< That were walked.
  std::vector<Rollout> rollouts;  ///< [draw * instances + instance]

  const Rollout& slowest(int draw) const {
    const auto first = rollouts.begin() + draw * instances;
    return *std::max_element(first, first + instances,
                             [](const Rollout& a, const Rollout& b) { return a.time < b.time; });
  }
};

/// Answers of the mean length that a tensor group has room for at once.
std::int64_t answers_at_once(const AnswerPhase& phase);

/// `answers` on each of `instances`, of which at most `walked` one by one. Where the phase learns: four
/// draws, and of more than sixteen instances sixteen, whose slowest stands for the slowest of all; else one
/// of each.
InstanceRollouts walk_instances(const AnswerPhase& phase, int instances, std::int64_t answers,
                                std::int64_t walked, std::uint64_t seed, const Parallel& parallel);

/// Time until the slowest instance has ended, mean over draws.
Seconds generating_time(const InstanceRollouts& walk);

/// How `answers` on every instance went; the number in the whole phase is the caller's.
AnswerFigures figures_of(const InstanceRollouts& walk, const AnswerPhase& phase, std::int64_t answers);

}  // namespace orrery
