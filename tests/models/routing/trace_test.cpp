#include "models/routing/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/routing/gate.hpp"
#include "models/routing/sample_counter.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

Experts experts_of(int routed, int per_token, int groups, int groups_per_token) {
  return {.routed = routed,
          .per_token = per_token,
          .width = 2048,
          .shared_width = 2048,
          .groups = groups,
          .groups_per_token = groups_per_token,
          .sigmoid = true,
          .selection_bias = true,
          .shared_gate = false};
}
const Experts sixteen = experts_of(16, 4, 4, 2), deepseek_v3 = experts_of(256, 8, 8, 4);

RoutingTrace empty_trace(const Experts& e, int layers, std::int64_t tokens) {
  return {.experts = e.routed,
          .per_token = e.per_token,
          .groups = e.groups,
          .groups_per_token = e.groups_per_token,
          .layers = layers,
          .tokens = tokens,
          .expert = {},
          .model = "small",
          .balancing = "none"};
}

/// Token t goes to groups t and t + 1 of four, there to the first or the second pair: in every eight tokens
/// in a row each of the sixteen experts is chosen twice.
RoutingTrace equal_trace(int layers, std::int64_t tokens) {
  RoutingTrace trace = empty_trace(sixteen, layers, tokens);
  for (std::int64_t i = 0; i < layers * tokens; ++i) {
    const std::int64_t t = i % tokens, pair = t / 4 % 2 * 2;
    for (const std::int64_t group : {t % 4, (t + 1) % 4}) {
      trace.expert.push_back(std::uint16_t(group * 4 + pair));
      trace.expert.push_back(std::uint16_t(group * 4 + pair + 1));
    }
  }
  return trace;
}

RoutingTrace same_choice_trace(const Experts& e, int layers, std::int64_t tokens,
                               const std::vector<std::uint16_t>& choice) {
  RoutingTrace trace = empty_trace(e, layers, tokens);
  for (std::int64_t i = 0; i < layers * tokens; ++i)
    trace.expert.insert(trace.expert.end(), choice.begin(), choice.end());
  return trace;
}

RoutingTrace drawn_trace(const Experts& e, int layers, std::int64_t tokens, std::uint64_t seed) {
  RoutingTrace trace = empty_trace(e, layers, tokens);
  std::vector<std::int16_t> offset;
  RandomStream random(seed, {.owner = "test", .purpose = "drawn trace"});
  for (int i = 0; i < e.routed; ++i) offset.push_back(logit_key(0.3 * random.normal()));
  Gate gate(e, offset);
  for (std::int64_t i = 0; i < layers * tokens; ++i) {
    const Gate::Choice choice = gate.choose(random);
    trace.expert.insert(trace.expert.end(), choice.expert.begin(), choice.expert.begin() + choice.count);
  }
  return trace;
}

template <class Count>
std::int64_t sum(const std::vector<Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t(0));
}

LayerKey key(int layer, int micro_batch = 0) {
  return {.seed = 5, .group = 0, .layer = layer, .micro_batch = micro_batch};
}

// 512 tokens x 4 choices / 16 experts = 128 rows a source, x 16 sources = 2,048 on each rank of one expert,
// nothing to pad; a token has two groups, so two of four domains: 256 copies from each source to each.
TEST(Trace, OfEqualLoadsGivesEqualRowsAndCopies) {
  const RoutingShape shape{.experts = &sixteen, .ranks = 16, .ranks_per_domain = 4, .tokens = 512};
  const RoutingPool pool = sample_trace(shape, equal_trace(2, 4000), {3, 4, 5}, 8, 1);
  EXPECT_EQ(pool.ranks_per_token, 4);
  EXPECT_EQ(pool.domains_per_token, 2);
  for (int layer = 3; layer <= 5; ++layer) {
    const RoutedLayer routed = route_layer(pool, key(layer), 0);
    EXPECT_EQ(routed.rows, std::vector<std::int32_t>(16, 2048));
    EXPECT_EQ(routed.received, std::vector<std::int32_t>(16, 2048));
    EXPECT_EQ(routed.sent, std::vector<std::int32_t>(64, 256));
  }
}

// All 64 x 4,096 tokens go to the eight experts 0 to 7, all of group 0. A group of 32 experts fills one
// domain of eight ranks, so there one gets everything, and each rank four of its experts: as many copies as
// tokens if it has one of the eight or more, rows 64 x 4,096 for each that it has.
TEST(Trace, OfOneChoiceForAllLoadsOneDomainOfEachLayer) {
  const RoutingTrace trace = same_choice_trace(deepseek_v3, 1, 5000, {0, 1, 2, 3, 4, 5, 6, 7});
  const RoutingShape shape{.experts = &deepseek_v3, .ranks = 64, .ranks_per_domain = 8, .tokens = 4096};
  std::vector<int> layers(40);
  std::iota(layers.begin(), layers.end(), 3);
  const RoutingPool pool = sample_trace(shape, trace, layers, 4, 1);
  EXPECT_EQ(pool.domains_per_token, 1);
  const std::int32_t all = 64 * 4096;
  std::vector<int> hot_layers(8, 0);
  for (const int layer : layers) {
    const RoutedLayer routed = route_layer(pool, key(layer), 0);
    EXPECT_EQ(sum(routed.rows), std::int64_t(all) * 8);
    EXPECT_EQ(sum(routed.sent), all);
    const int hot = int(std::max_element(routed.sent.begin(), routed.sent.begin() + 8) - routed.sent.begin());
    ++hot_layers[std::size_t(hot)];
    for (int rank = 0; rank < 64; ++rank) {
      const std::int32_t rows = routed.rows[std::size_t(rank)];
      EXPECT_EQ(rows % all, 0);
      EXPECT_EQ(routed.received[std::size_t(rank)], rows > 0 ? all : 0);
      EXPECT_TRUE(rank / 8 == hot || rows == 0) << "layer " << layer << ", rank " << rank;
    }
    for (int source = 0; source < 64; ++source)
      EXPECT_EQ(routed.sent[std::size_t(source * 8 + hot)], 4096) << source;
  }
  // 40 layers over 8 domains: a domain is never hot with probability (7/8)^40 = 0.5 %.
  EXPECT_GE(std::count_if(hot_layers.begin(), hot_layers.end(), [](int n) { return n > 0; }), 6);
}

// A domain of one rank: what all sources send there is what it receives.
TEST(Trace, SendsExactlyWhatIsReceived) {
  const Experts all[] = {sixteen, deepseek_v3, experts_of(64, 6, 1, 1)};
  for (const Experts& e : all) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const RoutingShape shape{.experts = &e, .ranks = 8, .ranks_per_domain = 1, .tokens = 100};
      const RoutingPool pool = sample_trace(shape, drawn_trace(e, 3, 257, seed), {1, 2, 3, 4}, 6, seed);
      for (const RoutingSample& sample : pool.samples) {
        EXPECT_EQ(sum(sample.expert_rows), 100 * e.per_token);
        EXPECT_EQ(sample.rank_copies, sample.domain_copies);
        EXPECT_GE(sum(sample.rank_copies), 100);
        EXPECT_LE(sum(sample.rank_copies), sum(sample.expert_rows));
      }
      const RoutedLayer routed = route_layer(pool, key(2, int(seed)), 0);
      for (int rank = 0; rank < 8; ++rank) {
        std::int64_t sent = 0;
        for (int source = 0; source < 8; ++source) sent += routed.sent[std::size_t(source * 8 + rank)];
        EXPECT_EQ(sent, routed.received[std::size_t(rank)]);
      }
      // Each expert pads its rows by 0 to 127.
      EXPECT_GE(sum(routed.rows), 8 * 100 * e.per_token);
      EXPECT_LE(sum(routed.rows), 8 * 100 * e.per_token + 127 * e.routed);
    }
  }
}

TEST(Trace, GivesTheSamplesOfASlowTwinThatWalksEveryWindow) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const RoutingShape shape{.experts = &deepseek_v3, .ranks = 32, .ranks_per_domain = 8, .tokens = 60};
    const RoutingTrace trace = drawn_trace(deepseek_v3, 2, seed == 1 ? 60 : 500, seed);
    const std::vector<int> layers{1, 2, 5};
    const RoutingPool pool = sample_trace(shape, trace, layers, 5, seed);
    ASSERT_EQ(pool.samples.size(), 15u);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto names = expert_names(trace, layers[i], seed);
      const auto starts = window_starts(trace, layers[i], 5, seed);
      for (std::size_t n = 0; n < 5; ++n) {
        SampleCounter counter(shape);
        for (int token = 0; token < 60; ++token) {
          // Of three layers the first two use the trace's first: floor(1 x 2 / 3) = 0.
          const std::uint16_t* choice = trace.choice(i == 2, (starts[n] + token) % trace.tokens);
          std::vector<std::uint16_t> renamed;
          for (int slot = 0; slot < 8; ++slot) renamed.push_back(names[choice[slot]]);
          counter.count(renamed);
        }
        const RoutingSample& fast =
            pool.samples[std::size_t(pool.first_of_layer[std::size_t(layers[i])]) + n];
        const RoutingSample slow = counter.take();
        EXPECT_EQ(fast.expert_rows, slow.expert_rows);
        EXPECT_EQ(fast.rank_copies, slow.rank_copies);
        EXPECT_EQ(fast.domain_copies, slow.domain_copies);
      }
    }
  }
}

TEST(Trace, KeepsGroupsTogetherUnderNewNames) {
  const RoutingTrace trace = empty_trace(deepseek_v3, 1, 1);
  std::vector<std::uint16_t> first;
  for (int layer = 0; layer < 20; ++layer) {
    const std::vector<std::uint16_t> names = expert_names(trace, layer, 1);
    std::vector<std::uint16_t> sorted = names, all(256);
    std::sort(sorted.begin(), sorted.end());
    std::iota(all.begin(), all.end(), std::uint16_t(0));
    EXPECT_EQ(sorted, all);
    for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(names[i] / 32, names[i / 32 * 32] / 32);
    EXPECT_NE(names, first);
    first = names;
  }
}

TEST(Trace, IsAFunctionOfItsSeed) {
  const RoutingShape shape{.experts = &sixteen, .ranks = 8, .ranks_per_domain = 2, .tokens = 100};
  const RoutingTrace trace = drawn_trace(sixteen, 2, 1000, 1);
  const RoutingPool one = sample_trace(shape, trace, {0, 1}, 4, 1),
                    same = sample_trace(shape, trace, {0, 1}, 4, 1),
                    other = sample_trace(shape, trace, {0, 1}, 4, 2);
  for (std::size_t n = 0; n < 8; ++n) EXPECT_EQ(one.samples[n].expert_rows, same.samples[n].expert_rows);
  EXPECT_NE(one.samples[0].expert_rows, other.samples[0].expert_rows);
  EXPECT_EQ(route_layer(one, key(1, 7), 0).sent, route_layer(same, key(1, 7), 0).sent);
}

// One expert of four has all rows: of means 1/4, ranks lie 3/4, 1/4, 1/4, 1/4 away; sqrt(12 / 64) / (1 / 4) =
// sqrt(3). With two ranks: 1/2 away each, of 1/2.
TEST(Trace, HasTheSpreadOfItsRanks) {
  const RoutingTrace trace = same_choice_trace(experts_of(4, 1, 1, 1), 3, 50, {2});
  EXPECT_DOUBLE_EQ(trace_spread(trace, 4), std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(trace_spread(trace, 2), 1.0);
  EXPECT_EQ(trace_spread(equal_trace(2, 800), 8), 0);
}

TEST(Trace, OfAnotherGateIsRefusedWithBoth) {
  Transformer model;
  model.name = "deepseek-v3";
  model.experts = deepseek_v3;
  const RoutingTrace trace = drawn_trace(experts_of(64, 6, 1, 1), 1, 50, 1);
  const Findings found = check_trace(trace, model, 50);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].key, "routing.trace");
  EXPECT_EQ(
      found[0].problem,
      "the trace of small routes 6 of 64 experts; deepseek-v3 routes 8 of 256 experts in 4 of 8 groups");
  model.experts = experts_of(64, 6, 1, 1);
  EXPECT_TRUE(check_trace(trace, model, 50).empty());
  EXPECT_THAT(check_trace(trace, model, 51).at(0).problem, HasSubstr("has 50 tokens"));
  for (int i = 0; i < 3; ++i) {
    RoutingTrace changed = trace;
    (i == 0 ? changed.experts : i == 1 ? changed.per_token : changed.groups) += 1;
    EXPECT_EQ(check_trace(changed, model, 50).size(), 1u) << i;
  }
}

TEST(Trace, WithChoicesThatNoGateMakesIsRefused) {
  const RoutingTrace good = drawn_trace(sixteen, 2, 30, 1);
  ASSERT_TRUE(check_choices(good).empty());
  const auto problem = [&](auto change) {
    RoutingTrace bad = good;
    change(bad);
    const Findings found = check_choices(bad);
    return found.size() == 1 ? found[0].problem : std::to_string(found.size()) + " findings";
  };
  const std::size_t last = 59 * 4;  // Token 29 of layer 1.
  EXPECT_THAT(problem([&](RoutingTrace& t) { t.expert[last + 3] = 16; }),
              HasSubstr("token 29 of layer 1 chooses expert 16 of 16"));
  EXPECT_THAT(problem([&](RoutingTrace& t) { t.expert[last + 1] = t.expert[last]; }), HasSubstr("twice"));
  EXPECT_THAT(problem([&](RoutingTrace& t) {
                for (std::size_t i = 0; i < 4; ++i) t.expert[last + i] = std::uint16_t(4 * (i % 3) + i);
              }),
              HasSubstr("reaches 3 groups, where the gate allows 2"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.groups = 3; }), HasSubstr("do not divide into 3 groups"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.groups = 0; }), HasSubstr("groups"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.groups_per_token = 5; }), HasSubstr("groups a token"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.experts = 2048; }), HasSubstr("2048 experts"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.per_token = 17; }), HasSubstr("17 experts a token"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.layers = 0; }), HasSubstr("no tokens"));
  EXPECT_THAT(problem([](RoutingTrace& t) { t.expert.pop_back(); }), HasSubstr("layers x tokens"));
}

}  // namespace
}  // namespace orrery
