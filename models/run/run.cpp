#include "models/run/run.hpp"

#include <algorithm>
#include <map>

#include "models/training/plan_memory.hpp"

namespace orrery {
namespace {

/// A ramp in eight levels of equal tokens; how the published one rose is not known.
constexpr int levels_of_a_ramp = 8;

/// What one phase asks of one batch size.
struct Job {
  std::size_t phase;
  double steps;
  TrainingPlan plan;
  bool fell_back = false;
  bool same_as_full = false;
  Seconds time{};
  Bytes peak{};
};

bool same_step(const TrainingPlan& a, const TrainingPlan& b) {
  return a.global_batch == b.global_batch && a.sequence == b.sequence && a.samples == b.samples &&
         a.context == b.context && a.schedule == b.schedule;
}

std::string gigabytes(Bytes bytes) {
  const std::int64_t tenths = (bytes.value() + 50'000'000) / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

/// All layers with experts, for every step of the run.
std::shared_ptr<const DrawnLayers> draw_layers(const RoutingPool& pool, const TrainingPlan& plan,
                                               int micro_batches, const Parallel& parallel) {
  const std::vector<int> wanted = layers_with_experts(plan);
  auto drawn = std::make_shared<DrawnLayers>(DrawnLayers{plan.seed, plan.spread_on_top(), {}});
  if (wanted.empty()) return drawn;
  drawn->layers.resize(std::size_t(*std::max_element(wanted.begin(), wanted.end())) + 1);
  parallel(int(wanted.size()), [&](int i) {
    auto& row = drawn->layers[std::size_t(wanted[std::size_t(i)])];
    for (int micro_batch = 0; micro_batch < micro_batches; ++micro_batch) {
      const LayerKey key{plan.seed, 0, wanted[std::size_t(i)], micro_batch};
      row.push_back(route_layer(pool, key, plan.spread_on_top()));
    }
  });
  return drawn;
}

}  // namespace

std::vector<RampLevel> ramp_levels(const TrainingPhase& phase, int copies, int levels) {
  std::vector<RampLevel> result;
  const double tokens_each = double(phase.ramp_tokens) / levels;
  for (int i = 0; i < levels; ++i) {
    const double wanted =
        phase.ramp_from + (double(phase.global_batch) - phase.ramp_from) * (i + 0.5) / levels;
    const int batch = std::max(1, int(wanted / (2 * copies) + 0.5)) * 2 * copies;
    result.push_back({batch, tokens_each / (double(batch) * phase.sequence)});
  }
  return result;
}

Checked<std::vector<PhaseOutcome>> simulate_run(const RunRequest& request, const Parallel& parallel) {
  Checked<std::vector<PhaseOutcome>> run;
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < request.phases.size(); ++i) {
    const TrainingPhase& phase = request.phases[i];
    PhaseOutcome outcome{.name = phase.name, .parts = {}, .answered = {}, .notes = {}};
    if (phase.answers) {
      for (Finding& f : check_answer_phase(*phase.answers, request.plan)) {
        f.problem = "phase \"" + phase.name + "\": " + f.problem;
        run.findings.push_back(std::move(f));
      }
      run.value.push_back(std::move(outcome));
      continue;
    }
    TrainingPlan plan = request.plan;
    plan.sequence = phase.sequence;
    plan.context = phase.context;
    plan.samples = phase.samples;
    plan.global_batch = phase.global_batch;
    if (plan.fidelity == Fidelity::Full) plan.fidelity = Fidelity::Folded;
    plan.traced.clear();
    const std::int64_t each = std::int64_t(phase.global_batch) * phase.sequence;
    outcome.tokens = phase.tokens ? *phase.tokens : phase.steps.value_or(0) * each;
    if (phase.gpu_hours) {
      outcome.gpu_hours = *phase.gpu_hours;
    } else {
      const auto add = [&](int batch, double steps) {
        Job job{.phase = i, .steps = steps, .plan = plan};
        job.plan.global_batch = batch;
        const ScheduleKind* kind = find_schedule(plan.schedule);
        if (kind && job.plan.micro_batches() > 0 && !kind->check(pipeline_shape(job.plan)).empty()) {
          job.plan.schedule = request.fallback;
          job.fell_back = true;
        }
        for (Finding& f : check_plan(job.plan)) {
          f.problem = "phase \"" + phase.name + "\", batch " + std::to_string(batch) + ": " + f.problem;
          run.findings.push_back(std::move(f));
        }
        job.same_as_full = request.full && same_step(job.plan, request.plan);
        jobs.push_back(std::move(job));
      };
      if (phase.ramp_from > 0) {
        for (const RampLevel& level : ramp_levels(phase, plan.data() * plan.micro_batch, levels_of_a_ramp)) {
          add(level.global_batch, level.steps);
        }
      }
      add(phase.global_batch,
          double(outcome.tokens - phase.ramp_tokens * (phase.ramp_from > 0)) / double(each));
    }
    run.value.push_back(std::move(outcome));
  }
  if (!run.findings.empty()) return run;

  const std::optional<RoutingPool> sampled = request.pool ? std::nullopt : plan_routing(request.plan);
  const RoutingPool* given = request.pool ? request.pool : sampled ? &*sampled : nullptr;
  const auto tokens = [](const TrainingPlan& plan) { return work_shape(plan).tokens(); };
  std::optional<RoutingPool> pool;
  if (given) {
    pool = *given;
    int micro_batches = 0;
    for (const Job& job : jobs) {
      const bool draws = !job.same_as_full && tokens(job.plan) == tokens(request.plan);
      micro_batches = std::max(micro_batches, draws ? job.plan.micro_batches() : 0);
    }
    pool->drawn = draw_layers(*given, request.plan, micro_batches, parallel);
  }
  parallel(int(jobs.size()), [&](int i) {
    Job& job = jobs[std::size_t(i)];
    const bool shared = pool && tokens(job.plan) == tokens(request.plan);
    job.time = to_seconds(job.same_as_full ? request.full->time
                                           : simulate_step(job.plan, shared ? &*pool : nullptr).time);
    job.peak = fullest_rank(memory_request(job.plan)).peak.total();
  });

  for (const Job& job : jobs) {
    PhaseOutcome& outcome = run.value[job.phase];
    outcome.steps += job.steps;
    outcome.wall += job.steps * job.time;
    outcome.step_time = job.time;  // The full batch comes last.
    outcome.peak = job.peak;
    outcome.gpu_hours += job.steps * job.time.value() * request.plan.gpus() / 3600;
    if (job.fell_back) {
      outcome.notes.push_back("batch " + std::to_string(job.plan.global_batch) + ": " +
                              std::to_string(job.plan.micro_batches()) + " micro-batches are too few for " +
                              request.plan.schedule + "; ran on " + request.fallback);
    }
  }
  for (std::size_t i = 0; i < request.phases.size(); ++i) {
    const TrainingPhase& phase = request.phases[i];
    if (!phase.answers) continue;
    AnsweredPhase answered =
        simulate_answers(*phase.answers, request.plan, phase.steps.value_or(0), request.fallback, parallel);
    PhaseOutcome& outcome = run.value[i];
    outcome.tokens = answered.tokens;
    outcome.steps = double(phase.steps.value_or(0));
    outcome.step_time = answered.step;
    outcome.wall = answered.wall;
    outcome.gpu_hours = answered.wall.value() * request.plan.gpus() / 3600;
    outcome.peak = answered.peak;
    outcome.parts = std::move(answered.parts);
    outcome.answered = answered.figures;
    outcome.notes = std::move(answered.notes);
  }
  for (PhaseOutcome& outcome : run.value) {
    if (outcome.peak > request.plan.gpu.memory)
      outcome.notes.push_back("its step needs " + gigabytes(outcome.peak) + " on the fullest rank, " +
                              request.plan.gpu.name + " has " + gigabytes(request.plan.gpu.memory) +
                              ": simulated as if it fitted");
    if (outcome.wall == Seconds(0)) outcome.wall = Seconds(outcome.gpu_hours * 3600 / request.plan.gpus());
  }
  return run;
}

}  // namespace orrery
