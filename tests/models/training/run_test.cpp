#include "models/training/run.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace orrery {
namespace {

// 61 layers and one MTP block over 16 stages: 62 = 16 x 3 + 14, so two stages are short: the last, then the
// first.
TEST(Stages, TheShortStagesLieAtTheEnds) {
  const std::vector<int> v3 = blocks_per_stage(62, 16, LayerMap::EndsShort);
  EXPECT_EQ(v3.front(), 3);
  EXPECT_EQ(v3.back(), 3);
  EXPECT_EQ(std::accumulate(v3.begin() + 1, v3.end() - 1, 0), 14 * 4);
}

// Llama 3 405B: 126 layers over 16 stages = 128 - 2, one layer less at each end (arXiv 2407.21783,
// section 3.3.2).
TEST(Stages, GiveLlamaItsPublishedMap) {
  const std::vector<int> llama = blocks_per_stage(126, 16, LayerMap::EndsShort);
  EXPECT_EQ(llama.front(), 7);
  EXPECT_EQ(llama.back(), 7);
  EXPECT_EQ(llama[8], 8);
}

TEST(Stages, AlwaysSumToTheModelAndDifferByAtMostOne) {
  for (int stages = 1; stages <= 40; ++stages) {
    for (int blocks = stages; blocks <= 130; ++blocks) {
      for (const LayerMap map : {LayerMap::EndsShort, LayerMap::FrontHeavy, LayerMap::BackHeavy}) {
        const std::vector<int> count = blocks_per_stage(blocks, stages, map);
        EXPECT_EQ(std::accumulate(count.begin(), count.end(), 0), blocks);
        EXPECT_LE(
            *std::max_element(count.begin(), count.end()) - *std::min_element(count.begin(), count.end()), 1);
      }
    }
  }
}

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
                            .gpu_hours = std::nullopt};
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
