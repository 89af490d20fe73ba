#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/reading/show.hpp"
#include "tests/scenarios/reading.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

TEST(Library, EveryScenarioReads) {
  const auto names = data_names(DataKind::Scenario);
  EXPECT_GE(names.size(), 16u);
  for (const std::string_view name : names) {
    const ScenarioReading reading = read_scenario(name, {});
    EXPECT_TRUE(reading.ok()) << messages(reading);
    EXPECT_FALSE(reading.scenario.title.empty()) << name;
  }
}

TEST(Library, HoldsThePublishedPlanOfDeepSeekV3) {
  const Scenario scenario = read_scenario("deepseek-v3", {}).scenario;
  EXPECT_EQ(scenario.cluster.nodes * 8, 2048);
  EXPECT_EQ(scenario.plan.pipeline, 16);
  EXPECT_EQ(scenario.plan.expert, 64);
  EXPECT_EQ(scenario.plan.global_batch, 15360);
  EXPECT_EQ(scenario.plan.recompute, (std::vector<std::string>{"norm", "up_projection", "swiglu"}));
  EXPECT_EQ(*scenario.train.tokens, 14'800'000'000'000);
  EXPECT_EQ(*scenario.train.ramp_tokens, 469'000'000'000);
  EXPECT_EQ(scenario.routing.row_spread, 0.076);
  EXPECT_EQ(*scenario.cluster.gpu_hour, DollarsPerHour(2));
  const auto phases = all_phases(scenario);
  ASSERT_EQ(phases.size(), 4u);
  EXPECT_EQ(phases[0].name, "pre-training");
  // 4,096 tokens a GPU and 120 micro-batches stay: 32768/8, 131072/32; a copy is 128 GPUs / context.
  for (int i : {1, 2}) {
    EXPECT_EQ(*phases[i].sequence / *phases[i].context, 4096);
    EXPECT_EQ(*phases[i].global_batch / (128 / *phases[i].context), 120);
  }
  EXPECT_EQ(*phases[3].gpu_hours, 5000);
}

TEST(Library, CarriesPublishedFiguresInSi) {
  const auto figure = [](std::string_view name, std::string_view what) {
    for (const auto& published : read_scenario(name, {}).scenario.published)
      if (published.what == what) return published.value;
    ADD_FAILURE() << name << " has no " << what;
    return 0.0;
  };
  EXPECT_EQ(figure("deepseek-v3", "step.time_s"), 19.926);
  EXPECT_EQ(figure("deepseek-v3", "step.tokens_per_day"), 272.80e9);
  EXPECT_EQ(figure("deepseek-v3", "step.mfu_causal"), 0.3894);
  EXPECT_EQ(figure("deepseek-v3", "phases.pre-training.gpu_hours"), 2664000);
  EXPECT_EQ(figure("deepseek-v3", "run.cost_usd"), 5576000);
  EXPECT_EQ(figure("deepseek-v3-mrft", "step.time_s"), 19.946);
  EXPECT_EQ(figure("mlperf-llama405b-2560", "step.time_s"), 11.173);
  EXPECT_EQ(figure("llama-3.1-405b-16k", "step.flops_per_s_per_gpu_noncausal"), 400e12);
  EXPECT_EQ(figure("zero-bubble-1.5b-zb1p", "memory.peak_bytes"), 32e9);
  // Tokens a day from the step: 15360 * 4096 * 86400 / 19.926 = 272.80 B.
  EXPECT_NEAR(figure("deepseek-v3", "step.tokens_per_day"), 15360.0 * 4096 * 86400 / 19.926, 5e6);
}

TEST(Library, VariantsDifferFromTheMainCaseInTheNamedKeysOnly) {
  const Scenario main = read_scenario("deepseek-v3", {}).scenario;
  Scenario zb = read_scenario("deepseek-v3-zb1p", {}).scenario;
  EXPECT_EQ(zb.plan.schedule, "zb1p");
  EXPECT_TRUE(zb.published.empty());  // A list is replaced as a whole.
  zb.plan.schedule = main.plan.schedule;
  zb.title = main.title;
  zb.published = main.published;
  EXPECT_EQ(zb.simulation.memory, "report");  // It does not fit; its time is what is asked.
  zb.simulation.memory = main.simulation.memory;
  EXPECT_TRUE(zb == main);
}

TEST(CrossChecks, NameTheKeysThatDisagree) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"recompute = [\"none\", \"norm\"]", "plan.recompute: 'none' cannot be joined with other words"},
      {"recompute = [\"full\", \"norm\"]", "plan.recompute: 'full' cannot be joined with other words"},
      {"[routing]\nskew = 0.5", "routing.skew needs routing.source = \"skewed\""},
      {"[train]\ntokens = \"1 T\"\nsteps = 5", "train has both tokens and steps"},
      {"[train]\ntokens = \"1 T\"\nramp_from = 5", "train.ramp_from needs train.ramp_tokens"},
      {"[train]\nramp_from = 5\nramp_tokens = 9", "a ramp needs train.tokens or train.steps"},
      {"[[phase]]\nname = \"x\"", "phase[0] needs its length"},
      {"[[phase]]\nname = \"x\"\nsteps = 1\ngpu_hours = 4", "phase[0] has more than one length"},
      {"[[phase]]\nname = \"x\"\nsteps = 1\nramp_tokens = 4",
       "phase[0].ramp_tokens needs phase[0].ramp_from"},
      {"[[phase]]\nname = \"x\"\nsteps = 1\nprompts = 4",
       "phase[0] has keys of a phase that answers, and trains on given text"},
      {"[[phase]]\nname = \"x\"\nmethod = \"grpo\"\nsteps = 1\nprompts = 4\nprompt_tokens = \"9\"",
       "phase[0], method = \"grpo\", needs answer_tokens"},
      {"[[phase]]\nname = \"x\"\nmethod = \"answers\"\ninstances = \"9\"\nprompt_tokens = \"9\"\n"
       "answer_tokens = \"9\"\nhost_link = \"1 GB/s\"",
       "phase[0], method = \"answers\", does not use host_link"},
      {"[[phase]]\nname = \"x\"\nmethod = \"grpo\"\nsteps = 1\nprompts = 4\nprompt_tokens = \"9\"\n"
       "answer_tokens = \"9\"\ntokens = \"1 T\"",
       "phase[0], method = \"grpo\", does not use tokens"},
      {"[[published]]\nwhat = \"step.time_s\"\nvalue = 19.9\nsource = \"x\"",
       "published[0].value: cannot read \"19.9\" as a time"},
      {"[[published]]\nwhat = \"step.time_s\"\nvalue = \"19.9 s\"\nsource = \"\"",
       "published[0].source is empty"},
  };
  for (const auto& [lines, problem] : cases) {
    const ScenarioReading reading = read_text(std::string(small) + lines + "\n");
    ASSERT_EQ(reading.diagnostics.size(), 1u) << lines << "\n" << messages(reading);
    EXPECT_EQ(reading.diagnostics[0].problem, problem);
    EXPECT_FALSE(reading.diagnostics[0].remedy.empty());
    EXPECT_GE(reading.diagnostics[0].places.at(0).line, 10) << lines;
  }
}

TEST(Show, ReadsBackToTheSameScenario) {
  for (const std::string_view name : data_names(DataKind::Scenario)) {
    const ScenarioReading first =
        read_scenario(name, std::vector<std::string>{"simulation.seed=7", "plan.layer_map=[1, 2, 3]"});
    ASSERT_TRUE(first.ok()) << messages(first);
    const std::string shown = show_scenario(first.document);
    const ScenarioReading second = read_text(shown);
    ASSERT_TRUE(second.ok()) << shown << messages(second);
    EXPECT_TRUE(first.scenario == second.scenario) << shown;
    EXPECT_THAT(shown, HasSubstr("layer_map = [1, 2, 3]  # --set"));
    EXPECT_EQ(shown.find(ORRERY_SOURCE), std::string::npos);
  }
}

TEST(Show, KeepsTextThatNeedsEscapes) {
  const std::string text =
      "description = \"\"\"a \"quoted\" \\\\ back\tslash\nand \\u0001 a line # no comment \u00B5\"\"\"\n" +
      std::string(small);
  const ScenarioReading first = read_text(text);
  ASSERT_TRUE(first.ok()) << messages(first);
  EXPECT_EQ(first.scenario.description, "a \"quoted\" \\ back\tslash\nand \x01 a line # no comment \u00B5");
  EXPECT_TRUE(read_text(show_scenario(first.document)).scenario == first.scenario);
}

TEST(Paths, StartFromTheFileThatNamesThem) {
  const Folder folder;
  folder.file("models/mine.json", "{}");
  const std::string main = folder.file(
      "runs/a.toml", std::string(small).replace(small.find("deepseek-v3"), 11, "../models/mine.json"));
  const ScenarioReading reading = read_scenario(main, {});
  ASSERT_TRUE(reading.ok()) << messages(reading);
  EXPECT_EQ(reading.scenario.model.config, (folder.path / "models/mine.json").string());
  // An argument's path starts from where the program runs.
  EXPECT_FALSE(read_scenario(main, std::vector<std::string>{"model.config=../models/mine.json"}).ok());
}

}  // namespace
}  // namespace orrery
