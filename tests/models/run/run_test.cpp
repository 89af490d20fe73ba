#include "models/run/run.hpp"

#include <gtest/gtest.h>

#include <numeric>

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

}  // namespace
}  // namespace orrery
