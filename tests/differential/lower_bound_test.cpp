#include "models/training/lower_bound.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "scenarios/reading/assemble.hpp"
#include "sim/random.hpp"
#include "tests/end_to_end/small_scenario.hpp"

namespace orrery {
namespace {

TrainingPlan small_plan(std::vector<std::string> sets) {
  DocumentReading document = read_document_text({"small.toml", small_scenario}, sets);
  const Assembled assembled = assemble(read_scenario(std::move(document.document)));
  EXPECT_TRUE(assembled.diagnostics.empty());
  return assembled.plan;
}

// Whatever the search may ask about: sizes, schedules, precision, skew and messages, for a mixture of experts
// and for a dense model. Plans that cannot be are drawn again.
TEST(StepLowerBound, IsNeverAboveTheSimulatedTimeOfTwoThousandRandomPlans) {
  const TrainingPlan models[] = {
      small_plan({}),
      small_plan({"model.config=llama-3.1-8b", "plan.expert=1", "plan.schedule=1f1b", "plan.precision=bf16",
                  "plan.kernels=cublas_h100", "cluster.gpu=h100-sxm"})};
  RandomStream draw(17, {"lower bound", "plans"});
  const auto power = [&](std::uint32_t most) { return 1 << draw.below(most + 1); };
  int checked = 0;
  double least = 1, sum = 0;
  for (int drawn = 0; checked < 2000 && drawn < 200'000; ++drawn) {
    TrainingPlan plan = models[draw.below(2)];
    plan.pipeline = power(4);
    if (plan.model.experts) plan.expert = power(5);
    plan.tensor = power(2);
    plan.context = power(1);
    plan.virtual_stages = int(draw.below(3)) + 1;
    plan.micro_batch = power(2);
    plan.global_batch = 32 << draw.below(3);
    plan.sequence = 1024 << draw.below(3);
    plan.schedule = schedule_kinds()[draw.below(std::uint32_t(schedule_kinds().size()))].name;
    if (plan.model.experts && draw.below(2)) plan.precision = Precision::Bf16;
    plan.recompute = {draw.below(2) == 0, draw.below(2) == 0, draw.below(2) == 0, draw.below(2) == 0,
                      draw.below(4) == 0};
    plan.overlap = draw.below(4) ? Overlap::Hidden : Overlap::Exposed;
    plan.pipeline_messages = draw.below(4) ? PipelineMessages::Batched : PipelineMessages::Eager;
    plan.row_spread = 0.15 * draw.uniform();
    plan.popularity = draw.below(4) ? 0 : 0.5 * draw.uniform();
    plan.routing_samples = 8;
    plan.seed = draw.bits();
    plan.fidelity = draw.below(3) ? Fidelity::Lockstep : Fidelity::Folded;
    if (!check_plan(plan).empty()) continue;
    const std::optional<RoutingPool> pool = plan_routing(plan);
    const double bound = step_lower_bound(plan, pool ? &*pool : nullptr).value(),
                 simulated = to_seconds(simulate_step(plan, pool ? &*pool : nullptr).time).value();
    ASSERT_LE(bound, simulated * (1 + 1e-12))
        << plan.schedule << " pipeline " << plan.pipeline << " expert " << plan.expert << " tensor "
        << plan.tensor << " context " << plan.context << " micro-batch " << plan.micro_batch << " spread "
        << plan.row_spread << " popularity " << plan.popularity << " overlap " << int(plan.overlap) << " of "
        << plan.model.name;
    EXPECT_LE(step_compute_bound(plan, pool ? &*pool : nullptr).value(), simulated);
    ++checked;
    least = std::min(least, bound / simulated);
    sum += bound / simulated;
  }
  std::printf("%d plans: the bound is %.1f %% of the simulated time in the mean, %.1f %% at the least\n",
              checked, 100 * sum / checked, 100 * least);
  EXPECT_EQ(checked, 2000);
}

// The search looks at the first four micro-batches a pipeline rank: if those do not fit, no more do. Every
// schedule holds its most by then, but GPipe, which holds all.
TEST(Memory, OfTheFirstMicroBatchesIsNoMoreThanOfAll) {
  const TrainingPlan base = small_plan({});
  int checked = 0;
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (const int pipeline : {1, 2, 4, 8}) {
      for (const int micro_batch : {1, 2}) {
        for (const int more : {2, 4, 6}) {
          TrainingPlan plan = base;
          plan.schedule = kind.name;
          plan.pipeline = pipeline;
          plan.expert = std::min(plan.expert, plan.gpus_per_pipeline_rank());
          plan.virtual_stages = 2;
          plan.micro_batch = micro_batch;
          const int first = 4 * pipeline * plan.data() * micro_batch;
          plan.global_batch = first;
          TrainingPlan all = plan;
          all.global_batch = more * first;
          if (!check_plan(plan).empty() || !check_plan(all).empty()) continue;
          const Bytes few = fullest_rank(memory_request(plan)).peak.total(),
                      many = fullest_rank(memory_request(all)).peak.total();
          EXPECT_LE(few, many) << kind.name << " " << pipeline << " " << more;
          if (kind.name != "gpipe") {
            EXPECT_LE(double(many.value()), 1.02 * double(few.value()))
                << kind.name << " " << pipeline << " " << more;
          }
          ++checked;
        }
      }
    }
  }
  EXPECT_GE(checked, 100);
}

}  // namespace
}  // namespace orrery
