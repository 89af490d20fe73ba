#include "scenarios/sweeping/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/numbers.hpp"

namespace orrery {
namespace {

constexpr std::array<std::string_view, 4> outcome_names = {"simulated", "does not fit", "refused", "failed"};

Figures without_step(PointOutcome outcome, std::string why) {
  Figures figures;
  figures.outcome = outcome;
  figures.why = std::move(why);
  return figures;
}

/// Every job on the calling thread: the points are what runs at once.
void one_after_another(int count, const std::function<void(int)>& job) {
  for (int i = 0; i < count; ++i) job(i);
}

void add_run(Figures& figures, const Assembled& assembled, const TrainingStep& step, RunDepth depth,
             const RoutingPool* pool) {
  const TrainingPlan& plan = assembled.plan;
  if ((depth == RunDepth::Phases || assembled.answers()) && !assembled.phases.empty()) {
    const auto run = simulate_run({.plan = plan,
                                   .phases = assembled.phases,
                                   .fallback = assembled.fallback,
                                   .full = &step,
                                   .pool = pool},
                                  one_after_another);
    if (!run.ok()) {
      figures = without_step(PointOutcome::Refused, run.findings.front().problem);
      return;
    }
    for (const PhaseOutcome& phase : run.value) {
      figures.gpu_hours += phase.gpu_hours;
      figures.wall += phase.wall;
    }
    return;
  }
  const Figures all = full_batch_run(assembled, plan, figures.step);
  figures.gpu_hours = all.gpu_hours;
  figures.wall = all.wall;
}

}  // namespace

std::string_view outcome_name(PointOutcome outcome) { return outcome_names[std::size_t(outcome)]; }

FigureParts parts_of(const Figures& f) {
  const Seconds exposed = f.exposed_share * f.step, bubble = f.bubble_share * f.step;
  return {f.step - exposed - bubble, exposed, bubble};
}

Figures full_batch_run(const Assembled& assembled, const TrainingPlan& plan, Seconds step) {
  Figures figures;
  figures.gpus = plan.gpus();
  figures.step = step;
  if (assembled.phases.empty()) {
    figures.wall = 1e12 / double(plan.tokens()) * figures.step;
    figures.gpu_hours = figures.wall.value() * plan.gpus() / 3600;
  }
  for (const TrainingPhase& phase : assembled.phases) {
    const double tokens = double(
        phase.tokens.value_or(phase.steps.value_or(0) * std::int64_t(phase.global_batch) * phase.sequence));
    const double hours =
        phase.gpu_hours.value_or(tokens / double(plan.tokens()) * figures.step.value() * plan.gpus() / 3600);
    figures.gpu_hours += hours;
    figures.wall += Seconds(3600 * hours / plan.gpus());
  }
  figures.cost = Dollars(figures.gpu_hours * assembled.price.value());
  return figures;
}

Figures weigh(const Assembled& assembled, const Weighing& how, RoutingPools& pools) {
  const TrainingPlan& plan = assembled.plan;
  const RankMemory fullest = fullest_rank(memory_request(plan));
  const Bytes peak = fullest.peak.total();
  if (peak > plan.gpu.memory && how.too_large == TooLarge::Refuse) {
    Figures figures =
        without_step(PointOutcome::DoesNotFit,
                     fmt::format("pipeline rank {} needs {}, {} has {}", fullest.rank, binary_bytes(peak),
                                 plan.gpu.name, binary_bytes(plan.gpu.memory)));
    figures.gpus = plan.gpus();
    figures.peak = peak;
    return figures;
  }
  const RoutingPool* pool = pools.of(plan);
  const TrainingStep step = simulate_step(plan, pool);
  Figures figures;
  figures.outcome = PointOutcome::Simulated;
  figures.gpus = plan.gpus();
  figures.step = to_seconds(step.time);
  figures.mfu_causal = step.mfu_causal;
  figures.tokens_per_s_per_gpu = double(plan.tokens()) / figures.step.value() / plan.gpus();
  for (const RankTime& rank : step.outcome.ranks) {
    const double each = figures.step.value() * double(step.outcome.ranks.size());
    figures.bubble_share += to_seconds(rank.bubble).value() / each;
    figures.exposed_share += to_seconds(rank.exposed).value() / each;
  }
  figures.peak = peak;
  add_run(figures, assembled, step, how.depth, pool);
  figures.cost = Dollars(figures.gpu_hours * assembled.price.value());
  return figures;
}

nlohmann::ordered_json to_json(const Figures& f) {
  nlohmann::ordered_json json{{"outcome", outcome_name(f.outcome)}};
  if (!f.why.empty()) json["why"] = f.why;
  json["gpus"] = f.gpus;
  json["step_s"] = f.step.value();
  json["mfu_causal"] = f.mfu_causal;
  json["tokens_per_s_per_gpu"] = f.tokens_per_s_per_gpu;
  json["bubble_share"] = f.bubble_share;
  json["exposed_share"] = f.exposed_share;
  json["peak_bytes"] = f.peak.value();
  json["gpu_hours"] = f.gpu_hours;
  json["wall_s"] = f.wall.value();
  json["cost_usd"] = f.cost.value();
  return json;
}

Figures figures_of(const nlohmann::ordered_json& json) {
  Figures f;
  const auto name = json.at("outcome").get<std::string>();
  f.outcome =
      PointOutcome(std::find(outcome_names.begin(), outcome_names.end(), name) - outcome_names.begin());
  f.why = json.value("why", "");
  f.gpus = json.at("gpus").get<int>();
  f.step = Seconds(json.at("step_s").get<double>());
  f.mfu_causal = json.at("mfu_causal").get<double>();
  f.tokens_per_s_per_gpu = json.at("tokens_per_s_per_gpu").get<double>();
  f.bubble_share = json.at("bubble_share").get<double>();
  f.exposed_share = json.at("exposed_share").get<double>();
  f.peak = Bytes(json.at("peak_bytes").get<std::int64_t>());
  f.gpu_hours = json.at("gpu_hours").get<double>();
  f.wall = Seconds(json.at("wall_s").get<double>());
  f.cost = Dollars(json.at("cost_usd").get<double>());
  return f;
}

}  // namespace orrery
