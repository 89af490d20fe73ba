#include <algorithm>
#include <map>

#include "tests/models/pipeline/pipelines.hpp"

namespace orrery {
namespace {

struct Oracle {
  std::string_view schedule;
  PipelineShape shape;
  PassTimes times;
  double makespan;
  std::vector<double> idle;  ///< By distance from the nearer end; DualPipeV: by rank.
};

// Computed outside this project by replaying the published code's order with blocking sends and receives
// of no duration; here with sends that wait for nobody. The last DualPipe row has the times of DeepSeek-V3,
// F 49.1, I 75.4, W 32.0, F&B 143.8 ms (2505.09343, table 4, divided by the counts of rank 0), in tenths of
// a millisecond, so that all sums are exact. Its idle times were given as 961 ... 1037 ms; by the counts
// below rank h is busy for (97+h)(1438) + (23-h)(491) + 8(754+320) + (15-h)(754+320) tenths, so that
// idle(h) = 185092 - 175481 + 127 h, and the middle rank, whose first pair is apart, equals its neighbour.
const std::vector<Oracle> oracles{
    {"dualpipe", {8, 20}, whole_times(1, 1, 1, 3), 66, {6, 6, 6, 6}},
    {"dualpipe", {16, 40}, whole_times(1, 1, 1, 3), 134, {14, 14, 14, 14, 14, 14, 14, 14}},
    {"dualpipe", {16, 120}, whole_times(1, 1, 1, 3), 374, {14, 14, 14, 14, 14, 14, 14, 14}},
    {"dualpipe", {8, 20}, {Seconds(1), Seconds(1), Seconds(1), Seconds(2.5)}, 59, {3.5, 4, 4.5, 4.5}},
    {"dualpipe",
     {16, 120},
     {Seconds(1), Seconds(1), Seconds(1), Seconds(2.5)},
     319,
     {7.5, 8, 8.5, 9, 9.5, 10, 10.5, 10.5}},
    {"dualpipe",
     {16, 120},
     whole_times(491, 754, 320, 1438),
     185092,
     {9611, 9738, 9865, 9992, 10119, 10246, 10373, 10373}},
    {"dualpipev", {4, 20}, whole_times(1, 1, 1, 3), 126, {6, 6, 6, 6}},
};

TEST(DualPipe, MeetsTheMakespanAndTheIdleTimeOfEveryRankExactly) {
  for (const Oracle& oracle : oracles) {
    const ScheduleCost cost = walk(build(oracle.schedule, oracle.shape), oracle.times);
    EXPECT_EQ(cost.makespan.value(), oracle.makespan) << oracle.schedule << ", " << oracle.shape;
    const int last = oracle.shape.ranks - 1;
    for (int rank = 0; rank <= last; ++rank) {
      const int place = oracle.schedule == "dualpipe" ? std::min(rank, last - rank) : rank;
      EXPECT_EQ(cost.idle[rank].value(), oracle.idle[place]) << oracle.shape << ", rank " << rank;
    }
  }
}

std::map<Pass, int> counts(const std::vector<Op>& row) {
  std::map<Pass, int> counted;
  for (const Op& op : row) ++counted[op.pass];
  return counted;
}

// With H = P/2, n = N/2, h the distance from the nearer end, and e = 1 on the two middle ranks, else 0, the
// eight steps add up to
//   F&B     steps 4, 5       2(n-P+h+1) + (H-h-1) - e
//   F       steps 1, 2, 3, 4 2(H-h-1) + 2(h+1) + (H-h-1) + e = 3H-1-h + e
//   B       steps 4, 5, 6    e + (H-h-1) + (h+1)             = H + e
//   I, W    steps 3, 6, 7    (H-h-1) + (h+1) + (H-h-1)       = 2H-1-h
TEST(DualPipe, RunsEachPassAsOftenAsItsEightStepsAddUpTo) {
  for (int half = 1; half <= 8; ++half) {
    for (int n = 2 * half; n <= 2 * half + 20; ++n) {
      const PipelineShape shape{.ranks = 2 * half, .micro_batches = 2 * n};
      const PipelineSchedule schedule = build("dualpipe", shape);
      for (int rank = 0; rank < shape.ranks; ++rank) {
        const int h = std::min(rank, shape.ranks - 1 - rank), e = h == half - 1;
        std::map<Pass, int> found = counts(schedule.order[rank]);
        ASSERT_EQ(found[Pass::Overlapped], 2 * (n - shape.ranks + h + 1) + half - h - 1 - e) << shape << rank;
        ASSERT_EQ(found[Pass::Forward], 3 * half - 1 - h + e) << shape << rank;
        ASSERT_EQ(found[Pass::Backward], half + e) << shape << rank;
        ASSERT_EQ(found[Pass::InputBackward], 2 * half - 1 - h) << shape << rank;
        ASSERT_EQ(found[Pass::WeightBackward], 2 * half - 1 - h) << shape << rank;
      }
    }
  }
}

// The same with H = R, n - P = N - 2R and h = rank.
TEST(DualPipeV, RunsEachPassAsOftenAsItsEightStepsAddUpTo) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    for (int n = 2 * ranks; n <= 2 * ranks + 20; ++n) {
      const PipelineShape shape{.ranks = ranks, .micro_batches = n};
      const PipelineSchedule schedule = build("dualpipev", shape);
      for (int rank = 0; rank < ranks; ++rank) {
        const int e = rank == ranks - 1;
        std::map<Pass, int> found = counts(schedule.order[rank]);
        ASSERT_EQ(found[Pass::Overlapped], 2 * (n - 2 * ranks + rank + 1) + ranks - rank - 1 - e) << shape;
        ASSERT_EQ(found[Pass::Forward], 3 * ranks - 1 - rank + e) << shape;
        ASSERT_EQ(found[Pass::Backward], ranks + e) << shape;
        ASSERT_EQ(found[Pass::InputBackward], 2 * ranks - 1 - rank) << shape;
      }
    }
  }
}

// DeepSeek-V3, table 2: PP+1 activations with PP stages, on every rank.
TEST(DualPipe, HoldsOneChunkMoreThanItHasStagesOnEveryRank) {
  for (int half = 1; half <= 8; ++half) {
    for (const int more : {0, 2, 10}) {
      const PipelineShape shape{.ranks = 2 * half, .micro_batches = 4 * half + more};
      for (const int peak : walk(build("dualpipe", shape), whole_times(1, 1, 1, 3)).peak_chunks) {
        ASSERT_EQ(peak, 2 * half + 1) << shape;
      }
      const PipelineShape folded{.ranks = half, .micro_batches = 2 * half + more};
      for (const int peak : walk(build("dualpipev", folded), whole_times(1, 1, 1, 3)).peak_chunks) {
        ASSERT_EQ(peak, 2 * half + 1) << folded;
      }
    }
  }
}

// The formula of table 2, (P/2-1)(F&B + B - 3W), for the rank that waits most: a middle one.
TEST(DualPipe, HasThePublishedBubbleWhereForwardAndInputBackwardAreEqualAndWeightsNoLonger) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "dualpipe bubble"});
    const int half = 1 + int(random.below(6));
    const PipelineShape shape{.ranks = 2 * half, .micro_batches = 4 * half + 2 * int(random.below(12))};
    const int weight = 1 + int(random.below(6)), forward = weight + int(random.below(4));
    const int backward = forward + weight;
    const int overlapped = backward + int(random.below(std::uint32_t(forward) + 1));
    const PassTimes times = whole_times(forward, forward, weight, overlapped);
    const ScheduleCost cost = walk(build("dualpipe", shape), times);
    ASSERT_EQ(std::ranges::max(cost.idle).value(), (half - 1) * (overlapped + backward - 3 * weight))
        << "seed " << seed << ", " << shape;
  }
}

}  // namespace
}  // namespace orrery
