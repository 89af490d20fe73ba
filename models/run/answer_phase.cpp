#include "models/run/answer_phase.hpp"

#include <algorithm>
#include <cmath>

#include "models/run/instances.hpp"
#include "models/training/plan_memory.hpp"

namespace orrery {
namespace {

/// Without learning, so many answers for every place in a batch show how fast they go.
constexpr std::int64_t answers_a_place = 8;
/// Tokens of prompts that a rank reads at once.
constexpr std::int64_t prompt_chunk = 4096;
/// Tokens of prompts that choose experts for the samples which all draw from.
constexpr std::int64_t most_sampled = 1 << 20;
/// Answers of a rollout, all of which are walked.
constexpr double most_answers = 1e7;

/// The training plan with a packed batch of at least `tokens`.
TrainingPlan packed_plan(const TrainingPlan& plan, const PolicyLearning& learning, double tokens, double seen,
                         const std::string& fallback, std::vector<std::string>* notes) {
  TrainingPlan packed = plan;
  packed.sequence = learning.sequence;
  packed.samples = packed_samples(packed.sequence, packed.context, seen);
  if (packed.fidelity == Fidelity::Full) packed.fidelity = Fidelity::Folded;
  packed.traced.clear();
  const double sequences = std::ceil(tokens / (learning.sequence * learning.packing));
  const int unit = packed.data() * packed.micro_batch;
  packed.global_batch = int(ceil_div(std::int64_t(sequences), unit)) * unit;
  const ScheduleKind* kind = find_schedule(packed.schedule);
  if (kind && !kind->check(pipeline_shape(packed)).empty()) {
    // An even number of micro-batches may be all that is missing.
    packed.global_batch += unit;
    if (!kind->check(pipeline_shape(packed)).empty()) {
      packed.global_batch -= unit;
      packed.schedule = fallback;
      if (notes)
        notes->push_back("a policy step of " + std::to_string(packed.global_batch) +
                         " packed sequences has " + std::to_string(packed.micro_batches()) +
                         " micro-batches, too few for " + plan.schedule + "; ran on " + fallback);
    }
  }
  return packed;
}

/// Reading `prompts` on one instance.
Seconds read_prompts(const AnswerPhase& phase, double prompts) {
  TrainingPlan layout = phase.deployment.layout;
  const int groups = phase.deployment.groups();
  const auto each = std::max<std::int64_t>(1, std::int64_t(std::ceil(prompts / groups)));
  layout.sequence = int(ceil_div(phase.prompt_tokens, layout.tensor)) * layout.tensor;
  layout.micro_batch = int(std::clamp<std::int64_t>(prompt_chunk / phase.prompt_tokens, 1, each));
  layout.global_batch = groups * layout.micro_batch;
  // Long prompts are even by themselves: fewer samples of them tell as much.
  const std::int64_t tokens = std::int64_t(layout.sequence) * layout.micro_batch;
  layout.routing_samples = int(std::clamp<std::int64_t>(
      most_sampled / tokens, std::min(8, layout.routing_samples), layout.routing_samples));
  return double(ceil_div(each, layout.micro_batch)) * simulate_forward(layout, nullptr);
}

/// Instances that the cluster has room for.
int instances_on(const TrainingPlan& plan, const AnswerPhase& phase) {
  return plan.nodes / phase.deployment.layout.nodes;
}

Seconds move_weights(const AnswerPhase& phase, const TrainingPlan& plan) {
  const double in = double(instance_memory(phase.deployment).weights.value());
  const double out = in * phase.deployment.layout.gpus() * instances_on(plan, phase) / plan.gpus();
  return Seconds(std::max(in, out) / plan.nic.achieved.value());
}

/// What a training GPU's memory holds between steps of weights alone, and of all that is not there for good.
struct TrainingState {
  double weights = 0, all = 0;
};
TrainingState training_state(const MemoryBytes& floor) {
  const auto sum = [&](std::initializer_list<MemoryClass> kinds) {
    double bytes = 0;
    for (const MemoryClass kind : kinds) bytes += double(floor[kind].value());
    return bytes;
  };
  using M = MemoryClass;
  return {sum({M::Weights}), sum({M::Weights, M::WeightCopies, M::Gradients, M::Optimizer})};
}

AnsweredPhase collect(const AnswerPhase& phase, const TrainingPlan& plan, const Parallel& parallel) {
  AnsweredPhase result;
  const int instances = instances_on(plan, phase);
  const double wanted = std::ceil(double(phase.answers) / phase.kept);
  const auto each = std::int64_t(std::ceil(wanted / instances));
  const std::int64_t walked = answers_a_place * answers_at_once(phase) * phase.deployment.groups();
  const InstanceRollouts walk = walk_instances(phase, instances, each, walked, plan.seed, parallel);
  result.figures = figures_of(walk, phase, each);
  result.parts = {{"reading prompts", read_prompts(phase, double(each))},
                  {std::string(generating_part), generating_time(walk)}};
  for (const PhasePart& part : result.parts) result.wall += part.time;
  result.figures.answers = wanted;
  result.tokens = std::int64_t(wanted * (double(phase.prompt_tokens) + result.figures.mean_tokens));
  if (each > walked)
    result.notes.push_back("the first " + std::to_string(walked) + " of " + std::to_string(each) +
                           " answers of an instance were walked; the others go on at their rate");
  return result;
}

AnsweredPhase learn(const AnswerPhase& phase, const TrainingPlan& plan, std::int64_t steps,
                    const std::string& fallback, const Parallel& parallel) {
  AnsweredPhase result;
  const PolicyLearning& learning = *phase.learning;
  const int instances = instances_on(plan, phase);
  const double per_step = double(learning.prompts) * learning.group,
               per_rollout = per_step * learning.rollout_steps;
  const auto each = std::int64_t(std::ceil(per_rollout / instances));
  const InstanceRollouts walk = walk_instances(phase, instances, each, each, plan.seed, parallel);
  result.figures = figures_of(walk, phase, each);
  const double length = double(phase.prompt_tokens) + result.figures.mean_tokens;

  const TrainingPlan step_plan =
      packed_plan(plan, learning, per_step * length, result.figures.seen, fallback, &result.notes);
  const TrainingPlan pass_plan =
      packed_plan(plan, learning, per_rollout * length, result.figures.seen, fallback, nullptr);
  // Both give a rank as many tokens, so they draw from the same samples.
  const std::optional<RoutingPool> pool = plan_routing(step_plan);
  const RoutingPool* samples = pool ? &*pool : nullptr;
  Seconds prompts{}, pass{}, policy{};
  parallel(3, [&](int job) {
    if (job == 0) prompts = read_prompts(phase, double(each) / learning.group);
    if (job == 1) pass = simulate_forward(pass_plan, samples);
    if (job == 2) policy = to_seconds(simulate_step(step_plan, samples).time);
  });
  const RankMemory fullest = fullest_rank(memory_request(step_plan));
  result.peak = fullest.peak.total();
  const double once = 1.0 / learning.rollout_steps;
  result.parts = {{"reading prompts", once * prompts},
                  {std::string(generating_part), once * generating_time(walk)},
                  {"reference pass", once * pass}};
  if (learning.reward_model) result.parts.push_back({"reward pass", once * pass});
  result.parts.push_back({"policy step", policy});
  result.parts.push_back({"weights to the generators", once * move_weights(phase, plan)});
  if (learning.host_link) {
    const TrainingState state = training_state(fullest.floor);
    const double bytes = 2 * state.all + (learning.reward_model ? 2 : 1) * state.weights;
    result.parts.push_back({"models to and from hosts", once * Seconds(bytes / learning.host_link->value())});
  } else {
    result.notes.push_back("moving idle models to the hosts' memory is not counted: host_link is not given");
  }
  for (const PhasePart& part : result.parts) result.step += part.time;
  result.wall = double(steps) * result.step;
  result.figures.answers = double(steps) * per_step;
  result.tokens = std::int64_t(result.figures.answers * length);
  return result;
}

}  // namespace

Findings check_answer_phase(const AnswerPhase& phase, const TrainingPlan& plan) {
  const std::int64_t longest = phase.prompt_tokens + phase.lengths.limit;
  Findings findings = check_deployment(phase.deployment, longest);
  const int instance = phase.deployment.layout.nodes;
  if (plan.nodes % instance != 0) {
    findings.push_back({"generation.nodes, cluster.nodes",
                        "instances of " + std::to_string(instance) + " nodes do not divide the cluster's " +
                            std::to_string(plan.nodes),
                        "a divisor of " + std::to_string(plan.nodes)});
  }
  if (!phase.learning || !findings.empty()) return findings;
  if (longest > phase.learning->sequence) {
    findings.push_back({phase.place + ".sequence, " + phase.place + ".answer_limit",
                        "an answer of " + std::to_string(phase.lengths.limit) +
                            " tokens and its prompt do not fit a "
                            "training sequence of " +
                            std::to_string(phase.learning->sequence),
                        "sequence = " + std::to_string(longest) + " or more, or a lower answer_limit"});
    return findings;
  }
  const double answers = double(phase.learning->prompts) * phase.learning->group;
  if (answers * phase.learning->rollout_steps > most_answers) {
    findings.push_back(
        {phase.place + ".prompts, " + phase.place + ".group, " + phase.place + ".rollout_steps",
         "a rollout of more than 10 million answers", "fewer prompts, a smaller group, fewer steps"});
    return findings;
  }
  // Sizes alone are asked: the schedule may give way to the fallback.
  const double length =
      double(phase.prompt_tokens) + std::min(phase.lengths.mean, double(phase.lengths.limit));
  TrainingPlan packed = packed_plan(plan, *phase.learning, answers * length, length, "1f1b", nullptr);
  packed.schedule = "1f1b";
  packed.virtual_stages = 1;
  for (Finding& finding : check_plan(packed)) {
    finding.problem = "policy step: " + finding.problem;
    findings.push_back(std::move(finding));
  }
  return findings;
}

AnsweredPhase simulate_answers(const AnswerPhase& phase, const TrainingPlan& plan, std::int64_t steps,
                               const std::string& fallback, const Parallel& parallel) {
  return phase.learning ? learn(phase, plan, steps, fallback, parallel) : collect(phase, plan, parallel);
}

}  // namespace orrery
