#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

// V2-Lite on 32 GPUs over four nodes: latent attention, FP8, DualPipe, recompute and a multi-plane tree; its gate has
// neither groups nor a bias, and its six experts a token are no multiple of four.
TEST(Ablate, EachRemovalIsTheScenarioThatHasItNot) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome outcome = orrery(scratch.path(), "ablate small.toml --json -o a");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json ablation = Json::parse(outcome.out);
  const Json& alone = ablation.at("alone");
  const auto run = [&](const std::string& sets) {
    const Outcome of = orrery(scratch.path(), "run small.toml --json -o r --set simulation.memory=report " + sets);
    EXPECT_EQ(of.code, 0) << of.err;
    return Json::parse(of.out).at("step").at("time_s");
  };
  const std::map<std::string, std::string> same{{"fp8", "--set plan.precision=bf16"},
                                                {"overlap", "--set plan.overlap=exposed"},
                                                {"bidirectional", "--set plan.schedule=1f1b"},
                                                {"recompute", "--set plan.recompute=none"},
                                                {"dispatch", "--set plan.dispatch=rank"},
                                                {"multi_plane", "--set cluster.topology=multi-rail-fat-tree"}};
  EXPECT_EQ(ablation.at("base").at("step_s"), run(""));
  std::size_t met = 0;
  for (const Json& row : alone) {
    const auto found = same.find(row.at("without").get<std::string>());
    if (found == same.end()) continue;
    EXPECT_EQ(row.at("step_s"), run(found->second)) << row.at("without");
    ++met;
  }
  EXPECT_EQ(met, same.size());
  // The first of the waterfall is the first alone; every step is the one before and what it adds.
  EXPECT_EQ(ablation.at("cumulative")[0].at("step_s"), alone[0].at("step_s"));
  EXPECT_THAT(ablation.at("left_out").dump(), HasSubstr("node_limit: the plan has none"));
  EXPECT_TRUE(ablation.contains("dense"));
  for (const char* file : {"ablation.csv", "waterfall.csv", "ablate.txt", "results.h5"})
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "a" / file)) << file;
}

// A token with experts on several GPUs of a node crosses the network once for it, or once for each of them.
TEST(Ablate, ACopyForEveryRankIsMoreThanOneForEveryNode) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Json ablation = Json::parse(orrery(scratch.path(), "ablate small.toml --only dispatch --json -o a").out);
  const Json &base = ablation.at("base"), &row = ablation.at("alone")[0];
  EXPECT_GT(row.at("nodes_per_token").get<double>(), 1.5 * base.at("nodes_per_token").get<double>());
  EXPECT_GT(row.at("step_s").get<double>(), base.at("step_s").get<double>());
}

TEST(Ablate, AWrongNameIsMetWithTheNearest) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome outcome = orrery(scratch.path(), "ablate small.toml --only fp9");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'fp8'"));
}

}  // namespace
}  // namespace orrery
