#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

constexpr const char* quick =
    " --set phase[0].rollout_steps=2 --set phase[0].answer_law=uniform --set phase[0].answer_tokens=300";

Json run(const ScratchFolder& scratch, const std::string& arguments) {
  const Outcome outcome = orrery(scratch.path(), "run " + arguments + " --json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return Json::parse(outcome.out);
}

TEST(Answers, APolicyStepIsTheSumOfItsPartsInEveryFile) {
  const ScratchFolder scratch;
  const Json summary = run(scratch, std::string("deepseek-v3-grpo -o r") + quick);
  const Json& phase = summary.at("phases")[0];
  double sum = 0;
  for (const Json& part : phase.at("parts")) sum += part.at("time_s").get<double>();
  EXPECT_DOUBLE_EQ(sum, phase.at("step_time_s").get<double>());
  // 400 steps on 512 GPUs.
  EXPECT_NEAR(phase.at("gpu_hours").get<double>(), 400 * sum * 512 / 3600, 1e-6);
  EXPECT_EQ(phase.at("answers").at("count"), 400 * 512);
  double shares = 0;
  for (const char* key : {"core_share", "experts_share", "other_share", "exposed_share", "host_share"})
    shares += phase.at("answers").at(key).get<double>();
  EXPECT_NEAR(shares, 1, 1e-9);
  const std::string csv = bytes_of(scratch.path() / "r/answered.csv");
  EXPECT_THAT(csv, HasSubstr("grpo,generating answers,"));
  EXPECT_THAT(bytes_of(scratch.path() / "r/summary.txt"), HasSubstr("grpo: a policy step"));
}

TEST(Answers, AreTheSameAtAnyThreadCount) {
  const ScratchFolder scratch;
  run(scratch, std::string("deepseek-v3-grpo -j 1 -o one") + quick);
  run(scratch, std::string("deepseek-v3-grpo -j 4 -o four") + quick);
  for (const char* file : {"summary.json", "answered.csv", "results.h5"})
    EXPECT_EQ(bytes_of(scratch.path() / "one" / file), bytes_of(scratch.path() / "four" / file)) << file;
}

// Lengths as they are without answer_tokens, and scaled to it with: 100 and 300 have the mean 200.
TEST(Answers, TakeMeasuredLengthsFromAFile) {
  const ScratchFolder scratch;
  put(scratch.path() / "lengths.txt", "# measured\n100\n300\n");
  put(scratch.path() / "mine.toml",
      "include = [\"deepseek-v3-grpo\"]\n[[phase]]\nname = \"x\"\nmethod = \"grpo\"\nsteps = 5\nprompts = "
      "32\n"
      "group = 16\nprompt_tokens = \"100\"\nanswer_lengths = \"lengths.txt\"\n");
  const Json plain = run(scratch, "mine.toml -o a").at("phases")[0].at("answers");
  EXPECT_EQ(plain.at("longest_tokens"), 300);
  EXPECT_NEAR(plain.at("mean_tokens").get<double>(), 200, 10);
  const Json scaled =
      run(scratch, "mine.toml -o b --set phase[0].answer_tokens=1000").at("phases")[0].at("answers");
  EXPECT_EQ(scaled.at("longest_tokens"), 1500);
  put(scratch.path() / "lengths.txt", "100\nlong\n");
  const Outcome refused = orrery(scratch.path(), "run mine.toml");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("lengths.txt: line 2: 'long' is not a number of tokens"));
  EXPECT_THAT(refused.err, HasSubstr("mine.toml:9"));
}

TEST(Answers, DataThatIsOnlyGeneratedShowsNoTrainingStep) {
  const ScratchFolder scratch;
  const Outcome outcome = orrery(scratch.path(), "run deepseek-r1-data -o r --set phase[0].instances=2000");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("data: the whole phase"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("Where the step goes")));
}

TEST(Answers, SweepsSimulateThemAndPlanAndAblateRefuseThem) {
  const ScratchFolder scratch;
  const Outcome swept =
      orrery(scratch.path(),
             std::string("sweep deepseek-v3-grpo --json -o s --vary phase[0].steps=100,200") + quick);
  ASSERT_EQ(swept.code, 0) << swept.err;
  const Json points = Json::parse(swept.out).at("points");
  ASSERT_EQ(points.size(), 2u);
  const double a = points[0].at("gpu_hours").get<double>(), b = points[1].at("gpu_hours").get<double>();
  EXPECT_NEAR(std::max(a, b) / std::min(a, b), 2, 1e-9);
  for (const char* verb : {"plan", "ablate"}) {
    const Outcome refused = orrery(scratch.path(), std::string(verb) + " deepseek-v3-grpo");
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("weighs training steps; in phase \"grpo\" the model answers"));
    EXPECT_THAT(refused.err, HasSubstr("method = \"grpo\""));
  }
}

TEST(Answers, WrongRequestsAreMetWithTheirPlace) {
  const ScratchFolder scratch;
  const auto refused = [&](const std::string& sets) {
    const Outcome outcome = orrery(scratch.path(), "run deepseek-v3-grpo " + sets);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    return outcome.err;
  };
  EXPECT_THAT(refused("--set generation.nodes=12"), HasSubstr("generation: "));
  EXPECT_THAT(refused("--set phase[0].method=gpro"), HasSubstr("grpo"));
  EXPECT_THAT(refused("--set phase[0].answer_limit=9000"),
              HasSubstr("an answer of 9000 tokens and its prompt do not fit a training sequence of 4096"));
  EXPECT_THAT(refused("--set generation.kernels=dualpipe_trace"),
              HasSubstr("no kernels that were measured generating"));
  EXPECT_THAT(refused("--set generation.nodes=1"), HasSubstr("the cache has room for 0 tokens"));
}

}  // namespace
}  // namespace orrery
