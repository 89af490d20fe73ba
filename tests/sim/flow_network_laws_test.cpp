#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sim/flow_network.hpp"
#include "tests/sim/random_network.hpp"

// What makes rates max-min fair, asked of the rates alone: no other solver is needed to judge them.
namespace orrery {
namespace {

constexpr double residual = 1e-12;

std::vector<double> rates_of(const RandomNetwork& network, const std::vector<std::size_t>& order) {
  FlowNetwork fast(network.capacity);
  std::vector<FlowIndex> index(network.flows.size());
  for (const std::size_t f : order) {
    const SharedFlow& flow = network.flows[f];
    index[f] = fast.start({}, {.size = Bytes(1'000'000), .weight = flow.weight, .path = flow.path});
  }
  std::vector<double> rates;
  for (const FlowIndex flow : index) rates.push_back(fast.rate(flow).value());
  return rates;
}

// Half of the flows take the path of an earlier one.
RandomNetwork network_with_twins(RandomStream& random) {
  RandomNetwork network = random_network(random);
  for (std::uint32_t f = 1; f < network.flows.size(); ++f) {
    if (random.below(2) == 0) network.flows[f].path = network.flows[random.below(f)].path;
  }
  return network;
}

TEST(FlowNetworkLaws, NoLinkIsOverfullAndEveryFlowHasAFullLinkOnWhichNobodyIsFasterInAnyOrderOfStarts) {
  for (std::uint64_t seed = 0; seed < 100'000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "laws"});
    const RandomNetwork network = network_with_twins(random);
    std::vector<std::size_t> order(network.flows.size());
    std::iota(order.begin(), order.end(), 0);
    const std::vector<double> rates = rates_of(network, order);

    std::vector<double> use(network.capacity.size()), highest(network.capacity.size());
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const SharedFlow& flow = network.flows[f];
      for (const PathLink& step : flow.path) {
        use[step.link] += double(step.share) * rates[f] / network.capacity[step.link].value();
        highest[step.link] = std::max(highest[step.link], rates[f] / flow.weight);
      }
    }
    for (const double part : use) ASSERT_LE(part, 1 + residual) << "seed " << seed;
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const SharedFlow& flow = network.flows[f];
      const bool held = std::ranges::any_of(flow.path, [&](const PathLink& step) {
        return use[step.link] >= 1 - residual &&
               rates[f] / flow.weight >= highest[step.link] * (1 - residual);
      });
      ASSERT_TRUE(held) << "seed " << seed << " flow " << f << " could be faster";
    }

    for (std::size_t f = order.size(); f > 1; --f)
      std::swap(order[f - 1], order[random.below(std::uint32_t(f))]);
    const std::vector<double> again = rates_of(network, order);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      ASSERT_NEAR(again[f] / rates[f], 1, residual) << "seed " << seed << " flow " << f;
    }
  }
}

}  // namespace
}  // namespace orrery
