#include "models/collectives/rounds.hpp"

#include <gtest/gtest.h>

#include <string>

#include "topologies/catalog.hpp"

namespace orrery {
namespace {

using namespace literals;

Fabric cluster(int nodes, int gpus = 8) {
  FabricRequest request;
  request.nodes = nodes;
  request.gpus_per_node = request.nics_per_node = gpus;
  request.nvlink = 160_GBps, request.nic = 50_GBps, request.trunk = 50_GBps;
  request.nvlink_latency = 3_us, request.nic_latency = 3_us, request.hop_latency = 0.5_us;
  return nodes > 1 ? build_multi_rail(request) : build_nvlink_domain(request);
}

const CollectiveAlgorithm& algorithm(Collective kind, std::string_view name) {
  for (const CollectiveAlgorithm& row : collective_algorithms())
    if (row.kind == kind && row.name == name) return row;
  ADD_FAILURE() << name;
  return collective_algorithms()[0];
}

double microseconds(const Fabric& fabric, Collective kind, std::string_view name, Bytes bytes) {
  Router router(fabric);
  return simulate_collective(algorithm(kind, name), {router, bytes}).value() * 1e6;
}

// 64 nodes of one GPU under leaves of 32, no NVLink on the way.
//   ring all-gather: 63 turns of 6.4 MB / 64 = 100 kB at 50 GB/s, 2 us each, and 3 us under one leaf, 4 us
//   where the ring goes on to the other leaf over a spine (two hops): rounds wait for the slowest, 6 us.
//   all-reduce: twice that. halving-doubling: 2 (3.2 + 1.6 + ... + 0.1 MB) = 12.6 MB at 50 GB/s, 252 us, if
//   its exchanges have the uplinks for themselves; 12 rounds of 3 or 4 us.
TEST(CollectiveRounds, AreTheClosedFormsOnPlainNetworks) {
  const Fabric fabric = cluster(64, 1);
  EXPECT_NEAR(microseconds(fabric, Collective::AllGather, "ring", 6'400'000_B), 63 * 6, 1e-3);
  EXPECT_NEAR(microseconds(fabric, Collective::AllReduce, "ring", 6'400'000_B), 126 * 6, 1e-3);
  EXPECT_NEAR(microseconds(fabric, Collective::AllReduce, "ring", 6'400_B), 126 * (4 + 0.002), 1e-3);
  // 16 nodes are under one leaf: 2 (3.2 + 1.6 + 0.8 + 0.4) MB = 12 MB, and 8 rounds of 3 us.
  const Fabric leaf = cluster(16, 1);
  EXPECT_NEAR(microseconds(leaf, Collective::AllReduce, "halving_doubling", 6'400'000_B), 240 + 24, 1e-3);
  // All-to-all under one leaf: every NIC sends 15 parts of 400 kB, 120 us.
  EXPECT_NEAR(microseconds(leaf, Collective::AllToAll, "flat", 6'400'000_B), 120 + 3, 1e-3);
  EXPECT_NEAR(microseconds(leaf, Collective::AllToAll, "pairwise", 6'400'000_B), 120 + 15 * 3, 1e-3);
  EXPECT_NEAR(microseconds(leaf, Collective::PointToPoint, "send", 50_B), 3 + 0.001, 1e-6);
}

// One node: 8 GPUs, 160 GB/s. Ring all-gather 7 turns of 1 MB: 7 * (6.25 + 3) us.
TEST(CollectiveRounds, OneNodeIsARingOverNvlink) {
  EXPECT_NEAR(microseconds(cluster(1), Collective::AllGather, "ring", 8_MB), 7 * (6.25 + 3), 1e-3);
}

// 4 nodes of 8 GPUs, 8 MB from each: two hops take each part once over a NIC and on over NVLink. A NIC sends
// 3/4 of 8 MB, 120 us at 50 GB/s; NVLink of a forwarding GPU hands on 7/8 of what comes for its node, 7 MB,
// 43.75 us. The NIC paces; latency is that of NIC and NVLink ports on the path, 3 us and half of 3 us for the
// forwarding GPU's port and each of its seven peers'.
TEST(CollectiveRounds, TwoHopsCrossEachNicOnce) {
  const double time = microseconds(cluster(4), Collective::AllToAll, "two_hop", 8'000'000_B);
  EXPECT_NEAR(time, 120 + 3 + 1.5 * 8, 1e-3);
}

// Law: what a GPU must receive, it receives, over all rounds: 2 (n - 1) / n of the bytes for an all-reduce of
// parts, (n - 1) / n for the others. Trees move whole sums instead, and switches that add half as much.
TEST(CollectiveRounds, EveryGpuReceivesWhatTheCollectiveOwesIt) {
  for (const int nodes : {1, 2, 4, 6}) {
    const Fabric fabric = cluster(nodes);
    const double n = fabric.gpus();
    const Bytes bytes(std::int64_t(fabric.gpus()) * 8 * 6 * 1000);  // Divides by GPUs, rings and nodes.
    for (const CollectiveAlgorithm& row : collective_algorithms()) {
      if (!row.check(fabric).empty() || row.name == "tree" || row.name == "in_network" ||
          row.name == "two_hop" || row.kind == Collective::Broadcast || row.kind == Collective::PointToPoint)
        continue;
      Router router(fabric);
      std::vector<double> received(fabric.gpus());
      row.rounds({router, bytes}, [&](Round&& round) {
        for (const FlowPlan::Flow& flow : round.plan.flows)
          received[flow.destination] += double(round.repeats) * double(flow.size.value());
      });
      const double owed = double(bytes.value()) * (n - 1) / n * (row.kind == Collective::AllReduce ? 2 : 1);
      for (const double got : received)
        EXPECT_NEAR(got / owed, 1, 1e-9)
            << collective_name(row.kind) << " " << row.name << ", " << nodes << " nodes";
    }
  }
}

// No algorithm moves the bus faster than the hardware: NVLink's 160 GB/s in a node; between nodes eight NICs
// of 50 GB/s a node, but no GPU hands on more than its NVLink port takes.
TEST(CollectiveRounds, BusBandwidthStaysBelowTheHardware) {
  for (const int nodes : {1, 2, 8}) {
    const Fabric fabric = cluster(nodes);
    for (const CollectiveAlgorithm& row : collective_algorithms()) {
      // Switches that add send every byte once where others send it twice; trees and broadcasts likewise.
      if (!row.check(fabric).empty() || row.name == "in_network") continue;
      Router router(fabric);
      const Bytes bytes(1 << 28);
      const double bus = double(bytes.value()) / simulate_collective(row, {router, bytes}).value() *
                         bus_factor(row.kind, int(fabric.gpus()));
      const double hardware = row.kind == Collective::AllToAll && nodes > 1
                                  ? 50e9 * 8 / 7 * (nodes / double(nodes - 1))
                                  : 8 * 50e9;
      EXPECT_LT(bus, hardware) << collective_name(row.kind) << " " << row.name << ", " << nodes << " nodes";
    }
  }
}

// What an in-network all-reduce takes between nodes does not grow with their number, but for latency.
TEST(CollectiveRounds, SwitchesThatAddDoNotSlowDownWithTheCluster) {
  const double small = microseconds(cluster(8), Collective::AllReduce, "in_network", 64_MB);
  const double large = microseconds(cluster(64), Collective::AllReduce, "in_network", 64_MB);
  EXPECT_NEAR(large, small, 2);
  EXPECT_GT(microseconds(cluster(64), Collective::AllReduce, "ring", 64_MB), 2 * large);
}

}  // namespace
}  // namespace orrery
