#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

Json answer(const ScratchFolder& scratch, const std::string& arguments) {
  const Outcome outcome = orrery(scratch.path(), "topology " + arguments + " --json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return Json::parse(outcome.out);
}

// DeepSeek-V3's cluster: see tests/topologies/fabric_test.cpp for the sums.
TEST(Topology, ShowAndCostSayWhatTheClusterIs) {
  const ScratchFolder scratch;
  const Json shape = answer(scratch, "show deepseek-v3");
  EXPECT_EQ(shape.at("switches"), 96);
  EXPECT_EQ(shape.at("planes"), 8);
  EXPECT_EQ(shape.at("diameter_switches"), 3);
  EXPECT_EQ(shape.at("bisection_bytes_per_s"), shape.at("offered_bytes_per_s"));
  const Json bill = answer(scratch, "cost multi-plane-fat-tree");
  double sum = 0;
  for (const Json& line : bill.at("lines")) sum += line.at("cost_usd").get<double>();
  EXPECT_DOUBLE_EQ(bill.at("cost_usd").get<double>(), sum);
  EXPECT_GT(sum, 96 * 83'000);
  const Outcome page = orrery(scratch.path(), "topology show deepseek-v3");
  EXPECT_THAT(page.out, HasSubstr("1.00 : 1"));
}

TEST(Topology, CheckEndsWithFourWhereOneLossPartsGpus) {
  const ScratchFolder scratch;
  EXPECT_EQ(orrery(scratch.path(), "topology check multi-plane-fat-tree").code, 0);
  const Outcome tree = orrery(scratch.path(), "topology check fat-tree");
  EXPECT_EQ(tree.code, 4);
  EXPECT_THAT(tree.out, HasSubstr("leaf 0.0"));
}

TEST(Topology, WhatIsExportedIsReadAgain) {
  const ScratchFolder scratch;
  for (const std::string format : {"graphml", "dot"}) {
    const std::string file = "fabric." + format;
    ASSERT_EQ(orrery(scratch.path(),
                     "topology export dragonfly --set cluster.nodes=64 --format " + format + " > " + file)
                  .code,
              0);
    const Json read = answer(scratch, "show " + file),
               built = answer(scratch, "show dragonfly --set cluster.nodes=64");
    EXPECT_EQ(read, built);
  }
  const Outcome json =
      orrery(scratch.path(), "topology export rail-only --set cluster.nodes=2 --format json");
  EXPECT_EQ(Json::parse(json.out).at("boxes").size(), 2 * (8 + 1 + 8) + 8u);
}

TEST(Topology, BenchPrintsTheColumnsOfNcclTests) {
  const ScratchFolder scratch;
  const Outcome page =
      orrery(scratch.path(),
             "topology bench multi-plane-fat-tree --set cluster.nodes=2 --collective all_to_all "
             "--algorithm two_hop --bytes 1MiB,64MiB");
  ASSERT_EQ(page.code, 0) << page.err;
  for (const char* column : {"size (B)", "count (elements)", "type", "redop", "root", "time (us)",
                             "algbw (GB/s)", "busbw (GB/s)", "67108864", "16777216"})
    EXPECT_THAT(page.out, HasSubstr(column));
}

// Two GPUs whose nearest NICs are crossed: rails are not what fabrics take them for, and the page says so.
TEST(Topology, NodeSaysWhichNicIsNearest) {
  const ScratchFolder scratch;
  put(scratch.path() / "topo.txt",
      "     GPU0 GPU1 NIC0 NIC1 CPU Affinity\nGPU0  X   NV8  SYS  PIX 0-9\nGPU1 NV8   X   PIX  SYS 10-19\n");
  const Json inside = answer(scratch, "node topo.txt");
  EXPECT_EQ(inside.at("crossed"), 2);
  EXPECT_EQ(inside.at("rows")[0].at("nic"), "NIC1");
  const Outcome page = orrery(scratch.path(), "topology node topo.txt");
  EXPECT_THAT(page.out, HasSubstr("1, not 0"));
  EXPECT_EQ(orrery(scratch.path(), "topology node no-such-file").code, 2);
}

TEST(Topology, WrongWordsAreMetWithHelp) {
  const ScratchFolder scratch;
  const auto expect = [&](const std::string& arguments, const std::string& problem) {
    const Outcome outcome = orrery(scratch.path(), "topology " + arguments);
    EXPECT_EQ(outcome.code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(problem)) << arguments;
  };
  expect("shwo dragonfly", "did you mean 'show'");
  expect("show", "takes one FABRIC");
  expect("show dragonfli", "dragonfli");
  expect("bench dragonfly --collective all_to_al", "did you mean 'all_to_all'");
  expect("bench dragonfly --algorithm rign", "did you mean 'ring'");
  expect("bench dragonfly --bytes 12", "12");
  expect("bench fat-tree --set cluster.nodes=6 --algorithm halving_doubling", "48 GPUs cannot be halved");
  expect("export dragonfly --format grafml", "did you mean 'graphml'");
  put(scratch.path() / "cut.dot", "graph x {\n  a [kind=gpu, group=0, index=0];\n");
  expect("show cut.dot", "line 3: the text ends");
  put(scratch.path() / "junk.txt", std::string("\x7f\0\x01garbage", 10));
  expect("show junk.txt", "junk.txt");
}

// Traffic of the lost plane crosses NVLink and the other NICs: slower, and every byte still arrives. Folded
// ranks cannot know, and say so.
TEST(Topology, ALostPlaneIsSeenInTheStep) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome outcome =
      orrery(scratch.path(),
             "compare small.toml --json --vary 'cluster.faults=\"\",\"plane 3 down\",\"nic 2.1 at 0.25\"'");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json points = Json::parse(outcome.out).at("points");
  EXPECT_GT(points[1].at("step_s").get<double>(), points[0].at("step_s").get<double>());
  EXPECT_GT(points[2].at("step_s").get<double>(), points[0].at("step_s").get<double>());
  const Outcome folded = orrery(scratch.path(), "run small.toml --set cluster.faults=\"plane 3 down\"");
  EXPECT_EQ(folded.code, 2);
  EXPECT_THAT(folded.err, HasSubstr("--fidelity full"));
}

// NVLink of an H100 is 2.5 times as fast: a node's halves send more, and a step is not slower. GPUs of
// another chip are refused, as are nodes that there are not.
TEST(Topology, NodesOfAnotherGpuOfTheSameChipMayStandBesideOurs) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Json alike = answer(scratch, "show small.toml"),
             mixed = answer(scratch, "show small.toml --set cluster.mixed=\"0-1: h100-sxm\"");
  EXPECT_EQ(alike.at("bisection_bytes_per_s"), mixed.at("bisection_bytes_per_s"));  // NICs bind.
  const Outcome outcome =
      orrery(scratch.path(),
             "compare small.toml --json --vary 'cluster.mixed=\"\",\"0-3: h800\",\"0-3: h100-sxm\"'");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json points = Json::parse(outcome.out).at("points");
  EXPECT_EQ(points[0].at("step_s"), points[1].at("step_s"));
  EXPECT_LE(points[2].at("step_s").get<double>(), points[0].at("step_s").get<double>());
  const auto refused = [&](const std::string& words) {
    const Outcome wrong =
        orrery(scratch.path(), "compare small.toml --vary 'cluster.mixed=\"" + words + "\"'");
    EXPECT_EQ(wrong.code, 2) << words;
    return wrong.err;
  };
  EXPECT_THAT(refused("0-1: b200"), HasSubstr("kernels of two chips"));
  EXPECT_THAT(refused("0-4: h100-sxm"), HasSubstr("nodes 0-4 of 4"));
  EXPECT_THAT(refused("0-1 h100-sxm"), HasSubstr("names no nodes"));
  EXPECT_THAT(refused("0-1: h10"), HasSubstr("did you mean"));
}

// Eight nodes under one leaf a plane share no cable, so that neighbours change nothing; under leaves of four
// NICs they share the uplinks, and the step waits.
TEST(Topology, ANeighbourJobIsFeltWhereCablesAreShared) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  put(scratch.path() / "port8.toml",
      "ports = 8\nport_rate = \"50 GB/s\"\nhop_latency = \"0.45 us\"\n[source]\nports = "
      "\"a test\"\nport_rate = \"a test\"\nhop_latency = \"a test\"\n");
  const auto steps = [&](const std::string& more) {
    const Outcome outcome =
        orrery(scratch.path(), "compare small.toml --json --vary cluster.neighbour_nodes=0,4" + more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const Json points = Json::parse(outcome.out).at("points");
    return std::pair(points[0].at("step_s").get<double>(), points[1].at("step_s").get<double>());
  };
  const auto [alone, beside] = steps("");
  EXPECT_EQ(alone, beside);
  const auto [quiet, crowded] = steps(" --set cluster.topology=fat-tree --set cluster.switch=./port8.toml");
  EXPECT_GT(crowded, 1.02 * quiet);
  const Outcome folded = orrery(scratch.path(), "run small.toml --set cluster.neighbour_nodes=4");
  EXPECT_EQ(folded.code, 2);
  EXPECT_THAT(folded.err, HasSubstr("--fidelity full"));
}

// A step on a fabric that was read is the step on the fabric that was built.
TEST(Topology, AStepRunsOnAFabricReadFromAFile) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  ASSERT_EQ(orrery(scratch.path(), "topology export small.toml > fabric.graphml").code, 0);
  const auto step = [&](const std::string& more) {
    const Outcome outcome = orrery(scratch.path(), "run small.toml --json --fidelity full" + more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return Json::parse(outcome.out).at("step");
  };
  EXPECT_EQ(step(""), step(" --set cluster.cabling=fabric.graphml"));
  const Outcome other =
      orrery(scratch.path(), "check small.toml --set cluster.nodes=8 --set cluster.cabling=fabric.graphml");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("has 4 nodes"));
}

}  // namespace
}  // namespace orrery
