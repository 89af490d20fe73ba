#include "scenarios/answering/memory_answer.hpp"

#include <algorithm>

#include "scenarios/reading/assemble.hpp"
#include "scenarios/reading/recompute_choices.hpp"

namespace orrery {
namespace {

/// Of all choices, also those that would change nothing here.
std::string name_of(const Recompute& recompute) {
  for (const RecomputeChoice& choice : recompute_choices(AttentionKernel::Unfused))
    if (choice.recompute == recompute) return choice.name;
  return "as the scenario has it";
}

Bytes peak_of(const TrainingPlan& plan) { return fullest_rank(memory_request(plan)).peak.total(); }

std::vector<MemoryChoice> choices_of(const TrainingPlan& plan) {
  std::vector<MemoryChoice> choices{{plan.schedule, name_of(plan.recompute), peak_of(plan), true}};
  for (const ScheduleKind& kind : schedule_kinds()) {
    TrainingPlan other = plan;
    other.schedule = kind.name;
    if (other.schedule != plan.schedule) other.blocks.clear();
    for (const RecomputeChoice& choice : recompute_choices(plan.attention)) {
      other.recompute = choice.recompute;
      if (other.schedule == plan.schedule && other.recompute == plan.recompute) continue;
      if (!check_plan(other).empty()) continue;
      choices.push_back({other.schedule, choice.name, peak_of(other)});
    }
  }
  return choices;
}

}  // namespace

const RankMemory& MemoryAnswer::fullest() const {
  return *std::max_element(ranks.begin(), ranks.end(), [](const RankMemory& a, const RankMemory& b) {
    return a.peak.total() < b.peak.total();
  });
}

MemoryAnswer remember(const TrainingPlan& plan) {
  MemoryAnswer answer;
  answer.capacity = plan.gpu.memory;
  answer.gpu = plan.gpu.name;
  const MemoryRequest request = memory_request(plan);
  for (int rank = 0; rank < plan.pipeline; ++rank) {
    answer.ranks.push_back(rank_memory(request, rank));
    answer.op_name.push_back(op_labels(request.schedule, rank));
  }
  TrainingPlan quick = plan;
  quick.fidelity = Fidelity::Lockstep;
  quick.traced.clear();
  TrainingStep step = simulate_step(quick, nullptr);
  answer.op_start = std::move(step.outcome.op_start);
  answer.step = step.time;
  answer.choices = choices_of(plan);
  for (const bool own_schedule : {true, false}) {
    for (std::size_t i = 0; i < answer.choices.size() && !answer.first_fit; ++i) {
      const MemoryChoice& choice = answer.choices[i];
      if ((choice.schedule == plan.schedule) == own_schedule && choice.peak <= answer.capacity)
        answer.first_fit = i;
    }
  }
  return answer;
}

}  // namespace orrery
