#include "models/run/instances.hpp"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

constexpr int rollout_draws = 4, walked_instances = 16;

}  // namespace

std::int64_t answers_at_once(const AnswerPhase& phase) {
  const double room = double(instance_memory(phase.deployment).cache_tokens);
  const double length = double(phase.prompt_tokens) + phase.lengths.mean;
  return std::clamp<std::int64_t>(std::int64_t(room / length), 1, phase.deployment.most_sequences);
}

InstanceRollouts walk_instances(const AnswerPhase& phase, int instances, std::int64_t answers,
                                std::int64_t walked, std::uint64_t seed, const Parallel& parallel) {
  const Deployment& deployment = phase.deployment;
  InstanceRollouts walk;
  if (phase.learning) walk.draws = rollout_draws, walk.instances = std::min(instances, walked_instances);
  walk.rollouts.resize(std::size_t(walk.draws * walk.instances));
  ExpertLoad load(deployment.layout);
  if (deployment.layout.expert > 1) {
    // What most batches need, once for all instances; a larger one draws its own.
    const std::int64_t most =
        std::min(ceil_div(std::min(answers, walked), deployment.groups()), answers_at_once(phase));
    load.draw_up_to(ceil_div(most * deployment.queries(), deployment.layout.tensor));
  }
  parallel(int(walk.rollouts.size()), [&](int i) {
    const Questions questions{.answers = answers,
                              .prompt_tokens = phase.prompt_tokens,
                              .lengths = phase.lengths,
                              .seed = seed,
                              .draw = std::uint64_t(i)};
    DecodePricer pricer(deployment, load);
    walk.rollouts[std::size_t(i)] = roll_out_many(deployment, pricer, questions, walked);
  });
  return walk;
}

Seconds generating_time(const InstanceRollouts& walk) {
  Seconds mean{};
  for (int draw = 0; draw < walk.draws; ++draw) mean += walk.slowest(draw).time / walk.draws;
  return mean;
}

AnswerFigures figures_of(const InstanceRollouts& walk, const AnswerPhase& phase, std::int64_t answers) {
  AnswerFigures figures;
  const double time = generating_time(walk).value();
  double variance = 0;
  for (int draw = 0; draw < walk.draws; ++draw) {
    const Rollout& slowest = walk.slowest(draw);
    const double off = slowest.time.value() / time - 1, share = 1 / slowest.time.value() / walk.draws;
    variance += off * off / walk.draws;
    figures.after_half += (1 - slowest.until_half / slowest.time) / walk.draws;
    figures.spent.add(slowest.spent, share);
  }
  figures.draws_differ = std::sqrt(variance);
  double tokens = 0, squares = 0;
  const double each = 1.0 / double(walk.rollouts.size());
  for (const Rollout& one : walk.rollouts) {
    tokens += each * one.tokens;
    squares += each * one.squares;
    figures.sequences += each * one.sequences;
    figures.longest = std::max(figures.longest, one.longest);
  }
  figures.seen = squares / (tokens + double(answers) * double(phase.prompt_tokens));
  figures.mean_tokens = tokens / double(answers);
  figures.tokens_per_s = tokens / time / phase.deployment.layout.gpus();
  return figures;
}

}  // namespace orrery
