#include <gtest/gtest.h>

#include "models/pipeline/walk.hpp"

namespace orrery {
namespace {

// The last of P ranks begins after P - 1 chunks and then has N of them.
TEST(ForwardOnly, TakesAsManyChunksAsMicroBatchesAndTheWayThroughTheRanks) {
  for (const char* name : {"gpipe", "1f1b", "zb1p"}) {
    for (const int ranks : {1, 2, 4, 8}) {
      for (const int micro_batches : {8, 16, 24}) {
        const PipelineShape shape{.ranks = ranks, .micro_batches = micro_batches};
        const PipelineSchedule schedule = forward_only(find_schedule(name)->build(shape));
        const PassTimes times{Seconds(1), Seconds(1), Seconds(1), Seconds(2)};
        const Replay played = replay(schedule, times);
        for (const auto& row : schedule.order) EXPECT_EQ(int(row.size()), micro_batches);
        EXPECT_EQ(walk(schedule, times).makespan, Seconds(micro_batches + ranks - 1))
            << name << " " << ranks << " " << micro_batches;
        EXPECT_EQ(played.start.back().front(), Seconds(ranks - 1));
      }
    }
  }
}

// Both directions of DualPipe enter at once, half of the micro-batches each: every rank still has N chunks.
TEST(ForwardOnly, KeepsBothDirectionsOfDualPipe) {
  const PipelineShape shape{.ranks = 8, .micro_batches = 20};
  const PipelineSchedule schedule = forward_only(find_schedule("dualpipe")->build(shape));
  for (const auto& row : schedule.order) {
    EXPECT_EQ(row.size(), 20u);
    for (const Op& op : row) EXPECT_EQ(op.pass, Pass::Forward);
  }
  const Seconds makespan = walk(schedule, {Seconds(1), Seconds(1), Seconds(1), Seconds(2)}).makespan;
  EXPECT_GE(makespan, Seconds(20));
  EXPECT_LE(makespan, Seconds(20 + 7));
}

}  // namespace
}  // namespace orrery
