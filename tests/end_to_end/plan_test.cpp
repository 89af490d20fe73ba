#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

Outcome verb(const ScratchFolder& scratch, const std::string& arguments) {
  put(scratch.path() / "small.toml", small_scenario);
  return orrery(scratch.path(), arguments);
}

TEST(Plan, FindsOneNoDearerThanTheScenariosAndWritesItAsAScenarioThatRuns) {
  const ScratchFolder scratch;
  const Outcome outcome = verb(scratch, "plan small.toml --json -o plans");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json plan = Json::parse(outcome.out);
  EXPECT_GE(plan.at("considered").get<int>(), 10'000);
  const Json& best = plan.at("plans")[0];
  EXPECT_TRUE(best.at("meets").get<bool>());
  for (const Json& p : plan.at("plans")) {
    EXPECT_LE(best.at("cost_usd"), p.at("cost_usd"));
    EXPECT_LE(p.at("bound_s"), p.at("step_s"));
  }
  // What the search counts is all that it considered.
  std::int64_t sum = plan.at("simulated").get<std::int64_t>();
  for (const auto& [reason, count] : plan.at("pruned").items()) sum += count.get<std::int64_t>();
  EXPECT_EQ(sum, plan.at("considered").get<std::int64_t>());
  const Json again =
      Json::parse(orrery(scratch.path(), "run plans/winner.toml --fidelity folded --json -o again").out);
  EXPECT_EQ(again.at("step").at("time_s"), best.at("step_s"));
}

TEST(Plan, GivesTheSameBytesAtAnyThreadCount) {
  const ScratchFolder scratch;
  EXPECT_EQ(verb(scratch, "plan small.toml --json -j 1 -o one").out,
            verb(scratch, "plan small.toml --json -j 4 -o four").out);
  EXPECT_EQ(bytes_of(scratch.path() / "one/results.h5"), bytes_of(scratch.path() / "four/results.h5"));
}

// Every plan simulated, none pruned by its bound: a sweep over the same space knows no cheaper one.
TEST(Plan, ASweepOverThePlansFindsNoCheaperOne) {
  const ScratchFolder scratch;
  const Json best = Json::parse(verb(scratch, "plan small.toml --json -o plans").out).at("plans")[0];
  const Json swept = Json::parse(verb(scratch,
                                      "sweep small.toml --vary plan.pipeline=1..8*2 --vary "
                                      "plan.expert=1..32*2 --vary plan.micro_batch=1,2,4 "
                                      "--vary plan.schedule=dualpipe,dualpipev,1f1b,zb1p --vary "
                                      "plan.precision=fp8,bf16 --fidelity folded "
                                      "--json")
                                     .out);
  int simulated = 0;
  for (const Json& p : swept.at("points")) {
    if (p.at("outcome") != "simulated") continue;
    ++simulated;
    EXPECT_LE(best.at("cost_usd").get<double>(), p.at("cost_usd").get<double>() * (1 + 1e-12)) << p.at("set");
  }
  EXPECT_GT(simulated, 50);
}

TEST(Plan, KeepsToItsLimitsAndSaysWhatIsNearestWhereNoneDoes) {
  const ScratchFolder scratch;
  const Json wide = Json::parse(verb(scratch, "plan small.toml --gpus 16..32 --json -o wide").out);
  const double fastest = wide.at("plans")[0].at("wall_s").get<double>();
  EXPECT_GT(fastest, 0);
  const Outcome none = verb(scratch, "plan small.toml --deadline 1min -o none");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.out, HasSubstr("none of the space meets all limits"));
  EXPECT_THAT(none.out, HasSubstr("1.000 min is allowed"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "none/winner.toml"));
}

TEST(Plan, RefusesLimitsThatAreNone) {
  const ScratchFolder scratch;
  struct {
    const char *arguments, *says;
  } const wrong[] = {{"--deadline 60", "d"},
                     {"--budget 6GB", "USD"},
                     {"--deadline 0d", "more than nothing"},
                     {"--gpus 8192..512", "holds nothing"},
                     {"--gpus 12", "multiples of 8"},
                     {"--gpus x", "whole nodes"}};
  for (const auto& [arguments, says] : wrong) {
    const Outcome outcome = verb(scratch, std::string("plan small.toml ") + arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(says)) << arguments;
  }
}

TEST(Memory, TellsThePeakOfTheRunAndWhatWouldFit) {
  const ScratchFolder scratch;
  const Json memory = Json::parse(verb(scratch, "memory small.toml --json -o m").out);
  const Json run = Json::parse(verb(scratch, "run small.toml --json -o r").out);
  EXPECT_EQ(memory.at("peak_bytes"), run.at("memory").at("peak_bytes"));
  EXPECT_TRUE(memory.at("fits").get<bool>());
  for (const char* file : {"memory_over_time.csv", "memory_choices.csv", "memory.json", "results.h5"})
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "m" / file)) << file;
}

// 419 unexpected and 47 planned interruptions in 54 days on 16,384 GPUs: on 32, one in 54 x 16,384 / (466 x
// 32) days.
TEST(Operation, ScalesTheTableToTheClusterAndSimulatesTheWeeks) {
  const ScratchFolder scratch;
  const std::string keys =
      "--set operation.failures=llama-3-405b --set operation.storage='1 GB/s' --set "
      "operation.checkpoint=blocking --set train.tokens='4 T' ";
  const Json unknown = Json::parse(verb(scratch, "run small.toml --json -o u " + keys).out).at("operation");
  EXPECT_NEAR(unknown.at("mean_time_between_s").get<double>(), 54 * 86400. * 16384 / (466 * 32), 1);
  EXPECT_FALSE(unknown.contains("goodput"));
  double before = 1.1;
  for (const Json& point : unknown.at("curve")) {
    EXPECT_LT(point.at("goodput").get<double>(), before);
    before = point.at("goodput").get<double>();
  }
  const Json known =
      Json::parse(verb(scratch, "run small.toml --json -o k " + keys +
                                    "--set operation.detection='5 min' --set operation.restart='10 min' ")
                      .out)
          .at("operation");
  EXPECT_GT(known.at("goodput").at("mean").get<double>(), 0.9);
  EXPECT_LE(known.at("goodput").at("p05"), known.at("goodput").at("mean"));
}

TEST(Operation, RefusesWhatIsHalfSaid) {
  const ScratchFolder scratch;
  struct {
    const char *arguments, *says;
  } const wrong[] = {
      {"--set operation.failures=llama-3-405b", "needs operation.storage"},
      {"--set operation.failures=llama-3-405b --set operation.storage='1 TB/s'", "need operation.host_copy"},
      {"--set operation.restart='5 min'", "go together"},
      {"--set operation.slow_gpus=1.0", "needs slow_factor above 1 and slow_found"},
      {"--set operation.failures=llama --set operation.storage='1 TB/s' --set operation.checkpoint=blocking",
       "llama-3-405b"}};
  for (const auto& [arguments, says] : wrong) {
    const Outcome outcome = verb(scratch, std::string("run small.toml ") + arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(says)) << arguments;
  }
}

}  // namespace
}  // namespace orrery
