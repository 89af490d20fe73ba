#include "sim/fair_share.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/sim/random_network.hpp"

namespace orrery {
namespace {

struct LinkLoad {
  double used = 0;
  double highest = 0;  // Level of any flow on it.
};

std::vector<LinkLoad> loads_of(const RandomNetwork& network, const std::vector<BytesPerSecond>& rates) {
  std::vector<LinkLoad> loads(network.capacity.size());
  for (std::size_t f = 0; f < rates.size(); ++f) {
    for (const PathLink& step : network.flows[f].path) {
      loads[step.link].used += double(step.share) * rates[f].value();
      loads[step.link].highest =
          std::max(loads[step.link].highest, rates[f].value() / network.flows[f].weight);
    }
  }
  return loads;
}

TEST(FairShare, SolvesTheExampleOfItsHeader) {
  const std::vector<BytesPerSecond> capacity(2, BytesPerSecond(10));
  const std::vector<SharedFlow> flows{{.weight = 1, .path = {{0, 1}}},
                                      {.weight = 1, .path = {{0, 1}, {1, 1}}},
                                      {.weight = 3, .path = {{1, 1}}}};
  const auto rates = fair_share(capacity, flows);
  EXPECT_EQ(rates[0].value(), 7.5);  // 10 - 2.5, alone on what is left of link 0.
  EXPECT_EQ(rates[1].value(), 2.5);  // 10 / (1 + 3) on link 1.
  EXPECT_EQ(rates[2].value(), 7.5);  // 3 * 2.5.
}

TEST(FairShare, AShareOfTwoHalvesTheRateOfALoneFlow) {
  const std::vector<BytesPerSecond> capacity(1, BytesPerSecond(10));
  const std::vector<SharedFlow> flows{{.weight = 7, .path = {{0, 2}}}};
  EXPECT_EQ(fair_share(capacity, flows)[0].value(), 5.0);  // 10 / 2, whatever the weight.
}

TEST(FairShare, ALineOfLinksGivesTheLongFlowHalfOfEach) {
  // The parking lot: one flow over all n links, one flow on each. Every link: 12 / 2.
  std::vector<SharedFlow> flows{{.weight = 1, .path = {}}};
  for (LinkIndex link = 0; link < 5; ++link) {
    flows[0].path.push_back({link, 1});
    flows.push_back({.weight = 1, .path = {{link, 1}}});
  }
  for (const BytesPerSecond rate : fair_share(std::vector(5, BytesPerSecond(12)), flows)) {
    EXPECT_EQ(rate.value(), 6.0);
  }
}

TEST(FairShare, NoLinkIsOverfullAndEveryFlowIsHeldBackByAFullLinkOnWhichNobodyIsFaster) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "network"});
    const RandomNetwork network = random_network(random);
    const auto rates = fair_share(network.capacity, network.flows);
    const auto loads = loads_of(network, rates);
    for (std::size_t l = 0; l < loads.size(); ++l) {
      ASSERT_LE(loads[l].used, network.capacity[l].value() * (1 + 1e-12)) << "seed " << seed << " link " << l;
    }
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const double level = rates[f].value() / network.flows[f].weight;
      const bool held_back = std::ranges::any_of(network.flows[f].path, [&](const PathLink& step) {
        const bool full = loads[step.link].used >= network.capacity[step.link].value() * (1 - 1e-12);
        return full && level >= loads[step.link].highest * (1 - 1e-12);
      });
      ASSERT_TRUE(held_back) << "seed " << seed << " flow " << f;
    }
  }
}

TEST(FairShare, ScalingAllCapacitiesScalesAllRates) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "network"});
    RandomNetwork network = random_network(random);
    const auto rates = fair_share(network.capacity, network.flows);
    for (BytesPerSecond& capacity : network.capacity) capacity = 4.0 * capacity;  // Exact: a power of two.
    const auto scaled = fair_share(network.capacity, network.flows);
    for (std::size_t f = 0; f < rates.size(); ++f) ASSERT_EQ(scaled[f], 4.0 * rates[f]);
  }
}

TEST(FairShare, TheOrderOfFlowsDoesNotMatter) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "network"});
    RandomNetwork network = random_network(random);
    const auto rates = fair_share(network.capacity, network.flows);
    std::ranges::reverse(network.flows);
    auto reversed = fair_share(network.capacity, network.flows);
    std::ranges::reverse(reversed);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      ASSERT_NEAR(reversed[f] / rates[f], 1.0, 1e-12) << "seed " << seed << " flow " << f;
    }
  }
}

}  // namespace
}  // namespace orrery
