#include "models/collectives/all_to_all.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/random.hpp"
#include "tests/models/collectives/gate_sample.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

using namespace literals;

Fabric fabric_of(int nodes) {
  FabricRequest request;
  request.nodes = nodes;
  request.nvlink = 160_GBps, request.nic = 45_GBps, request.trunk = 45_GBps;
  return build_multi_plane(request);
}

std::vector<GpuIndex> gpus_of(const Fabric& fabric, std::uint32_t first_node, int nodes) {
  std::vector<GpuIndex> gpus(std::size_t(nodes) * fabric.gpus_per_node);
  std::iota(gpus.begin(), gpus.end(), fabric.gpu(first_node, 0));
  return gpus;
}

constexpr TransferRates link_rates{BytesPerSecond(45e9), BytesPerSecond(160e9)};

/// Any counts that some routing could give: copies at most the tokens, at least the tokens in sum.
AllToAllCounts any_counts(RandomStream& random) {
  AllToAllCounts counts(1 + int(random.below(5)), 1 + int(random.below(8)));
  for (int source = 0; source < counts.sources(); ++source) {
    for (int node = 0; node < counts.nodes; ++node) {
      const auto tokens = std::int32_t(random.below(200));
      counts.to_node(source, node) = tokens;
      std::int32_t copies = 0;
      for (int gpu = 0; gpu < counts.gpus_per_node; ++gpu)
        copies += counts.to_gpu(source, node, gpu) = std::int32_t(random.below(std::uint32_t(tokens) + 1));
      if (copies < tokens) counts.to_gpu(source, node, 0) = tokens;
    }
  }
  return counts;
}

/// Flows on links by weighted max-min fairness from start to end, plain and slow: fill all levels alike,
/// freeze what is held back, repeat; let the next flow end, start over. Time when the last one ends.
double last_end(const FlowPlan& plan, const std::vector<BytesPerSecond>& capacity) {
  std::vector<double> left;
  for (const FlowPlan::Flow& flow : plan.flows) left.push_back(double(flow.size.value()));
  double now = 0;
  while (true) {
    std::vector<double> level(left.size(), -1), free(capacity.size()), demand(capacity.size());
    for (std::size_t l = 0; l < capacity.size(); ++l) free[l] = capacity[l].value();
    std::vector<bool> open(left.size());
    for (std::size_t f = 0; f < left.size(); ++f) open[f] = left[f] > 1e-6;
    while (std::find(open.begin(), open.end(), true) != open.end()) {
      std::fill(demand.begin(), demand.end(), 0);
      for (std::size_t f = 0; f < left.size(); ++f)
        if (open[f])
          for (const PathLink& p : plan.path(plan.flows[f])) demand[p.link] += p.share * plan.flows[f].weight;
      double lowest = INFINITY;
      for (std::size_t l = 0; l < capacity.size(); ++l)
        if (demand[l] > 0) lowest = std::min(lowest, free[l] / demand[l]);
      std::vector<bool> full(capacity.size());
      for (std::size_t l = 0; l < capacity.size(); ++l)
        full[l] = demand[l] > 0 && free[l] / demand[l] <= lowest * (1 + 1e-9);
      for (std::size_t f = 0; f < left.size(); ++f) {
        if (!open[f]) continue;
        const auto path = plan.path(plan.flows[f]);
        if (std::none_of(path.begin(), path.end(), [&](const PathLink& p) { return full[p.link]; })) continue;
        open[f] = false;
        level[f] = lowest;
        for (const PathLink& p : path) free[p.link] -= lowest * p.share * plan.flows[f].weight;
      }
    }
    double step = INFINITY;
    for (std::size_t f = 0; f < left.size(); ++f)
      if (level[f] > 0) step = std::min(step, left[f] / (level[f] * plan.flows[f].weight));
    if (step == INFINITY) return now;
    now += step;
    for (std::size_t f = 0; f < left.size(); ++f)
      if (level[f] > 0) {
        left[f] -= step * level[f] * plan.flows[f].weight;
        if (left[f] <= 1e-6 * double(plan.flows[f].size.value())) left[f] = 0;
      }
  }
}

TEST(AllToAll, EveryCountArrivesOnceOnTheRightLinks) {
  const Fabric fabric = fabric_of(6);
  Router router(fabric);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, {"test", "counts"});
    AllToAllCounts counts = any_counts(random);
    std::vector<GpuIndex> gpus;
    for (int node = 0; node < counts.nodes; ++node)
      for (int place = 0; place < counts.gpus_per_node; ++place) gpus.push_back(fabric.gpu(node + 1, place));
    for (const Direction direction : {Direction::Dispatch, Direction::Combine}) {
      const FlowPlan plan = all_to_all_flows(router, gpus, counts, {direction, 100_B, link_rates});
      const std::vector<double> loads = link_loads(plan, fabric.links.size());
      const bool out = direction == Direction::Dispatch;
      double nic = 0, nvlink = 0;
      for (int gpu = 0; gpu < counts.sources(); ++gpu) {
        const int node = gpu / counts.gpus_per_node, place = gpu % counts.gpus_per_node;
        double sent = 0, arrived = 0, forwarded = 0, received = 0;
        for (int other = 0; other < counts.nodes; ++other) {
          const int forwarded_for = other * counts.gpus_per_node + place;
          if (other != node) {
            sent += counts.to_node(gpu, other);
            arrived += counts.to_node(forwarded_for, node);
          }
          for (int peer = 0; peer < counts.gpus_per_node; ++peer) {
            if (peer == place) continue;
            forwarded += counts.to_gpu(forwarded_for, node, peer);
            received += counts.to_gpu(other * counts.gpus_per_node + peer, node, place);
          }
        }
        const GpuIndex g = gpus[gpu];
        const double exact = 1e-5 * 100 * 200 * 40;  // Shares are floats.
        ASSERT_NEAR(loads[out ? fabric.nic_out(g) : fabric.nic_in(g)], 100 * sent, exact);
        ASSERT_NEAR(loads[out ? fabric.nic_in(g) : fabric.nic_out(g)], 100 * arrived, exact);
        ASSERT_NEAR(loads[out ? fabric.nvlink_out(g) : fabric.nvlink_in(g)], 100 * forwarded, exact);
        ASSERT_NEAR(loads[out ? fabric.nvlink_in(g) : fabric.nvlink_out(g)], 100 * received, exact);
        nic = std::max({nic, 100 * sent, 100 * arrived});
        nvlink = std::max({nvlink, 100 * forwarded, 100 * received});
      }
      const AllToAllLoad load = all_to_all_load(counts, 100_B);
      EXPECT_DOUBLE_EQ(load.nic_bytes, nic);
      EXPECT_DOUBLE_EQ(load.nvlink_bytes, nvlink);
    }
  }
}

TEST(AllToAll, PathsNameEachLinkOnceWithAPositiveShare) {
  const Fabric fabric = fabric_of(256);
  Router router(fabric);
  const AllToAllCounts counts = sample_counts(8, 64, 2);
  const FlowPlan plan =
      all_to_all_flows(router, gpus_of(fabric, 28, 8), counts, {Direction::Combine, 14336_B, link_rates});
  double weights = 0;
  for (const FlowPlan::Flow& flow : plan.flows) {
    std::vector<LinkIndex> seen;
    for (const PathLink& p : plan.path(flow)) {
      EXPECT_GT(p.share, 0);
      seen.push_back(p.link);
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
    EXPECT_GT(flow.weight, 0);
    weights += flow.weight;
  }
  EXPECT_EQ(plan.flows.size(), 64u * 8);
  EXPECT_NEAR(weights / double(plan.flows.size()), 1, 1e-12);
}

// All nodes under one leaf, so that no trunk is shared: the flows of one all-to-all end at the closed
// bound, which is the most loaded GPU's over the kernel's rate.
TEST(AllToAll, FlowsEndAtTheClosedBound) {
  const Fabric fabric = fabric_of(8);
  Router router(fabric);
  for (const auto& [nodes, tokens] : {std::pair(1, 300), std::pair(2, 100), std::pair(4, 50)}) {
    const AllToAllCounts counts = sample_counts(nodes, tokens, 9);
    for (const Direction direction : {Direction::Dispatch, Direction::Combine}) {
      const TransferRates rates{BytesPerSecond(30e9), BytesPerSecond(138e9)};
      const FlowPlan plan =
          all_to_all_flows(router, gpus_of(fabric, 0, nodes), counts, {direction, 7392_B, rates});
      const AllToAllLoad load = all_to_all_load(counts, 7392_B);
      const double closed = std::max(load.nic_bytes / 30e9, load.nvlink_bytes / 138e9);
      EXPECT_NEAR(bound(plan, capacities(fabric)).value() / closed, 1, 1e-5);
      EXPECT_NEAR(last_end(plan, capacities(fabric)) / closed, 1, 1e-5) << nodes;
      EXPECT_EQ(fill_time(load, rates, {10, 20}).value() == 0, nodes == 1);
    }
  }
}

TEST(AllToAll, FlowsEndAtTheClosedBoundOnTheNetworkOfTheSimulator) {
  const Fabric fabric = fabric_of(8);
  Router router(fabric);
  const AllToAllCounts counts = sample_counts(8, 512, 4);
  for (const Direction direction : {Direction::Dispatch, Direction::Combine}) {
    const FlowPlan plan =
        all_to_all_flows(router, gpus_of(fabric, 0, 8), counts, {direction, 7392_B, link_rates});
    FlowNetwork network(capacities(fabric));
    for (const FlowPlan::Flow& flow : plan.flows)
      network.start(Picoseconds(0), {flow.size, flow.weight, plan.path(flow), 0});
    std::vector<FlowNetwork::Completion> completed;
    network.advance(Picoseconds(1'000'000'000'000), completed);
    ASSERT_EQ(completed.size(), plan.flows.size());
    EXPECT_NEAR(to_seconds(completed.back().at) / bound(plan, capacities(fabric)), 1, 1e-6);
  }
}

TEST(AllToAll, SkewMakesItSlowerAndABusyNodeSlowest) {
  AllToAllCounts even(4, 8);
  for (int source = 0; source < 32; ++source)
    for (int node = 0; node < 4; ++node) {
      even.to_node(source, node) = 100;
      for (int gpu = 0; gpu < 8; ++gpu) even.to_gpu(source, node, gpu) = 20;
    }
  AllToAllCounts skewed = even;
  for (int source = 0; source < 32; ++source) {  // The same tokens in sum, half of node 1's to node 0.
    skewed.to_node(source, 0) += 50;
    skewed.to_node(source, 1) -= 50;
  }
  // Rank on node 1..3: out 100 * 3 = 300 even. Into a GPU of node 0: 3 * 150 = 450.
  EXPECT_DOUBLE_EQ(all_to_all_load(even, 1_B).nic_bytes, 300);
  EXPECT_DOUBLE_EQ(all_to_all_load(skewed, 1_B).nic_bytes, 450);
}

TEST(AllToAll, NoTokensNeedNoFlowsAndNoTime) {
  const Fabric fabric = fabric_of(2);
  Router router(fabric);
  const AllToAllCounts none(2, 8);
  EXPECT_TRUE(all_to_all_flows(router, gpus_of(fabric, 0, 2), none, {Direction::Dispatch, 7392_B, link_rates})
                  .flows.empty());
  EXPECT_EQ(all_to_all_time(all_to_all_load(none, 7392_B), link_rates, {10, 20}).value(), 0);
}

}  // namespace
}  // namespace orrery
