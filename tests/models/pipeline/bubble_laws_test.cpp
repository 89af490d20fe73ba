#include <algorithm>

#include "tests/models/pipeline/pipelines.hpp"

namespace orrery {
namespace {

struct Case {
  PipelineShape shape;
  PassTimes times;
};

Case any_case(std::uint64_t seed, std::string_view purpose) {
  RandomStream random(seed, {.owner = "test", .purpose = purpose});
  const int ranks = 1 + int(random.below(12));
  return {{.ranks = ranks, .micro_batches = 1 + int(random.below(40))}, any_times(random)};
}

double backward(const PassTimes& times) { return (times.input_backward + times.weight_backward).value(); }

// GPipe and 1F1B: the first forward reaches the last rank after P-1 forwards; from the last backward it
// takes P-1 more back to rank 0; in between the last rank never waits. So (P-1)(F+B) on every rank, for
// any number of micro-batches, since every rank is equally busy.
TEST(GPipeAndOneForwardOneBackward, AreIdleForOneForwardAndOneBackwardPerOtherRank) {
  for (const std::string_view name : {"gpipe", "1f1b"}) {
    for (std::uint64_t seed = 0; seed < 240; ++seed) {
      const auto& [shape, times] = any_case(seed, name);
      const double bubble = (shape.ranks - 1) * (times.forward.value() + backward(times));
      for (const Seconds idle : walk(build(name, shape), times).idle) {
        ASSERT_EQ(idle.value(), bubble) << name << ", seed " << seed << ", " << shape;
      }
    }
  }
}

TEST(GPipeAndOneForwardOneBackward, DifferInTheActivationsTheyHold) {
  for (std::uint64_t seed = 0; seed < 240; ++seed) {
    const auto& [shape, times] = any_case(seed, "peaks");
    const ScheduleCost all = walk(build("gpipe", shape), times), few = walk(build("1f1b", shape), times);
    for (int rank = 0; rank < shape.ranks; ++rank) {
      ASSERT_EQ(all.peak_chunks[rank], shape.micro_batches) << shape;
      ASSERT_EQ(few.peak_chunks[rank], std::min(shape.ranks - rank, shape.micro_batches)) << shape;
    }
  }
}

// With times of a chunk, one v-th of a rank's layers, the bubble of Narayanan et al., section 2.2, reads
// (P-1)(F+B). A rank holds its warm-up and the forward after it: 2(P-1-r) + (v-1)P + 1 chunks.
TEST(Interleaved, IsIdleForOneChunkForwardAndBackwardPerOtherRank) {
  for (std::uint64_t seed = 0; seed < 240; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "interleaved"});
    const int ranks = 1 + int(random.below(8));
    const PipelineShape shape{.ranks = ranks,
                              .micro_batches = ranks * (1 + int(random.below(5))),
                              .virtual_stages = 2 + int(random.below(3))};
    const PassTimes times = any_times(random);
    const ScheduleCost cost = walk(build("interleaved", shape), times);
    const int chunks = shape.micro_batches * shape.virtual_stages;
    for (int rank = 0; rank < ranks; ++rank) {
      ASSERT_EQ(cost.idle[rank].value(), (ranks - 1) * (times.forward.value() + backward(times)))
          << "seed " << seed << ", " << shape;
      const int warm_up = 2 * (ranks - 1 - rank) + (shape.virtual_stages - 1) * ranks;
      ASSERT_EQ(cost.peak_chunks[rank], std::min(warm_up + 1, chunks)) << "seed " << seed << ", " << shape;
    }
  }
}

// Qi et al., table 2, with T_B the input backward: (P-1)(F + I - W). It needs the weight gradients to fit
// where they are put (W <= F, W <= I) and a full warm-up (N >= P).
TEST(ZeroBubble, HasThePublishedBubbleWhereWeightGradientsFitIntoIt) {
  int checked = 0;
  for (const std::string_view name : {"zb-h1", "zb1p"}) {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) {
      const auto& [shape, times] = any_case(seed, name);
      const bool fits = times.weight_backward <= std::min(times.forward, times.input_backward);
      if (!fits || shape.micro_batches < shape.ranks) continue;
      ++checked;
      const double bubble =
          (shape.ranks - 1) * (times.forward + times.input_backward - times.weight_backward).value();
      const ScheduleCost cost = walk(build(name, shape), times);
      ASSERT_EQ(cost.idle[0].value(), bubble) << name << ", seed " << seed << ", " << shape;
      ASSERT_EQ(cost.peak_chunks, std::vector<int>(shape.ranks, shape.ranks)) << name << ", " << shape;
    }
  }
  EXPECT_GT(checked, 300);
}

// Whatever the times: 1F1B with its backward cut in two can only gain, in no more memory than P chunks.
TEST(ZeroBubble, IsNeverSlowerThanOneForwardOneBackwardNorHoldsMoreThanPChunks) {
  for (const std::string_view name : {"zb-h1", "zb1p"}) {
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      const auto& [shape, times] = any_case(seed, name);
      const ScheduleCost cost = walk(build(name, shape), times);
      ASSERT_LE(cost.makespan, walk(build("1f1b", shape), times).makespan) << name << ", " << shape;
      const int most = std::min(shape.ranks, shape.micro_batches);
      ASSERT_LE(std::ranges::max(cost.peak_chunks), most) << name << ", " << shape;
    }
  }
}

TEST(ZeroBubble, ComesFromListSchedulingInTheSameOrderAsByHand) {
  for (int ranks = 1; ranks <= 9; ++ranks) {
    for (int micro_batches = 1; micro_batches <= 29; ++micro_batches) {
      const PipelineShape shape{.ranks = ranks, .micro_batches = micro_batches};
      const PipelineSchedule by_hand = build("zb-h1", shape), listed = build("zb1p", shape);
      if (micro_batches >= ranks) {
        ASSERT_EQ(picture(listed), picture(by_hand)) << shape;
      }
      const PassTimes times = whole_times(1, 1, 1, 3);
      ASSERT_EQ(walk(listed, times).makespan, walk(by_hand, times).makespan) << shape;
    }
  }
}

// The time is the last rank's end, so twice as slow is twice as long, and nobody is busier than it lasts.
TEST(Walk, ScalesWithItsTimesAndKeepsEveryRankWithinTheMakespan) {
  for (const ScheduleKind& kind : schedule_kinds()) {
    const PipelineShape shape{.ranks = 4, .micro_batches = 12, .virtual_stages = 2};
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      RandomStream random(seed, {.owner = "test", .purpose = "scale"});
      const PassTimes times = any_times(random);
      const PassTimes twice{times.forward * 2, times.input_backward * 2, times.weight_backward * 2,
                            times.overlapped * 2};
      const ScheduleCost cost = walk(kind.build(shape), times);
      ASSERT_EQ(walk(kind.build(shape), twice).makespan, cost.makespan * 2) << kind.name;
      ASSERT_GE(std::ranges::min(cost.idle), Seconds(0)) << kind.name;
    }
  }
}

// Two ranks, one micro-batch, F = 1, I = 2, W = 4: F ends at 1 and 2, the backward of 6 at 8 and 14.
TEST(Walk, StartsAnOpWhenItsRankIsFreeAndItsInputsAreThere) {
  const ScheduleCost cost = walk(build("1f1b", {.ranks = 2, .micro_batches = 1}), whole_times(1, 2, 4, 7));
  EXPECT_EQ(cost.makespan, Seconds(14));
  EXPECT_EQ(cost.idle, (std::vector<Seconds>{Seconds(7), Seconds(7)}));
  EXPECT_EQ(cost.peak_chunks, (std::vector<int>{1, 1}));
}

// The same with the weights owed: input gradients at 4 and 6, weights end at 8 on rank 1 and 10 on rank 0.
TEST(Walk, LetsTheNextRankStartAfterTheInputGradientAlone) {
  const ScheduleCost cost = walk(build("zb-h1", {.ranks = 2, .micro_batches = 1}), whole_times(1, 2, 4, 7));
  EXPECT_EQ(cost.makespan, Seconds(10));
}

}  // namespace
}  // namespace orrery
