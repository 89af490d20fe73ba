#include "models/collectives/collective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "sim/random.hpp"

namespace orrery {
namespace {

using namespace literals;

std::vector<std::vector<std::string>> table(const std::string& name) {
  std::ifstream file(ORRERY_SOURCE "/tests/measured/" + name);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream cut(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cut, cell, ',');) rows.back().push_back(cell);
  }
  if (!rows.empty()) rows.erase(rows.begin());
  return rows;
}

struct Errors {
  double sum = 0, worst = 0;
  int rows = 0;
  void add(double error) { sum += std::abs(error), worst = std::max(worst, std::abs(error)), ++rows; }
  double mean() const { return sum / rows; }
};

void print(const char* name, const char* part, const Errors& errors) {
  std::printf("%-22s %-9s %4d rows  mean %5.1f%%  worst %5.1f%%\n", name, part, errors.rows,
              100 * errors.mean(), 100 * errors.worst);
}

// Every second size of a (kind, ranks) was fitted, starting with the first where kind + ranks is even.
TEST(Collective, InANodeAgreesWithNcclOnFittedAndHeldOutRows) {
  const std::pair<const char*, const CollectiveConstants*> machines[] = {
      {"a100_nccl.csv", &a100_collectives},
      {"h100_nccl.csv", &h100_collectives},
      {"b200_nccl.csv", &b200_collectives}};
  const std::vector<std::string> names{"all_reduce", "all_gather", "reduce_scatter", "alltoall"};
  const Collective kinds[] = {Collective::AllReduce, Collective::AllGather, Collective::ReduceScatter,
                              Collective::AllToAll};
  for (const auto& [file, constants] : machines) {
    Errors fitted, held_out;
    for (const auto& row : table(file)) {
      const auto kind = std::size_t(std::find(names.begin(), names.end(), row[0]) - names.begin());
      ASSERT_LT(kind, names.size());
      const int ranks = std::stoi(row[2]);
      const Bytes bytes(2 * std::stoll(row[3]));  // Elements of two bytes.
      if (bytes < 1_MiB) continue;
      const int place = std::countr_zero(std::uint64_t(bytes.value() / 512));
      const Seconds time =
          collective_time(*constants, kinds[kind], bytes, ranks, 1, constants->nvlink_line, 50_GBps);
      const double error = time.value() / (std::stod(row[4]) * 1e-3) - 1;
      ((place + int(kind) + std::countr_zero(unsigned(ranks)) - 1) % 2 == 0 ? fitted : held_out).add(error);
    }
    print(file, "fitted", fitted);
    print(file, "held out", held_out);
    EXPECT_EQ(fitted.rows + held_out.rows, 120);  // 4 kinds, 3 sizes of group, 1 MiB to 512 MiB.
    EXPECT_LE(fitted.mean(), 0.06) << file;
    EXPECT_LE(held_out.mean(), 0.08) << file;
    EXPECT_LE(std::max(fitted.worst, held_out.worst), 0.50) << file;
  }
}

// 16 to 128 A100 with 200 Gb/s InfiniBand; a NIC reaches 16.42 GB/s of 25 there. Fitted: rows whose powers
// of two, of the size and of the nodes, add up to an even number.
TEST(Collective, BetweenNodesAgreesWithNcclOnFittedAndHeldOutRows) {
  Errors fitted, held_out;
  for (const auto& row : table("a100_nccl_all_reduce.csv")) {
    const int gpus = std::stoi(row[0]);
    const Bytes bytes(std::stoll(row[1]));
    if (gpus < 16 || bytes < 1_MiB) continue;
    const Seconds time =
        collective_time(a100_collectives, Collective::AllReduce, bytes, 8, gpus / 8, 300_GBps, 16.42_GBps);
    const int parity = std::countr_zero(std::uint64_t(bytes.value())) + std::countr_zero(unsigned(gpus / 8));
    (parity % 2 == 0 ? fitted : held_out).add(time.value() / (std::stod(row[2]) * 1e-6) - 1);
  }
  print("A100, 16 to 128", "fitted", fitted);
  print("A100, 16 to 128", "held out", held_out);
  EXPECT_EQ(fitted.rows + held_out.rows, 54);  // 1 MiB to 4 GiB on four sizes of group, two more on 16.
  EXPECT_LE(fitted.mean(), 0.06);
  EXPECT_LE(held_out.mean(), 0.06);
  EXPECT_LE(std::max(fitted.worst, held_out.worst), 0.20);
}

// CoreWeave, 8 nodes of H100 with 400 Gb/s InfiniBand: 356 GB/s bus bandwidth at 512 MB, 386 at 8 GB
// (coreweave/nccl-tests at cb865533). Not fitted. The NIC's 48.25 GB/s is the second row's 386 / 8, so
// only the first row's distance from it is tested.
TEST(Collective, HopperBetweenNodesFallsOffTowardsSmallSizesAsMeasured) {
  const auto bus = [](Bytes bytes) {
    const Seconds time =
        collective_time(h100_collectives, Collective::AllReduce, bytes, 8, 8, 450_GBps, 48.25_GBps);
    return 2 * 63.0 / 64 * double(bytes.value()) / time.value() / 1e9;
  };
  std::printf("H100 x 64 all-reduce: 512 MB %.0f (published 356), 8 GB %.0f (386) GB/s\n", bus(512_MB),
              bus(8_GB));
  EXPECT_NEAR(bus(512_MB) / 356, 1, 0.15);
  EXPECT_NEAR(bus(8_GB) / 386, 1, 0.05);
}

TEST(Collective, MoreBytesNeverTakeLessTimeAndFasterLinksNeverMore) {
  RandomStream random(3, {"test", "collectives"});
  for (int i = 0; i < 20'000; ++i) {
    const auto kind = Collective(random.below(collective_count));
    const int ranks = kind == Collective::PointToPoint ? 1 : 1 + int(random.below(8));
    const int nodes = (ranks == 1 ? 2 : 1) + int(random.below(40));
    const Bytes small(random.below(1u << 31)), large = small + Bytes(random.below(1u << 31));
    const auto time = [&](Bytes bytes, double faster) {
      return collective_time(h100_collectives, kind, bytes, ranks, nodes, BytesPerSecond(450e9 * faster),
                             BytesPerSecond(45e9 * faster));
    };
    ASSERT_GT(time(small, 1).value(), 0);
    ASSERT_LE(time(small, 1), time(large, 1)) << collective_name(kind) << ' ' << ranks << ' ' << nodes;
    ASSERT_LE(time(large, 2), time(large, 1));
    // Never faster than the wire: bytes of the busier level at a rate that no row of the table exceeds.
    const CollectiveBytes wire = collective_bytes(kind, large, ranks, nodes);
    ASSERT_GE(time(large, 1).value() * 1.0000001, wire.nic / 45e9);
    ASSERT_GE(time(large, 1).value() * 1.0000001, wire.nvlink / 540e9);
  }
}

TEST(Collective, AloneTakesNoTime) {
  for (int kind = 0; kind < collective_count; ++kind)
    EXPECT_EQ(collective_time(h100_collectives, Collective(kind), 1_GB, 1, 1, 450_GBps, 45_GBps).value(), 0);
}

// 8 GPUs: all-reduce of 800 bytes passes on 2 * 7/8 * 800 = 1,400; gather and scatter 700. On 4 nodes of
// 8 the ring is 32 long: 2 * 31/32 * 800 = 1,550 a GPU, and an eighth of it a NIC. All-to-all of 3,200
// bytes, 100 to each of 32: 700 in the node, 2,400 out of it.
TEST(Collective, BytesOnTheWireAreTheTextbookOnes) {
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllReduce, 800_B, 8, 1).nvlink, 1400);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllReduce, 800_B, 8, 1).nic, 0);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllGather, 800_B, 8, 1).nvlink, 700);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::ReduceScatter, 800_B, 8, 1).nvlink, 700);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllReduce, 800_B, 8, 4).nvlink, 1550);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllReduce, 800_B, 8, 4).nic, 1550 / 8.0);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllToAll, 3200_B, 8, 4).nvlink, 700);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::AllToAll, 3200_B, 8, 4).nic, 2400);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::PointToPoint, 800_B, 1, 2).nic, 800);
  EXPECT_DOUBLE_EQ(collective_bytes(Collective::Broadcast, 800_B, 8, 2).nic, 100);
}

// A chip with NVLink of 200 GB/s for 450: a large all-gather is bound by it, 2.25 times as long.
TEST(Collective, TimeOfLargeMessagesScalesWithTheNvlinkOfTheChip) {
  const auto time = [](BytesPerSecond line) {
    return collective_time(h100_collectives, Collective::AllGather, 8_GB, 8, 1, line, 45_GBps).value();
  };
  EXPECT_NEAR(time(200_GBps) / time(450_GBps), 2.25, 0.05);
}

}  // namespace
}  // namespace orrery
