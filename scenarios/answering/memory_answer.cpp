#include "scenarios/answering/memory_answer.hpp"

#include <algorithm>

#include "scenarios/reading/assemble.hpp"

namespace orrery {
namespace {

struct RecomputeChoice {
  const char* words;
  Recompute recompute;
};
/// From least to most; "parts" is all that DeepSeek-V3 recomputes.
constexpr RecomputeChoice recompute_choices[] = {
    {"none", {}},
    {"parts (norm, up_projection, swiglu)", {.norm = true, .up_projection = true, .activation = true}},
    {"attention", {.attention = true}},
    {"parts and attention", {.norm = true, .up_projection = true, .activation = true, .attention = true}},
    {"full", {.layer = true}}};

bool same(const Recompute& a, const Recompute& b) {
  return a.norm == b.norm && a.up_projection == b.up_projection && a.activation == b.activation &&
         a.attention == b.attention && a.layer == b.layer;
}

std::string words_of(const Recompute& recompute) {
  for (const RecomputeChoice& choice : recompute_choices)
    if (same(choice.recompute, recompute)) return choice.words;
  return "as the scenario has it";
}

Bytes peak_of(const TrainingPlan& plan) { return fullest_rank(memory_request(plan)).peak.total(); }

std::string name_of(const Op& op) {
  const auto micro_batch = [](const Chunk& c) { return std::to_string(c.micro_batch); };
  switch (op.pass) {
    case Pass::Forward:
      return "F" + micro_batch(op.forward);
    case Pass::Backward:
      return "B" + micro_batch(op.backward);
    case Pass::InputBackward:
      return "I" + micro_batch(op.backward);
    case Pass::WeightBackward:
      return "W" + micro_batch(op.backward);
    case Pass::Overlapped:
      break;
  }
  return "F" + micro_batch(op.forward) + "&B" + micro_batch(op.backward);
}

std::vector<MemoryChoice> choices_of(const TrainingPlan& plan) {
  std::vector<MemoryChoice> choices{{plan.schedule, words_of(plan.recompute), peak_of(plan), true}};
  for (const ScheduleKind& kind : schedule_kinds()) {
    TrainingPlan other = plan;
    other.schedule = kind.name;
    if (other.schedule != plan.schedule) other.blocks.clear();
    for (const RecomputeChoice& choice : recompute_choices) {
      if (choice.recompute.attention && plan.attention == AttentionKernel::Fused)
        continue;  // It keeps no scores.
      other.recompute = choice.recompute;
      if (other.schedule == plan.schedule && same(other.recompute, plan.recompute)) continue;
      if (!check_plan(other).empty()) continue;
      choices.push_back({other.schedule, choice.words, peak_of(other)});
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
    std::vector<std::string>& names = answer.op_name.emplace_back();
    for (const Op& op : request.schedule.order[std::size_t(rank)]) names.push_back(name_of(op));
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
