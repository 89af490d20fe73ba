#include "models/run/answer_phase.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "scenarios/reading/assemble.hpp"

namespace orrery {
namespace {

void one_by_one(int count, const std::function<void(int)>& job) {
  for (int i = 0; i < count; ++i) job(i);
}

Assembled assembled(const char* scenario, const std::vector<std::string>& sets = {}) {
  Assembled a = assemble(read_scenario(scenario, sets));
  for (const Diagnostic& fault : a.diagnostics) ADD_FAILURE() << fault.problem;
  return a;
}

AnsweredPhase answered(const Assembled& a, std::int64_t steps = 10) {
  return simulate_answers(*a.phases.at(0).answers, a.plan, steps, "1f1b", one_by_one);
}

Seconds part(const AnsweredPhase& phase, std::string_view name) {
  for (const PhasePart& part : phase.parts)
    if (part.name == name) return part.time;
  return Seconds(-1);
}

constexpr const char* fixed = "phase[0].answer_law=fixed";

TEST(Grpo, PartsFollowOneAnotherAndSumToTheStep) {
  const AnsweredPhase phase = answered(assembled("deepseek-v3-grpo", {fixed}), 10);
  Seconds sum{};
  for (const PhasePart& p : phase.parts) {
    EXPECT_GT(p.time, Seconds(0)) << p.name;
    sum += p.time;
  }
  EXPECT_EQ(sum, phase.step);
  EXPECT_DOUBLE_EQ(phase.wall.value(), 10 * sum.value());
  // 10 steps of 32 questions, 16 answers each, 512 + 1,000 tokens.
  EXPECT_EQ(phase.figures.answers, 10 * 32 * 16);
  EXPECT_EQ(phase.figures.mean_tokens, 1000);
  EXPECT_EQ(phase.figures.seen, 1512);
  EXPECT_EQ(phase.tokens, 10 * 32 * 16 * 1512);
}

// Every GPU of an instance receives what it holds through one NIC: bytes over its bandwidth, once in 16
// steps. On 64 GPUs that is 29.8 GB, of which 10.2 are a 64th of the 654 B routed parameters.
TEST(Grpo, WeightsReachTheGeneratorsAtTheSpeedOfTheirNics) {
  const Assembled a = assembled("deepseek-v3-grpo", {fixed});
  const AnsweredPhase phase = answered(a);
  const double bytes = double(instance_memory(a.phases[0].answers->deployment).weights.value());
  EXPECT_NEAR(part(phase, "weights to the generators").value(), bytes / a.plan.nic.achieved.value() / 16,
              1e-12);
  EXPECT_NEAR(bytes, 27.4e9, 10e9);
}

TEST(Grpo, ARewardModelIsOnePassMoreAndRulesAreNone) {
  const AnsweredPhase model = answered(assembled("deepseek-v3-grpo", {fixed}));
  const AnsweredPhase rules = answered(assembled("deepseek-v3-grpo", {fixed, "phase[0].reward=rules"}));
  EXPECT_EQ(part(model, "reward pass"), part(model, "reference pass"));
  EXPECT_EQ(part(rules, "reward pass"), Seconds(-1));
  EXPECT_EQ(part(rules, "policy step"), part(model, "policy step"));
}

// Forward is a third of the multiplications; without backward to hide behind, its all-to-alls are seen.
TEST(Grpo, APassCostsLessThanAPolicyStepOfTheSameTokens) {
  const AnsweredPhase phase =
      answered(assembled("deepseek-v3-grpo", {fixed, "phase[0].rollout_steps=1", "phase[0].prompts=512"}));
  EXPECT_GT(part(phase, "reference pass"), 0.25 * part(phase, "policy step"));
  EXPECT_LT(part(phase, "reference pass"), 0.6 * part(phase, "policy step"));
}

TEST(Grpo, LongerAnswersTakeLongerAndTheirTailMore) {
  Seconds before{};
  for (const char* tokens : {"500", "1000", "2000"}) {
    const AnsweredPhase phase =
        answered(assembled("deepseek-v3-grpo", {"phase[0].answer_tokens=" + std::string(tokens)}));
    EXPECT_GT(phase.step, before);
    before = phase.step;
  }
  // Equal answers all end together; of exponential ones half have ended after ln 2 of the mean.
  EXPECT_EQ(answered(assembled("deepseek-v3-grpo", {fixed})).figures.after_half, 0);
  EXPECT_GT(answered(assembled("deepseek-v3-grpo")).figures.after_half, 0.5);
}

// 4 instances of 128 GPUs with 8 places each: 5 turns of 8 answers for 20,000, 20 for four times as many.
TEST(Answers, AskForAsManyMoreAsAreThrownAway) {
  const std::vector<std::string> small{"phase[0].instances=20000", "phase[0].answer_tokens=500", fixed,
                                       "generation.sequences=8"};
  std::vector<std::string> half = small, all = small;
  half.push_back("phase[0].kept=25 %"), all.push_back("phase[0].kept=100 %");
  const AnsweredPhase a = answered(assembled("deepseek-r1-data", half)),
                      b = answered(assembled("deepseek-r1-data", all));
  EXPECT_EQ(a.figures.answers, 80'000);
  EXPECT_EQ(b.figures.answers, 20'000);
  EXPECT_NEAR(part(a, generating_part) / part(b, generating_part), 4, 0.15);
  EXPECT_EQ(a.step, Seconds(0));
}

TEST(CheckAnswerPhase, SaysWhatDoesNotFit) {
  const auto problems = [](std::vector<std::string> sets) {
    std::string all;
    for (const Diagnostic& d : assemble(read_scenario("deepseek-v3-grpo", sets)).diagnostics)
      all += d.problem + "\n";
    return all;
  };
  EXPECT_EQ(problems({}), "");
  EXPECT_NE(problems({"phase[0].answer_limit=4096"})
                .find("an answer of 4096 tokens and its prompt do not fit a training sequence of 4096"),
            std::string::npos);
  EXPECT_NE(problems({"phase[0].prompts=1000000", "phase[0].group=1000"})
                .find("a rollout of more than 10 million answers"),
            std::string::npos);
  EXPECT_NE(problems({"generation.nodes=3"}).find("generation: "), std::string::npos);
  EXPECT_NE(problems({"generation.nodes=12"}).find("generation: "), std::string::npos);
  EXPECT_NE(problems({"generation.kernels=cublas_h100"}).find("no kernels that were measured generating"),
            std::string::npos);
  EXPECT_NE(problems({"generation.nodes=16", "cluster.nodes=40", "plan.pipeline=5", "plan.expert=64",
                      "plan.global_batch=64"})
                .find("instances of 16 nodes do not divide the cluster's 40"),
            std::string::npos);
}

TEST(PackedSamples, AreTheNearestNumberThatDividesTheSequence) {
  EXPECT_EQ(packed_samples(4096, 1, 4096), 1);
  EXPECT_EQ(packed_samples(4096, 1, 10'000), 1);
  EXPECT_EQ(packed_samples(32768, 8, 16'000), 2);
  EXPECT_EQ(packed_samples(32768, 8, 2000), 16);
  EXPECT_EQ(packed_samples(3000, 1, 1000), 3);
  EXPECT_EQ(packed_samples(7, 1, 2), 7) << "7 is twice 3.5, 1 less than a third of it";
}

}  // namespace
}  // namespace orrery
