#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

Outcome compared(const ScratchFolder& scratch, const std::string& arguments) {
  put(scratch.path() / "small.toml", small_scenario);
  return orrery(scratch.path(), "compare small.toml " + arguments);
}

// 4 nodes under one leaf a plane: 8 switches, no trunk; dragonfly of 16 NICs a switch: 2 switches and a cable
// between them. The scenario's own network costs what its GPU-hour says; the other one the difference of the
// bills over four years of 8,766 hours.
TEST(Compare, PricesEachFabricAgainstTheScenariosOwn) {
  const ScratchFolder scratch;
  const Outcome outcome = compared(
      scratch, "--topology multi-plane-fat-tree,dragonfly --set cluster.gpu_hour=\"2 USD/h\" --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json points = Json::parse(outcome.out).at("points");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].at("switches"), 8);
  EXPECT_EQ(points[1].at("switches"), 2);
  EXPECT_EQ(points[0].at("network_usd"), 8 * 83'000);
  EXPECT_EQ(points[1].at("network_usd"), 2 * 83'000 + 500);
  EXPECT_DOUBLE_EQ(points[0].at("gpu_hour_usd").get<double>(), 2);
  EXPECT_NEAR(points[1].at("gpu_hour_usd").get<double>(), 2 - (6 * 83'000 - 500) / 32.0 / (4 * 365.25 * 24),
              1e-12);
  for (const Json& p : points) {
    EXPECT_GT(p.at("hottest_use").get<double>(), 0);
    EXPECT_LE(p.at("hottest_use").get<double>(), 1);
  }
  for (const char* file : {"compare.json", "compare.txt", "comparison.csv", "results.h5", "scenario.toml"})
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "out/small-compare" / file)) << file;
}

// Thin uplinks between leaves of four-port switches slow the step; folded ranks know of no trunk and cannot
// see it.
TEST(Compare, OversubscriptionIsSeenAtFullFidelityAlone) {
  const ScratchFolder scratch;
  put(scratch.path() / "port4.toml",
      "ports = 8\nport_rate = \"50 GB/s\"\nhop_latency = \"0.45 us\"\n[source]\nports = "
      "\"a test\"\nport_rate = \"a test\"\nhop_latency = \"a test\"\n");
  const std::string arguments =
      "--vary cluster.oversubscription=1,3 --set cluster.topology=fat-tree --set cluster.switch=./port4.toml "
      "--json";
  const Json full = Json::parse(compared(scratch, arguments).out).at("points");
  EXPECT_GT(full[1].at("step_s").get<double>(), 1.02 * full[0].at("step_s").get<double>());
  const Json folded = Json::parse(compared(scratch, arguments + " --fidelity folded").out).at("points");
  EXPECT_EQ(folded[0].at("hottest_link"), "");
}

TEST(Compare, SeveralKeysGiveEveryCombination) {
  const ScratchFolder scratch;
  const Outcome outcome = compared(
      scratch,
      "--vary cluster.routing=ecmp,adaptive --vary plan.schedule=1f1b,zb1p --fidelity folded --json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json points = Json::parse(outcome.out).at("points");
  ASSERT_EQ(points.size(), 4u);
  EXPECT_EQ(points[1].at("sets"), (Json{"cluster.routing=ecmp", "plan.schedule=zb1p"}));
  int best = 0;
  for (const Json& p : points) best += p.at("best").get<bool>();
  EXPECT_EQ(best, 1);
}

TEST(Compare, GivesTheSameBytesAtAnyThreadCount) {
  const ScratchFolder scratch;
  const std::string arguments = "--topology fat-tree,torus,rail-only --json ";
  const std::string one = compared(scratch, arguments + "-j 1 -o one").out;
  EXPECT_EQ(one, compared(scratch, arguments + "-j 4 -o four").out);
  EXPECT_EQ(bytes_of(scratch.path() / "one/results.h5"), bytes_of(scratch.path() / "four/results.h5"));
}

TEST(Compare, RefusesWhatItCannotCompare) {
  const ScratchFolder scratch;
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Outcome outcome = compared(scratch, arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(words));
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / "out"));
  };
  refused("", "compare needs something that varies");
  refused("--vary cluster.gpu", "is no KEY=VALUE,VALUE");
  refused("--vary cluster.gpu=h800,,h100", "has an empty value");
  refused("--topology dragonfly,dragonfli", "did you mean 'dragonfly'");
  refused("--vary cluster.gpus=1,2", "unknown key 'gpus'");
  refused("--set cluster.topology=slim-fly --vary cluster.shape=[5,4],[6,4]", "no slim fly of q = 6");
  refused("--topology rail-only,torus --set cluster.oversubscription=2", "oversubscription of 2");
}

}  // namespace
}  // namespace orrery
