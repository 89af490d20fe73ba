#include <gtest/gtest.h>

#include <numeric>

#include "tests/models/routing/slow_gate.hpp"

namespace orrery {
namespace {

Experts deepseek_v3_experts() {
  return {.routed = 256, .per_token = 8, .width = 2048, .shared_width = 2048, .groups = 8, .groups_per_token = 4,
          .sigmoid = true, .selection_bias = true, .shared_gate = false};
}
Experts deepseek_v2_experts() {
  return {.routed = 160, .per_token = 6, .width = 1536, .shared_width = 3072, .groups = 8, .groups_per_token = 3,
          .sigmoid = false, .selection_bias = false, .shared_gate = false};
}
Experts mixtral_experts() {
  return {.routed = 8, .per_token = 2, .width = 14336, .shared_width = 0, .groups = 1, .groups_per_token = 1,
          .sigmoid = false, .selection_bias = false, .shared_gate = false};
}

template <class Count>
std::int64_t sum(const std::vector<Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t(0));
}

TEST(Gate, ChoosesLikeASlowOneThatSortsEverything) {
  const Experts all[] = {deepseek_v3_experts(), deepseek_v2_experts(), mixtral_experts()};
  const int ranks[] = {64, 32, 8};
  for (int model = 0; model < 3; ++model) {
    const RoutingShape shape{.experts = &all[model], .ranks = ranks[model], .ranks_per_domain = 8, .tokens = 300};
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const RoutingPool pool = sample_routing(shape, 3, seed);
      for (int n = 0; n < 3; ++n) {
        const RoutingSample slow = slow_sample(shape, seed, n);
        ASSERT_EQ(pool.samples[std::size_t(n)].expert_rows, slow.expert_rows) << "model " << model << ", seed " << seed;
        ASSERT_EQ(pool.samples[std::size_t(n)].rank_copies, slow.rank_copies) << "model " << model << ", seed " << seed;
        ASSERT_EQ(pool.samples[std::size_t(n)].domain_copies, slow.domain_copies) << "model " << model << ", seed " << seed;
      }
    }
  }
}

/// Copies a token, by expert-parallel ranks in nodes of 8.
RoutingPool deepseek_v3_pool(const Experts& experts, int ranks) {
  return sample_routing({.experts = &experts, .ranks = ranks, .ranks_per_domain = 8, .tokens = 4096}, 16, 7);
}

// Monte-Carlo figures of the published trace's gate (normal logits). 65,536 tokens here: the standard error of a mean
// is below 1 / 256 = 0.004 since a token's count varies by less than 1; the wider 0.02 leaves room for uniform logits,
// which change the sums of a group's best two a little.
TEST(Gate, ReachesThePublishedNumberOfNodesAndRanksAToken) {
  const Experts experts = deepseek_v3_experts();
  const RoutingPool ep64 = deepseek_v3_pool(experts, 64);
  EXPECT_NEAR(ep64.domains_per_token, 3.965, 0.02);
  EXPECT_NEAR(ep64.ranks_per_token, 7.48, 0.02);  // 7.47 and 7.49 are both in print.
  const RoutingPool ep32 = deepseek_v3_pool(experts, 32);
  EXPECT_NEAR(ep32.domains_per_token, 3.61, 0.02);
  EXPECT_NEAR(ep32.ranks_per_token, 7.27, 0.02);
  const RoutingPool ep16 = deepseek_v3_pool(experts, 16);
  EXPECT_NEAR(ep16.domains_per_token, 1.99, 0.02);
  EXPECT_NEAR(ep16.ranks_per_token, 6.53, 0.02);
  const RoutingPool ep8 = deepseek_v3_pool(experts, 8);
  EXPECT_EQ(ep8.domains_per_token, 1.0);  // One node.
  EXPECT_NEAR(ep8.ranks_per_token, 5.30, 0.02);
}

// Without groups the eight choices are a uniform draw of 8 of 256 without replacement; a rank of 4 is missed with
// probability C(252,8) / C(256,8) = (248 247 246 245) / (256 255 254 253) = 0.880135, so 64 (1 - 0.880135) = 7.6714.
TEST(Gate, WithoutGroupsFollowsTheClosedForm) {
  Experts experts = deepseek_v3_experts();
  experts.groups = experts.groups_per_token = 1;
  EXPECT_NEAR(deepseek_v3_pool(experts, 64).ranks_per_token, 7.6714, 0.01);
}

TEST(Gate, SendsEveryTokenToExactlyItsNumberOfExperts) {
  const Experts all[] = {deepseek_v3_experts(), deepseek_v2_experts(), mixtral_experts()};
  for (const Experts& experts : all) {
    for (int ranks = 1; ranks <= 8; ranks *= 2) {
      const RoutingShape shape{.experts = &experts, .ranks = ranks, .ranks_per_domain = 2, .tokens = 777};
      for (const RoutingSample& sample : sample_routing(shape, 2, 3).samples) {
        EXPECT_EQ(sum(sample.expert_rows), 777 * experts.per_token);
        EXPECT_LE(sum(sample.rank_copies), sum(sample.expert_rows));
        EXPECT_LE(sum(sample.domain_copies), sum(sample.rank_copies));
        EXPECT_GE(sum(sample.domain_copies), 777);
      }
    }
  }
}

TEST(Gate, CountsMoreTokensThanSixteenBitsHold) {
  const Experts experts = mixtral_experts();
  const RoutingShape shape{.experts = &experts, .ranks = 1, .ranks_per_domain = 8, .tokens = 131'072};
  const RoutingPool pool = sample_routing(shape, 1, 1);
  EXPECT_EQ(sum(pool.samples[0].expert_rows), 2 * 131'072);
  EXPECT_EQ(sum(pool.samples[0].rank_copies), 131'072);
}

TEST(Gate, GivesTheSameSamplesForTheSameSeedAndOthersForAnother) {
  const Experts experts = deepseek_v3_experts();
  const RoutingShape shape{.experts = &experts, .ranks = 64, .ranks_per_domain = 8, .tokens = 512};
  const RoutingPool one = sample_routing(shape, 4, 1), again = sample_routing(shape, 4, 1), other = sample_routing(shape, 4, 2);
  const RoutingPool more = sample_routing(shape, 8, 1);
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_EQ(one.samples[n].expert_rows, again.samples[n].expert_rows);
    EXPECT_EQ(one.samples[n].expert_rows, more.samples[n].expert_rows);  // A larger pool moves nobody's draws.
    EXPECT_NE(one.samples[n].expert_rows, other.samples[n].expert_rows);
  }
}

TEST(Gate, WithPopularityLoadsExpertsUnequally) {
  const Experts experts = deepseek_v3_experts();
  const auto fullest = [&](double popularity) {
    const RoutingShape shape{.experts = &experts, .ranks = 64, .ranks_per_domain = 8, .tokens = 4096, .popularity = popularity};
    const RoutingPool pool = sample_routing(shape, 8, 1);
    std::vector<std::int64_t> rows(256);
    for (const RoutingSample& sample : pool.samples) {
      for (std::size_t i = 0; i < 256; ++i) rows[i] += sample.expert_rows[i];
    }
    return double(*std::max_element(rows.begin(), rows.end())) / (double(sum(rows)) / 256);
  };
  const double balanced = fullest(0), skewed = fullest(0.05), strongly = fullest(0.3);
  EXPECT_LT(balanced, 1.15);  // 1024 rows an expert: five standard deviations are 16 %.
  EXPECT_GT(skewed, balanced);
  EXPECT_GT(strongly, skewed);
}

}  // namespace
}  // namespace orrery
