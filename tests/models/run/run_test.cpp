#include "models/run/run.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "scenarios/reading/assemble.hpp"

namespace orrery {
namespace {

// 3,072 to 15,360 sequences over 469 B tokens in 8 equal token shares; batches are middles of the eighths
// (3,072 + 12,288 (i + 1/2) / 8 = 3,840, 5,376, ...), whole for 128 copies and an even number of
// micro-batches.
TEST(Ramp, PassesEqualTokensAtRisingBatches) {
  const TrainingPhase phase{.name = "ramp",
                            .tokens = std::nullopt,
                            .steps = std::nullopt,
                            .sequence = 4096,
                            .global_batch = 15360,
                            .context = 1,
                            .ramp_from = 3072,
                            .ramp_tokens = 469'000'000'000,
                            .gpu_hours = std::nullopt,
                            .answers = std::nullopt};
  const std::vector<RampLevel> levels = ramp_levels(phase, 128, 8);
  ASSERT_EQ(levels.size(), 8u);
  double tokens = 0;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    EXPECT_EQ(levels[i].global_batch, 3840 + 1536 * int(i));
    EXPECT_EQ(levels[i].global_batch % 256, 0);
    tokens += levels[i].steps * levels[i].global_batch * 4096;
  }
  EXPECT_NEAR(tokens, 469e9, 1);
}

// DeepSeek-V3's 32 K phase, as its scenario lays it out, expands the keys of whole sequences on every rank:
// more than 80 GB. Pre-training fits. Both are simulated, and the one that does not fit says so.
TEST(SimulateRun, SaysOfAPhaseThatItWouldNotFit) {
  const Assembled a = assemble(read_scenario("deepseek-v3", {}));
  ASSERT_TRUE(a.ok());
  TrainingPhase main = a.phases.at(0), longer = a.phases.at(1);
  main.ramp_from = 0, main.ramp_tokens = 0;
  const auto parallel = [](int count, const std::function<void(int)>& job) {
    for (int i = 0; i < count; ++i) job(i);
  };
  const auto run = simulate_run({.plan = a.plan, .phases = {main, longer}, .fallback = a.fallback}, parallel);
  ASSERT_TRUE(run.ok());
  EXPECT_LE(run.value[0].peak, a.plan.gpu.memory);
  EXPECT_TRUE(run.value[0].notes.empty());
  EXPECT_GT(run.value[1].peak, a.plan.gpu.memory);
  ASSERT_EQ(run.value[1].notes.size(), 1u);
  EXPECT_NE(run.value[1].notes[0].find("on the fullest rank, h800 has 84.9 GB: simulated as if it fitted"),
            std::string::npos)
      << run.value[1].notes[0];
  EXPECT_GT(run.value[1].gpu_hours, 0);
}

}  // namespace
}  // namespace orrery
