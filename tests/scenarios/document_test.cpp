#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/reading/show.hpp"
#include "scenarios/reading/text_reader.hpp"
#include "tests/scenarios/reading.hpp"

namespace orrery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Include, MergesDeepForTablesAndWholeForLists) {
  const Folder folder;
  folder.file("parts/cluster.toml", "[cluster]\ngpu = \"h800\"\nnodes = 4\n[trace]\nranks = [1, 2]\n");
  folder.file("parts/plan.toml",
              "[plan]\nglobal_batch = 64\nsequence = 4096\nkernels = \"deepgemm\"\n[cluster]\nnodes = 8\n");
  const std::string main = folder.file(
      "main.toml",
      "include = [\"parts/cluster.toml\", \"parts/plan.toml\"]\n[model]\nconfig = \"deepseek-v3\"\n"
      "[plan]\nsequence = 8192\n[trace]\nranks = [3]\n");
  const ScenarioReading reading = read_scenario(main, {});
  ASSERT_TRUE(reading.ok()) << messages(reading);
  EXPECT_EQ(reading.scenario.cluster.nodes, 8);     // The later include wins ...
  EXPECT_EQ(reading.scenario.plan.sequence, 8192);  // ... and the file over both.
  EXPECT_EQ(reading.scenario.plan.global_batch, 64);
  EXPECT_THAT(reading.scenario.trace.ranks, ElementsAre(3u));
  EXPECT_THAT(show_scenario(reading.document), HasSubstr("nodes = 8  # plan.toml:6\n"));
  EXPECT_THAT(show_scenario(reading.document), HasSubstr("sequence = 8192  # main.toml:5\n"));
}

TEST(Include, OfAFileTwiceIsFineAndInACircleIsNot) {
  const Folder folder;
  folder.file("leaf.toml", "[cluster]\nnodes = 2\n");
  folder.file("left.toml", "include = \"leaf.toml\"\n");
  folder.file("right.toml", "include = \"leaf.toml\"\n");
  const std::string diamond =
      folder.file("diamond.toml", "include = [\"left.toml\", \"right.toml\"]\n" + std::string(small));
  EXPECT_TRUE(read_scenario(diamond, {}).ok());

  folder.file("b.toml", "include = [\"c.toml\"]\n");
  folder.file("c.toml", "\ninclude = [\"a.toml\"]\n");
  const std::string a = folder.file("a.toml", "include = [\"b.toml\"]\n");
  const ScenarioReading reading = read_scenario(a, {});
  ASSERT_EQ(reading.diagnostics.size(), 1u);
  const std::string in = folder.path.string() + "/";
  EXPECT_EQ(messages(reading),
            "error: include goes in a circle: " + in + "a.toml -> " + in + "b.toml -> " + in + "c.toml -> " +
                in + "a.toml\n  --> " + in +
                "c.toml:2:12\n   |\n  2| include = [\"a.toml\"]\n   |            ^^^^^^^^\n"
                "   = help: take one of these includes out\n\n");
}

TEST(Include, HasALimitOf32) {
  const Folder folder;
  folder.file("leaf.toml", "");
  const auto with = [&](int times) {
    std::string list;
    for (int i = 0; i < times; ++i) list += "\"leaf.toml\",";
    return read_scenario(folder.file("a.toml", "include = [" + list + "]\n" + std::string(small)), {});
  };
  EXPECT_TRUE(with(32).ok());
  ASSERT_EQ(with(33).diagnostics.size(), 1u);
  EXPECT_EQ(with(33).diagnostics[0].problem, "more than 32 includes");
}

TEST(Include, ThatCannotBeOpenedIsShownWhereItIsWritten) {
  const ScenarioReading reading = read_text("include = [\"deepseek-v4\", 7]\n" + std::string(small));
  EXPECT_EQ(messages(reading),
            "error: include: unknown scenario 'deepseek-v4'\n  --> a.toml:1:12\n   |\n  1| include = "
            "[\"deepseek-v4\", 7]\n"
            "   |            ^^^^^^^^^^^^^\n   = help: did you mean 'deepseek-v3'?; a path to a file of your "
            "own works too\n\n"
            "error: include takes names or paths in quotes, found an integer\n  --> a.toml:1:27\n   |\n"
            "  1| include = [\"deepseek-v4\", 7]\n   |                           ^\n   = help: as in include "
            "= [\"deepseek-v3\"]\n\n");
}

TEST(Set, TakesTomlValuesAndBareWords) {
  const ScenarioReading reading = read_text(
      std::string(small) + "[[phase]]\nname = \"x\"\nsteps = 5\n",
      {"cluster.nodes=128", "plan.schedule=zb1p", "cluster.gpu_hour=3 USD/h", "plan.recompute=[\"norm\"]",
       "train.tokens=\"2 T\"", "phase[0].steps=7", "network.nic_achieved=\"40 GB/s\"", "title=A = B # C"});
  ASSERT_TRUE(reading.ok()) << messages(reading);
  EXPECT_EQ(reading.scenario.cluster.nodes, 128);
  EXPECT_EQ(reading.scenario.plan.schedule, "zb1p");
  EXPECT_EQ(*reading.scenario.cluster.gpu_hour, DollarsPerHour(3));
  EXPECT_THAT(reading.scenario.plan.recompute, ElementsAre("norm"));
  EXPECT_EQ(*reading.scenario.train.tokens, 2'000'000'000'000);
  EXPECT_EQ(*reading.scenario.phases[0].steps, 7);
  EXPECT_EQ(*reading.scenario.network.nic_achieved, BytesPerSecond(40e9));
  EXPECT_EQ(reading.scenario.title, "A = B # C");
  EXPECT_THAT(show_scenario(reading.document), HasSubstr("nodes = 128  # --set\n"));
}

TEST(Set, FaultsPointAtTheArgument) {
  EXPECT_EQ(messages(read_text(std::string(small), {"cluster.nodez=4"})),
            "error: unknown key 'nodez' in [cluster]\n  --> --set\n   |\n   | cluster.nodez=4\n   | "
            "^^^^^^^^^^^^^\n   = help: did you mean 'nodes'?\n\n");
  EXPECT_EQ(messages(read_text(std::string(small), {"network.nic_achieved=50 GB"})),
            "error: network.nic_achieved: cannot read \"50 GB\" as a bandwidth\n  --> --set\n   |\n   | "
            "network.nic_achieved=50 GB\n"
            "   |                      ^^^^^\n   = help: 'GB' is a unit of size; a bandwidth is in " +
                kind_units(QuantityKind::Bandwidth) +
                ", as in \"50 GB/s\"; the key is written as in nic_achieved = \"50 GB/s\"\n\n");
  for (const auto& [argument, problem] : std::vector<std::pair<std::string, std::string>>{
           {"cluster.nodes", "--set needs key=value"},
           {"=4", "'' is not a key"},
           {"cluster..nodes=4", "'cluster..nodes' is not a key"},
           {"phase[0].name=x", "there is no phase[0]"},
           {"phase[x].name=x", "'phase[x].name' is not a key"},
           {"plan.sequence.more=1", "'sequence' holds an integer, not a table"},
           {"title=\xFF", "the value is not valid UTF-8"}}) {
    const ScenarioReading reading = read_text(std::string(small), {argument});
    ASSERT_EQ(reading.diagnostics.size(), 1u) << argument;
    EXPECT_EQ(reading.diagnostics[0].problem, problem);
    EXPECT_EQ(reading.document.sources[reading.diagnostics[0].places.at(0).source].kind,
              SourceKind::Argument);
  }
}

TEST(Files, ThatCannotBeReadSayWhy) {
  const Folder folder;
  const auto only = [](const ScenarioReading& reading) {
    EXPECT_EQ(reading.diagnostics.size(), 1u);
    return reading.diagnostics.empty()
               ? ""
               : reading.diagnostics[0].problem + " | " + reading.diagnostics[0].remedy;
  };
  EXPECT_THAT(only(read_scenario("deepseek-v33", {})),
              HasSubstr("unknown scenario 'deepseek-v33' | did you mean 'deepseek-v3'?"));
  EXPECT_THAT(only(read_scenario("no/such.toml", {})), HasSubstr("there is no file 'no/such.toml'"));
  EXPECT_THAT(only(read_scenario(folder.path.string(), {})), HasSubstr("it is a folder"));
  EXPECT_THAT(only(read_scenario("", {})), HasSubstr("unknown scenario ''"));
  EXPECT_TRUE(
      read_scenario(folder.file("full.toml", std::string(small) + std::string(4194304 - small.size(), '\n')),
                    {})
          .ok());
  EXPECT_THAT(only(read_scenario(folder.file("big.toml", std::string(4194305, '\n')), {})),
              HasSubstr("larger than 4 MiB"));
  EXPECT_THAT(only(read_scenario(folder.file("latin.toml", "title = \"caf\xE9\"\n"), {})),
              HasSubstr("not valid UTF-8"));
  EXPECT_EQ(read_scenario(folder.file("latin.toml", "\ntitle = \"caf\xE9\"\n"), {})
                .diagnostics.at(0)
                .places.at(0)
                .line,
            2);
}

TEST(Nesting, HasALimitOf16) {
  const auto nested = [](int depth) {
    return "x = " + std::string(depth, '[') + std::string(depth, ']') + "\n";
  };
  EXPECT_TRUE(parse_toml(nested(15), 0).diagnostics.empty());
  EXPECT_FALSE(parse_toml(nested(17), 0).diagnostics.empty());
  EXPECT_FALSE(parse_toml(nested(100000), 0).diagnostics.empty());
  EXPECT_FALSE(parse_json("{\"x\": " + std::string(100000, '[') + "}", 0).diagnostics.empty());
}

TEST(Json, IsTheSameTree) {
  const Folder folder;
  const std::string json = R"({"model": {"config": "deepseek-v3"},
 "cluster": {"gpu": "h800", "nodes": 4},
 "plan": {"global_batch": 64, "sequence": 4096, "kernels": "deepgemm"},
 "routing": {"skew": 0.0}, "title": "caf\u00e9 \ud83d\ude00"})";
  const ScenarioReading reading = read_scenario(folder.file("a.json", json), {});
  ASSERT_TRUE(reading.ok()) << messages(reading);
  Scenario expected = read_text(std::string(small)).scenario;
  expected.title = "caf\u00E9 \U0001F600";
  EXPECT_TRUE(reading.scenario == expected);

  const ScenarioReading wrong = read_scenario(folder.file("b.json", R"({"cluster": {
  "nodes": true, "gpu": null}})"),
                                              {});
  EXPECT_THAT(messages(wrong), HasSubstr("b.json:2:12\n"));
  for (const char* text : {"", "[]", "{", "{\"a\"}", "{\"a\": }", "{\"a\": 1,}", "{\"a\": 1} x",
                           "{\"a\": \"\\x\"}", "{\"a\": \"\\ud800\"}", "{\"a\": 1, \"a\": 2}", "{a: 1}",
                           "{\"a\": 01x}", "{\"a\": \"", "{\"a\": nul}"})
    EXPECT_EQ(parse_json(text, 0).diagnostics.size(), 1u) << text;
}

}  // namespace
}  // namespace orrery
