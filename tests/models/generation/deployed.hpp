#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/generation/rollout.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// DeepSeek-V3 answering on `nodes` nodes of eight H800; `sets` go on top.
inline AnswerPhase answering(int nodes, std::vector<std::string> sets = {}) {
  sets.insert(sets.begin(), {"generation.nodes=" + std::to_string(nodes), "generation.draft_acceptance=0 %",
                             "cluster.nodes=" + std::to_string(nodes), "plan.pipeline=1", "plan.context=1",
                             "plan.expert=" + std::to_string(8 * nodes), "plan.sequence=40000",
                             "plan.global_batch=" + std::to_string(8 * nodes)});
  const Assembled assembled = assemble(read_scenario("deepseek-r1-zero", sets));
  for (const Diagnostic& fault : assembled.diagnostics) ADD_FAILURE() << fault.problem;
  return *assembled.phases.at(0).answers;
}

}  // namespace orrery
