#include <climits>
#include <cstdlib>

#include "tests/models/pipeline/pipelines.hpp"

namespace orrery {
namespace {

Findings check(std::string_view name, const PipelineShape& shape) {
  return find_schedule(name)->check(shape);
}

TEST(Requests, FindEveryScheduleByItsName) {
  std::string names;
  for (const ScheduleKind& kind : schedule_kinds()) {
    EXPECT_EQ(find_schedule(kind.name), &kind);
    EXPECT_FALSE(kind.help.empty());
    names += std::string(kind.name) + " ";
  }
  EXPECT_EQ(names, "gpipe 1f1b interleaved zb-h1 zb1p dualpipe dualpipev ");
  EXPECT_EQ(find_schedule("dual-pipe"), nullptr);
}

TEST(Requests, AreRefusedWithTheKeyWhatWasFoundAndTheNearestAllowedValues) {
  struct Refusal {
    std::string_view schedule;
    PipelineShape shape;
    std::string key, problem, remedy;
  };
  const Refusal refusals[] = {
      {"dualpipe",
       {7, 20},
       "plan.pipeline",
       "dualpipe needs an even number of ranks; found 7",
       "try 6 or 8 ranks, or schedule = \"zb1p\", which takes any number"},
      {"dualpipe",
       {1, 4},
       "plan.pipeline",
       "dualpipe needs an even number of ranks; found 1",
       "try 2 ranks, or schedule = \"zb1p\", which takes any number"},
      {"dualpipe",
       {8, 21},
       "plan.global_batch",
       "dualpipe needs an even number of micro-batches, at least 2 a rank (16); found 21",
       "try 20 or 22 micro-batches, or schedule = \"zb1p\", which takes any number"},
      {"dualpipe",
       {16, 30},
       "plan.global_batch",
       "dualpipe needs an even number of micro-batches, at least 2 a rank (32); found 30",
       "try 32 micro-batches, or schedule = \"zb1p\", which takes any number"},
      {"dualpipev",
       {4, 7},
       "plan.global_batch",
       "dualpipev needs at least 2 micro-batches a rank (8); found 7",
       "try 8 micro-batches, or schedule = \"zb1p\", which takes any number"},
      {"interleaved",
       {4, 10, 2},
       "plan.global_batch",
       "interleaved needs micro-batches in a multiple of its 4 ranks; found 10",
       "try 8 or 12, or schedule = \"1f1b\", which takes any number"},
      {"interleaved",
       {4, 3, 2},
       "plan.global_batch",
       "interleaved needs micro-batches in a multiple of its 4 ranks; found 3",
       "try 4, or schedule = \"1f1b\", which takes any number"},
      {"interleaved",
       {4, 8, 1},
       "plan.virtual_stages",
       "interleaved needs at least 2 stages a rank; found 1",
       "try 2, or schedule = \"1f1b\", which has one"},
      {"gpipe", {0, 4}, "plan.pipeline", "a pipeline needs at least 1 rank; found 0", "try 1 or more"},
      {"zb1p",
       {4, -3},
       "plan.global_batch",
       "a pipeline needs at least 1 micro-batch; found -3",
       "try 1 or more"},
      {"1f1b",
       {4096, 2048},
       "plan.global_batch",
       "ranks x stages a rank x micro-batches must be at most 4194304; found 4096 x 1 x 2048",
       "try 1024 micro-batches or fewer"},
  };
  for (const Refusal& refusal : refusals) {
    const Findings findings = check(refusal.schedule, refusal.shape);
    ASSERT_EQ(findings.size(), 1u) << refusal.problem;
    EXPECT_EQ(findings[0].key, refusal.key);
    EXPECT_EQ(findings[0].problem, refusal.problem);
    EXPECT_EQ(findings[0].remedy, refusal.remedy);
  }
}

TEST(Requests, HearOfBothMistakesAtOnce) {
  EXPECT_EQ(check("dualpipe", {.ranks = 7, .micro_batches = 21}).size(), 2u);
  EXPECT_EQ(check("gpipe", {.ranks = 0, .micro_batches = 0}).size(), 2u);
}

TEST(Requests, OfAnySizeAreAnsweredWithoutOverflow) {
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (const int huge : {INT_MAX, INT_MAX - 1, INT_MIN}) {
      EXPECT_FALSE(kind.check({.ranks = huge, .micro_batches = huge, .virtual_stages = huge}).empty());
      EXPECT_FALSE(kind.check({.ranks = huge, .micro_batches = 64, .virtual_stages = 2}).empty());
      EXPECT_FALSE(kind.check({.ranks = 4, .micro_batches = huge, .virtual_stages = 2}).empty());
    }
  }
}

/// The shape with the first number of each remedy put where its key says.
PipelineShape follow(PipelineShape shape, const Findings& findings) {
  for (const Finding& finding : findings) {
    const int suggested = std::atoi(finding.remedy.c_str() + std::string("try ").size());
    if (finding.key == "plan.pipeline")
      shape.ranks = suggested;
    else if (finding.key == "plan.virtual_stages")
      shape.virtual_stages = suggested;
    else
      shape.micro_batches = suggested;
  }
  return shape;
}

// One round may uncover the next mistake (virtual stages before micro-batches), so three are allowed.
TEST(Requests, ThatFollowTheRemediesAreGranted) {
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (int ranks = -1; ranks <= 17; ++ranks) {
      for (int micro_batches = -1; micro_batches <= 40; ++micro_batches) {
        for (int virtual_stages = 0; virtual_stages <= 3; ++virtual_stages) {
          const PipelineShape asked{ranks, micro_batches, virtual_stages};
          PipelineShape shape = asked;
          for (int round = 0; round < 3; ++round) shape = follow(shape, kind.check(shape));
          ASSERT_TRUE(kind.check(shape).empty()) << kind.name << ", asked for " << asked << ", got " << shape;
        }
      }
    }
  }
}

}  // namespace
}  // namespace orrery
