#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "tests/models/pipeline/pipelines.hpp"

namespace orrery {
namespace {

/// A second opinion on circular waits, by another method: ops are nodes of a graph, taken away one by one
/// when nothing points at them any more. Expects every pass of every chunk to be there once.
bool can_run(const PipelineSchedule& schedule) {
  using Place = std::pair<int, int>;  // Rank, op.
  std::map<Chunk, Place> forward, gradient, owed;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (int i = 0; i < int(schedule.order[rank].size()); ++i) {
      const Op& op = schedule.order[rank][i];
      if (op.forward != Chunk{}) forward[op.forward] = {rank, i};
      auto& backward = op.pass == Pass::WeightBackward ? owed : gradient;
      if (op.backward != Chunk{}) backward[op.backward] = {rank, i};
    }
  }
  std::map<Place, std::vector<Place>> after;
  std::map<Place, int> waits_for;
  const auto add = [&](Place first, Place then) {
    after[first].push_back(then);
    ++waits_for[then];
  };
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (int i = 1; i < int(schedule.order[rank].size()); ++i) add({rank, i - 1}, {rank, i});
  }
  for (const auto& [chunk, place] : forward) {
    if (chunk.stage > 0) add(forward.at({chunk.stage - 1, chunk.micro_batch}), place);
    add(place, gradient.at(chunk));
    if (chunk.stage > 0) add(gradient.at(chunk), gradient.at({chunk.stage - 1, chunk.micro_batch}));
  }
  for (const auto& [chunk, place] : owed) add(gradient.at(chunk), place);

  std::vector<Place> free;
  int left = 0;
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    for (int i = 0; i < int(schedule.order[rank].size()); ++i, ++left) {
      if (!waits_for.contains({rank, i})) free.push_back({rank, i});
    }
  }
  for (; !free.empty(); --left) {
    const Place taken = free.back();
    free.pop_back();
    for (const Place& then : after[taken]) {
      if (--waits_for[then] == 0) free.push_back(then);
    }
  }
  return left == 0;
}

/// Ranks 1 to 8 and the even ones to 16, micro-batches 1 to 24 and to beyond the least of DualPipe.
std::vector<PipelineShape> small_shapes() {
  std::vector<PipelineShape> shapes;
  for (const int ranks : {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}) {
    for (int micro_batches = 1; micro_batches <= std::max(24, 2 * ranks + 6); ++micro_batches) {
      for (int virtual_stages = 1; virtual_stages <= 3; ++virtual_stages) {
        shapes.push_back({ranks, micro_batches, virtual_stages});
      }
    }
  }
  return shapes;
}

TEST(Validate, FindsNothingInAnySmallScheduleThatItsCheckAllows) {
  std::map<std::string_view, int> built;
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (const PipelineShape& shape : small_shapes()) {
      if (!kind.check(shape).empty()) continue;
      ++built[kind.name];
      const PipelineSchedule schedule = kind.build(shape);
      const Findings findings = validate(schedule);
      ASSERT_TRUE(findings.empty()) << kind.name << ", " << shape << ": " << findings.front().problem;
      ASSERT_EQ(schedule.name, kind.name);
      ASSERT_EQ(schedule.stages, kind.stages(shape)) << kind.name << ", " << shape;
    }
  }
  // 24 numbers of micro-batches for 1 to 8 ranks, 2P + 6 for 10, 12, 14 and 16; three virtual stages each.
  EXPECT_EQ(built["gpipe"], 3 * (8 * 24 + 26 + 30 + 34 + 38));
  EXPECT_EQ(built["zb1p"], built["gpipe"]);
  // Multiples of 1..8, 10, 12, 14, 16 in those ranges: 24+12+8+6+4+4+3+3, 2+2+2+2; v = 2 and 3.
  EXPECT_EQ(built["interleaved"], 2 * (24 + 12 + 8 + 6 + 4 + 4 + 3 + 3 + 2 + 2 + 2 + 2));
  // Even numbers from 2P: 4..24 -> 11, 8 -> 9, 12 -> 7, 16 -> 5; from 10 ranks on 2P..2P+6 -> 4 each.
  EXPECT_EQ(built["dualpipe"], 3 * (11 + 9 + 7 + 5 + 4 * 4));
  // All numbers from 2R: 23, 21, ..., 9 for 1 to 8 ranks, then 7 each.
  EXPECT_EQ(built["dualpipev"], 3 * (23 + 21 + 19 + 17 + 15 + 13 + 11 + 9 + 4 * 7));
}

/// Every kind in a size at which all its steps occur.
std::vector<PipelineSchedule> samples() {
  std::vector<PipelineSchedule> schedules;
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (const int ranks : {2, 4, 6}) {
      const int micro_batches = 2 * ranks + 6 - 6 % ranks;  // 10, 12, 18: multiples of the ranks.
      schedules.push_back(kind.build({ranks, micro_batches, 2}));
    }
  }
  return schedules;
}

/// Runs `change` on a copy for every op of every sample, and expects that the change is found.
template <class Change>
void expect_found(std::string_view what, Change change) {
  for (const PipelineSchedule& sample : samples()) {
    ASSERT_TRUE(validate(sample).empty()) << sample.name;
    for (int rank = 0; rank < sample.ranks; ++rank) {
      for (int i = 0; i < int(sample.order[rank].size()); ++i) {
        PipelineSchedule changed = sample;
        if (!change(changed, rank, i)) continue;
        ASSERT_FALSE(validate(changed).empty())
            << sample.name << ", " << what << ": rank " << rank << ", op " << i;
      }
    }
  }
}

TEST(Validate, MissesEveryOpThatIsTakenAway) {
  expect_found("taken away", [](PipelineSchedule& changed, int rank, int i) {
    changed.order[rank].erase(changed.order[rank].begin() + i);
    return true;
  });
}

TEST(Validate, NoticesEveryOpThatRunsTwice) {
  expect_found("twice", [](PipelineSchedule& changed, int rank, int i) {
    changed.order[rank].push_back(changed.order[rank][i]);
    return true;
  });
}

TEST(Validate, NoticesEveryOpThatMovesToTheNextRank) {
  expect_found("moved", [](PipelineSchedule& changed, int rank, int i) {
    auto& row = changed.order[rank];
    changed.order[(rank + 1) % changed.ranks].push_back(row[i]);
    row.erase(row.begin() + i);
    return true;
  });
}

// A forward and the backward of the same chunk, or an input gradient and the weight gradient owed for it.
TEST(Validate, NoticesEveryOpThatChangesPlacesWithOneThatNeedsIt) {
  expect_found("exchanged", [](PipelineSchedule& changed, int rank, int i) {
    auto& row = changed.order[rank];
    const Op op = row[i];
    const Chunk made = op.pass == Pass::InputBackward ? op.backward : op.forward;
    const auto needs_it = std::find_if(row.begin() + i + 1, row.end(), [&](const Op& later) {
      return made != Chunk{} && later.backward == made;
    });
    if (needs_it == row.end()) return false;
    std::swap(row[i], *needs_it);
    return true;
  });
}

TEST(Validate, AgreesWithASecondMethodOnRandomlyShuffledOrders) {
  int runs = 0, waits = 0;
  const std::vector<PipelineSchedule> all = samples();
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "shuffle"});
    PipelineSchedule schedule = all[random.below(std::uint32_t(all.size()))];
    for (std::uint32_t swaps = 1 + random.below(3); swaps > 0; --swaps) {
      auto& row = schedule.order[random.below(std::uint32_t(schedule.ranks))];
      const std::uint32_t i = random.below(std::uint32_t(row.size() - 1));
      std::swap(row[i], row[std::min<std::size_t>(row.size() - 1, i + 1 + random.below(2))]);
    }
    const bool runnable = can_run(schedule);
    ++(runnable ? runs : waits);
    ASSERT_EQ(validate(schedule).empty(), runnable) << "seed " << seed << "\n" << picture(schedule);
  }
  EXPECT_GT(runs, 500);
  EXPECT_GT(waits, 500);
}

TEST(Validate, SaysWhichRankWaitsForeverAndBeforeWhat) {
  PipelineSchedule schedule = build("1f1b", {.ranks = 2, .micro_batches = 1});
  std::swap(schedule.order[1][0], schedule.order[1][1]);
  const Findings findings = validate(schedule);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].problem,
            "1f1b: rank 0 waits forever before its op 1, the backward of micro-batch 0 at stage 0");
  EXPECT_EQ(findings[1].problem,
            "1f1b: rank 1 waits forever before its op 0, the backward of micro-batch 0 at stage 1");
}

TEST(Validate, RefusesTablesThatPointNowhere) {
  const PipelineSchedule good = build("dualpipe", {.ranks = 4, .micro_batches = 8});
  const auto broken = [&](auto change) {
    PipelineSchedule bad = good;
    change(bad);
    return !validate(bad).empty();
  };
  EXPECT_FALSE(broken([](PipelineSchedule&) {}));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad = {}; }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.order.pop_back(); }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.paths.clear(); }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.paths[1].pop_back(); }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.paths[0][0] = 4; }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.path_of[3] = 2; }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.path_of.pop_back(); }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.order[0][0].forward.micro_batch = 8; }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.order[0][0].forward.stage = -1; }));
  EXPECT_TRUE(broken([](PipelineSchedule& bad) { bad.order[0][0].backward = {0, 0}; }));
}

}  // namespace
}  // namespace orrery
