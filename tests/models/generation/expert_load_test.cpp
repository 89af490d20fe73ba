#include "models/generation/expert_load.hpp"

#include <cmath>

#include "tests/models/generation/deployed.hpp"

namespace orrery {
namespace {

// 64 ranks with n tokens each send 8 x 64 n rows to 64 ranks: 8 n on average, the fullest more. Every expert
// is padded to 64 rows, so that a rank of four has at least what it was sent and at most 4 x 63 more.
TEST(ExpertLoad, TheFullestRankHasMoreThanTheMeanAndItsPadding) {
  const Deployment d = answering(8).deployment;
  ExpertLoad load(d.layout);
  double before = 1e9;
  for (const int tokens : {1, 4, 16, 64, 256}) {
    const FullestRank fullest = load.at(tokens);
    EXPECT_GT(fullest.over_mean, 1);
    EXPECT_LT(fullest.over_mean, before) << "more tokens are more even";
    before = fullest.over_mean;
    const double sent = 8.0 * tokens * fullest.over_mean;
    EXPECT_GE(fullest.rows, sent - 1e-6);
    EXPECT_LE(fullest.rows, sent + 4 * 63);
    EXPECT_LE(fullest.experts, 4);
  }
}

// With 256 tokens of 64 ranks each, an expert gets 8 x 64 x 256 / 256 = 512 rows, give or take sqrt(512): the
// fullest of 64 ranks of four lies near 2.4 deviations of sqrt(2048) up, 1 + 2.4 x 45 / 2048 = 1.05. The
// gate's groups add a little.
TEST(ExpertLoad, ManyTokensLieAsIndependentDrawsDo) {
  const Deployment d = answering(8).deployment;
  ExpertLoad load(d.layout);
  EXPECT_NEAR(load.at(256).over_mean, 1 + 2.4 * std::sqrt(2048.0) / 2048, 0.02);
}

TEST(ExpertLoad, LiesOnStraightLinesBetweenPowersOfTwo) {
  const Deployment d = answering(8).deployment;
  ExpertLoad load(d.layout);
  const FullestRank low = load.at(32), high = load.at(64), middle = load.at(48);
  EXPECT_NEAR(middle.rows, (low.rows + high.rows) / 2, 1e-9);
  EXPECT_NEAR(middle.over_mean, (low.over_mean + high.over_mean) / 2, 1e-12);
}

}  // namespace
}  // namespace orrery
