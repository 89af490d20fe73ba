#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/routing/routing.hpp"

namespace orrery {
namespace {

const Experts& deepseek_v3_experts() {
  static const Experts experts{.routed = 256,
                               .per_token = 8,
                               .width = 2048,
                               .shared_width = 2048,
                               .groups = 8,
                               .groups_per_token = 4,
                               .sigmoid = true,
                               .selection_bias = true,
                               .shared_gate = false};
  return experts;
}

const RoutingPool& pool() {
  static const RoutingPool samples = sample_routing(
      {.experts = &deepseek_v3_experts(), .ranks = 64, .ranks_per_domain = 8, .tokens = 4096}, 32, 1);
  return samples;
}

template <class Count>
std::int64_t sum(const std::vector<Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t(0));
}

LayerKey key(int layer, int micro_batch = 0) {
  return {.seed = 5, .group = 0, .layer = layer, .micro_batch = micro_batch};
}

// Each of 256 experts is padded by 0 to 127 rows, so the padded sum lies between the true one, 64 x 4096 x 8,
// and that plus 256 x 127.
TEST(RoutedLayer, HasARowForEveryChoiceOfEveryToken) {
  for (int layer = 0; layer < 20; ++layer) {
    const RoutedLayer routed = route_layer(pool(), key(layer), 0);
    const std::int64_t choices = 64 * 4096 * 8;
    EXPECT_GE(sum(routed.rows), choices);
    EXPECT_LE(sum(routed.rows), choices + 256 * 127);
    for (const std::int32_t rows : routed.rows) EXPECT_EQ(rows % row_tile, 0);
  }
}

// With one sample in the pool every source rank sends that sample, its domains turned: totals are 64 times
// its own.
TEST(RoutedLayer, ReceivesAndSendsExactlyTheCopiesOfItsSamples) {
  const RoutingPool one = sample_routing(pool().shape, 1, 9);
  const RoutedLayer routed = route_layer(one, key(3), 0);
  EXPECT_EQ(sum(routed.received), 64 * sum(one.samples[0].rank_copies));
  EXPECT_EQ(sum(routed.sent), 64 * sum(one.samples[0].domain_copies));
  for (int source = 0; source < 64; ++source) {
    const auto from = routed.sent.begin() + source * 8;
    EXPECT_EQ(std::accumulate(from, from + 8, std::int64_t(0)), sum(one.samples[0].domain_copies));
    for (int domain = 0; domain < 8; ++domain) EXPECT_LE(from[domain], 4096);
  }
}

TEST(RoutedLayer, IsAFunctionOfItsKeyAlone) {
  const RoutedLayer first = route_layer(pool(), key(1, 2), 0.076);
  route_layer(pool(), key(7), 0.076);
  const RoutedLayer again = route_layer(pool(), key(1, 2), 0.076);
  EXPECT_EQ(first.rows, again.rows);
  EXPECT_EQ(first.received, again.received);
  EXPECT_EQ(first.sent, again.sent);
  LayerKey other[] = {key(1, 2), key(1, 2), key(1, 2), key(1, 2)};
  other[0].seed = 6, other[1].group = 1, other[2].layer = 2, other[3].micro_batch = 3;
  for (const LayerKey& changed : other)
    EXPECT_NE(route_layer(pool(), changed, 0.076).received, first.received);
}

/// Standard deviation of received copies over ranks and 64 layers, over their mean.
double relative_spread(double row_spread, std::vector<std::int32_t> RoutedLayer::*part) {
  double total = 0, squares = 0;
  int count = 0;
  for (int layer = 0; layer < 64; ++layer) {
    const RoutedLayer routed = route_layer(pool(), key(layer), row_spread);
    for (const std::int32_t value : routed.*part) {
      total += value;
      squares += double(value) * value;
      ++count;
    }
  }
  const double mean = total / count;
  return std::sqrt(squares / count - mean * mean) / mean;
}

// Independent tokens: a rank gets a copy of each of 64 x 4096 tokens with p = 7.48 / 64, so the relative
// standard deviation is sqrt((1 - p) / (p 64 4096)) = 0.54 %; the published study says 0.5 %.
TEST(RoutedLayer, OfIndependentDrawsVariesByHalfAPercent) {
  EXPECT_NEAR(relative_spread(0, &RoutedLayer::received), 0.0054, 0.001);
}

// The spread is an extra factor: sqrt(0.076^2 + 0.0054^2) = 7.62 %. 4,096 values: the standard error of a
// standard deviation is 1 / sqrt(2 x 4096) of it = 1.1 %, so 5 % is four and a half of them.
TEST(RoutedLayer, VariesByTheSpreadThatIsAskedFor) {
  EXPECT_NEAR(relative_spread(0.076, &RoutedLayer::received), 0.0762, 0.05 * 0.0762);
  EXPECT_NEAR(relative_spread(0.076, &RoutedLayer::rows), 0.0762, 0.05 * 0.0762);
}

TEST(RoutedLayer, KeepsItsMeanUnderASpread) {
  double plain = 0, spread = 0;
  for (int layer = 0; layer < 64; ++layer) {
    plain += double(sum(route_layer(pool(), key(layer), 0).received));
    spread += double(sum(route_layer(pool(), key(layer), 0.076).received));
  }
  // The mean of 4,096 factors of standard deviation 7.6 %: 0.12 %.
  EXPECT_NEAR(spread / plain, 1, 0.005);
}

TEST(RoutedLayer, SendsMoreTowardDomainsThatReceiveMore) {
  const RoutedLayer plain = route_layer(pool(), key(1), 0), spread = route_layer(pool(), key(1), 0.076);
  for (int domain = 0; domain < 8; ++domain) {
    double sent = 0, sent_plain = 0, received = 0, received_plain = 0;
    for (int source = 0; source < 64; ++source) {
      sent += spread.sent[std::size_t(source * 8 + domain)];
      sent_plain += plain.sent[std::size_t(source * 8 + domain)];
    }
    for (int i = 0; i < 8; ++i) {
      received += spread.received[std::size_t(domain * 8 + i)];
      received_plain += plain.received[std::size_t(domain * 8 + i)];
    }
    // Both factors are means over the domain's ranks, once weighted by received copies (which differ by 0.5
    // %).
    EXPECT_NEAR(sent / sent_plain, received / received_plain, 0.002) << domain;
  }
}

TEST(RoutedLayer, OfOneDomainSendsEveryTokenOnceToIt) {
  const RoutingPool one = sample_routing(
      {.experts = &deepseek_v3_experts(), .ranks = 8, .ranks_per_domain = 8, .tokens = 1000}, 4, 1);
  for (const std::int32_t sent : route_layer(one, key(0), 0).sent) EXPECT_EQ(sent, 1000);
}

}  // namespace
}  // namespace orrery
