#include "sim/flow_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sim/random.hpp"

namespace orrery {
namespace {

using namespace literals;
using Completion = FlowNetwork::Completion;

constexpr Picoseconds at(std::int64_t picoseconds) { return Picoseconds(picoseconds); }
constexpr Picoseconds us(std::int64_t microseconds) { return Picoseconds(microseconds * 1'000'000); }

std::vector<Completion> run_out(FlowNetwork& network) {
  std::vector<Completion> done;
  for (Picoseconds next = network.next_completion(); next != never; next = network.next_completion()) {
    network.advance(next, done);
  }
  return done;
}

std::vector<std::uint32_t> tags(const std::vector<Completion>& done) {
  std::vector<std::uint32_t> result;
  for (const Completion& completion : done) result.push_back(completion.tag);
  return result;
}

const std::array<PathLink, 1> over_0{{{0, 1.0f}}}, over_1{{{1, 1.0f}}};
const std::array<PathLink, 2> over_0_and_1{{{0, 1.0f}, {1, 1.0f}}};

TEST(FlowNetwork, ALoneFlowTakesSizeOverCapacityToThePicosecond) {
  FlowNetwork network({50_GBps});
  network.start(us(3), {.size = 1_MB, .path = over_0, .tag = 9});
  // 1e6 B / 50e9 B/s = 20 us.
  EXPECT_EQ(network.next_completion(), us(23));
  const auto done = run_out(network);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].at, us(23));
  EXPECT_EQ(done[0].tag, 9u);
}

TEST(FlowNetwork, AnEndIsRoundedUpToTheNextPicosecond) {
  FlowNetwork network({BytesPerSecond(3e12)});
  network.start(at(0), {.size = 10_B, .path = over_0});
  EXPECT_EQ(network.next_completion(), at(4));  // 10 / 3 = 3.33 ps.
}

TEST(FlowNetwork, EveryWholePicosecondIsMetExactly) {
  // At 50 GB/s a byte takes 20 ps; a rounding error of the division must not make it 20 n + 1.
  RandomStream random(1, {.owner = "test", .purpose = "size"});
  for (int i = 0; i < 20'000; ++i) {
    FlowNetwork network({50_GBps});
    const std::int64_t size = 1 + random.below(2'000'000'000);
    network.start(at(0), {.size = Bytes(size), .weight = 0.1 + random.uniform(), .path = over_0});
    ASSERT_EQ(network.next_completion(), at(20 * size));
  }
}

TEST(FlowNetwork, TwoFlowsShareUntilTheShorterEnds) {
  FlowNetwork network({10_GBps});
  network.start(at(0), {.size = 1_MB, .path = over_0, .tag = 1});
  network.start(at(0), {.size = 3_MB, .path = over_0, .tag = 2});
  const auto done = run_out(network);
  // 5 GB/s each: the first after 1 MB / 5 GB/s = 200 us; 2 MB are left, at 10 GB/s: 200 us more.
  ASSERT_EQ(tags(done), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(done[0].at, us(200));
  EXPECT_EQ(done[1].at, us(400));
}

TEST(FlowNetwork, ALateFlowSlowsTheOneUnderWay) {
  FlowNetwork network({10_GBps});
  std::vector<Completion> done;
  network.start(at(0), {.size = 2_MB, .path = over_0, .tag = 1});
  network.advance(us(100), done);  // 1 MB is through.
  network.start(us(100), {.size = 3_MB, .weight = 3, .path = over_0, .tag = 2});
  // Then 2.5 and 7.5 GB/s: 1 MB / 2.5 GB/s = 3 MB / 7.5 GB/s = 400 us: both end together.
  EXPECT_EQ(network.next_completion(), us(500));
  network.advance(us(500), done);
  EXPECT_EQ(tags(done), (std::vector<std::uint32_t>{1, 2}));
}

TEST(FlowNetwork, ALinkThatSlowsDownDelaysFromThatMomentOn) {
  FlowNetwork network({10_GBps});
  network.start(at(0), {.size = 2_MB, .path = over_0});
  network.set_capacity(us(100), 0, 5_GBps);
  EXPECT_EQ(network.next_completion(), us(300));  // 1 MB at 10 GB/s, then 1 MB at 5 GB/s.
  network.set_capacity(us(200), 0, 20_GBps);
  EXPECT_EQ(network.next_completion(), us(225));  // 0.5 MB are left, at 20 GB/s.
}

TEST(FlowNetwork, TheShareOfALinkCountsAgainstItsCapacity) {
  // Each byte of the flow crosses link 1 two and a half times: 100 / 2.5 = 40 GB/s is less than 50.
  FlowNetwork network({50_GBps, 100_GBps});
  const std::array<PathLink, 2> path{{{0, 1.0f}, {1, 2.5f}}};
  const FlowIndex flow = network.start(at(0), {.size = 4_MB, .path = path});
  EXPECT_EQ(network.rate(flow).value(), 40e9);
  EXPECT_EQ(network.next_completion(), us(100));
  run_out(network);
  EXPECT_EQ(network.carried(0), 4_MB);
  EXPECT_EQ(network.carried(1), 10_MB);
}

TEST(FlowNetwork, AnEmptyFlowEndsAtOnceAndDisturbsNobody) {
  FlowNetwork network({10_GBps});
  network.start(at(0), {.size = 1_MB, .path = over_0, .tag = 1});
  network.start(at(0), {.size = 0_B, .path = over_0, .tag = 2});
  EXPECT_EQ(network.next_completion(), at(0));
  std::vector<Completion> done;
  network.advance(at(0), done);
  ASSERT_EQ(tags(done), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(done[0].at, at(0));
  EXPECT_EQ(network.next_completion(), us(100));
}

TEST(FlowNetwork, OneByteTakesAtLeastAPicosecond) {
  FlowNetwork network({BytesPerSecond(1e15)});
  network.start(us(1), {.size = 1_B, .path = over_0});
  EXPECT_EQ(network.next_completion(), us(1) + at(1));
}

TEST(FlowNetwork, SimultaneousEndsComeInTheOrderOfTheirStarts) {
  FlowNetwork network({10_GBps, 10_GBps});
  std::vector<Completion> done;
  for (std::uint32_t round = 0; round < 3; ++round) {  // Later rounds use the indices of earlier ones again.
    const Picoseconds start = us(1000 * round);
    network.advance(start, done);
    done.clear();
    for (std::uint32_t tag = 0; tag < 10; ++tag) {
      network.start(start, {.size = 1_MB, .path = tag % 2 == 0 ? over_1 : over_0, .tag = tag});
    }
    done = run_out(network);
    EXPECT_EQ(tags(done), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    for (const Completion& completion : done) EXPECT_EQ(completion.at, start + us(500));  // 5 MB at 10 GB/s.
  }
}

TEST(FlowNetwork, ALateAskerGetsEveryEndInOrderOfTime) {
  FlowNetwork network({10_GBps, 10_GBps});
  network.start(at(0), {.size = 3_MB, .path = over_0, .tag = 1});
  network.start(at(0), {.size = 2_MB, .path = over_1, .tag = 2});
  network.start(us(250), {.size = 0_B, .path = over_1, .tag = 3});  // Tag 2 ended at 200 us, not asked for.
  EXPECT_EQ(network.next_completion(), us(200));
  std::vector<Completion> done;
  network.advance(us(1000), done);
  EXPECT_EQ(tags(done), (std::vector<std::uint32_t>{2, 3, 1}));
  EXPECT_EQ(done[2].at, us(300));
}

TEST(FlowNetwork, AnEndFreesItsShareFromThatMomentOnEvenWhenNobodyAsked) {
  FlowNetwork network({10_GBps});
  network.start(at(0), {.size = 1_MB, .path = over_0, .tag = 1});
  network.start(at(0), {.size = 3_MB, .path = over_0, .tag = 2});
  network.start(us(1000), {.size = 1_MB, .path = over_0, .tag = 3});
  std::vector<Completion> done;
  network.advance(us(2000), done);
  ASSERT_EQ(tags(done), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(done[1].at, us(400));   // As in TwoFlowsShareUntilTheShorterEnds.
  EXPECT_EQ(done[2].at, us(1100));  // Alone.
}

TEST(FlowNetwork, BusyIsTheTimeInWhichSomethingCrossed) {
  FlowNetwork network({10_GBps, 10_GBps});
  std::vector<Completion> done;
  network.start(us(10), {.size = 1_MB, .path = over_0_and_1});  // 10 .. 110 us.
  network.start(us(10), {.size = 0_B, .path = over_0_and_1});
  network.advance(us(60), done);
  EXPECT_EQ(network.busy(0), us(50));  // Still counting.
  network.advance(us(300), done);
  network.start(us(300), {.size = 2_MB, .path = over_1});  // 300 .. 500 us.
  network.advance(us(600), done);
  EXPECT_EQ(network.busy(0), us(100));
  EXPECT_EQ(network.busy(1), us(300));
  EXPECT_EQ(network.carried(0), 1_MB);
  EXPECT_EQ(network.carried(1), 3_MB);
}

TEST(FlowNetwork, AllStartsOfOneInstantAreOneUpdateOfEachComponent) {
  FlowNetwork network({10_GBps, 10_GBps});
  for (int i = 0; i < 5; ++i) {
    network.start(at(0), {.size = 1_MB, .path = over_0});
    network.start(at(0), {.size = 1_MB, .path = over_1});
  }
  EXPECT_EQ(network.updates(), 0u);
  network.next_completion();
  network.next_completion();
  EXPECT_EQ(network.updates(), 2u);
  EXPECT_EQ(network.flows_started(), 10u);
}

TEST(FlowNetwork, FlowsLimitedByOneLinkEndTogetherWhenTheirWeightsAreTheirSizes) {
  // An all-to-all of n nodes: the fullest link sends S bytes in S / C; its flows end together, and the ends
  // of the others need no update, since nobody is held by a link that loses a flow.
  constexpr std::uint32_t nodes = 8;
  RandomStream random(5, {.owner = "test", .purpose = "size"});
  FlowNetwork network(std::vector<BytesPerSecond>(2 * nodes, 50_GBps));
  std::array<std::int64_t, 2 * nodes> sum{};
  for (std::uint32_t from = 0; from < nodes; ++from) {
    for (std::uint32_t to = 0; to < nodes; ++to) {
      if (from == to) continue;
      const std::int64_t size = 1'900'000 + random.below(200'000);
      const std::array<PathLink, 2> path{{{from, 1.0f}, {nodes + to, 1.0f}}};
      network.start(at(0), {.size = Bytes(size), .weight = double(size), .path = path});
      sum[from] += size;
      sum[nodes + to] += size;
    }
  }
  const auto done = run_out(network);
  ASSERT_EQ(done.size(), nodes * (nodes - 1));
  const std::int64_t fullest = *std::ranges::max_element(sum);
  EXPECT_EQ(done.back().at, at(20 * fullest));  // 20 ps a byte.
  EXPECT_GE(std::ranges::count(done, done.back().at, &Completion::at), 7);
  EXPECT_EQ(network.updates(), 1u);
  for (LinkIndex link = 0; link < 2 * nodes; ++link) EXPECT_EQ(network.carried(link), Bytes(sum[link]));
}

TEST(FlowNetwork, AFlowThatCouplesTwoLinksSlowsBothAndOnlyWhereItMust) {
  // Link 0: 12 GB/s with flows a, c; link 1: 30 GB/s with flows b, c. Link 0 fills at 6: a = c = 6, b = 24.
  FlowNetwork network({12_GBps, 30_GBps});
  const FlowIndex a = network.start(at(0), {.size = 12_MB, .path = over_0});
  const FlowIndex b = network.start(at(0), {.size = 60_MB, .path = over_1});
  EXPECT_EQ(network.rate(a).value(), 12e9);
  EXPECT_EQ(network.rate(b).value(), 30e9);
  const FlowIndex c = network.start(us(0), {.size = 3_MB, .path = over_0_and_1});
  EXPECT_EQ(network.rate(a).value(), 6e9);
  EXPECT_EQ(network.rate(b).value(), 24e9);
  EXPECT_EQ(network.rate(c).value(), 6e9);
  const auto done = run_out(network);
  // c: 3 MB / 6 GB/s = 500 us. a: 12 - 3 = 9 MB left, 750 us. b: 60 - 12 = 48 MB left, 1600 us.
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].at, us(500));
  EXPECT_EQ(done[1].at, us(1250));
  EXPECT_EQ(done[2].at, us(2100));
}

}  // namespace
}  // namespace orrery
