#include "scenarios/validate/small_model.hpp"

#include <gtest/gtest.h>

#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

using reference::Score;
using reference::TrainingRequest;

TrainingRequest request_of(const char* model, const SmallModelSizes& sizes = {}) {
  const Checked<TrainingRequest> request = small_training(built_in(model), sizes, Effort::Whole);
  EXPECT_TRUE(request.ok()) << request.findings.front().problem;
  return request.value;
}

Finding refusal_of(const char* model, const SmallModelSizes& sizes) {
  const Checked<TrainingRequest> request = small_training(built_in(model), sizes, Effort::Whole);
  EXPECT_EQ(request.findings.size(), 1u);
  return request.ok() ? Finding{} : request.findings.front();
}

TEST(SmallModel, ChoosesAsDeepSeekV3DoesAmongFewerExperts) {
  const reference::ModelShape shape = request_of("deepseek-v3").shape;
  ASSERT_TRUE(shape.experts && shape.latent);
  const reference::GateShape& gate = shape.experts->gate;
  EXPECT_EQ(gate.experts, 64);
  EXPECT_EQ(gate.per_token, 6);
  EXPECT_EQ(gate.groups, 8) << "V3's group limit: 4 of 8 groups";
  EXPECT_EQ(gate.groups_per_token, 4);
  EXPECT_EQ(gate.score, Score::Sigmoid);
  EXPECT_TRUE(gate.selection_bias && gate.normalised);
  EXPECT_GT(shape.latent->query_rank, 0) << "queries are compressed";
  EXPECT_FALSE(shape.is_moe.front()) << "the first layers of V3 are dense";
  EXPECT_TRUE(shape.is_moe.back());
  EXPECT_EQ(shape.predict_layers, 1);
}

TEST(SmallModel, TakesOverWhatOtherModelsDoOtherwise) {
  const reference::ModelShape lite = request_of("deepseek-v2-lite").shape;
  EXPECT_EQ(lite.latent->query_rank, 0) << "V2-Lite's queries are not compressed";
  EXPECT_EQ(lite.experts->gate.score, Score::Softmax);
  EXPECT_EQ(lite.experts->gate.groups, 1);
  EXPECT_EQ(lite.predict_layers, 0);
  const reference::ModelShape mixtral = request_of("mixtral-8x7b").shape;
  EXPECT_FALSE(mixtral.latent);
  EXPECT_LT(mixtral.key_value_heads, mixtral.heads) << "grouped queries";
  EXPECT_EQ(mixtral.experts->gate.experts, 8) << "never more than the model has";
  EXPECT_EQ(mixtral.experts->gate.per_token, 2);
  EXPECT_EQ(mixtral.experts->shared_width, 0);
  EXPECT_TRUE(mixtral.is_moe.front());
  EXPECT_FALSE(request_of("llama-3.1-8b").shape.experts);
}

TEST(SmallModel, HoldsOutEnoughTokensToJudgeBalance) {
  EXPECT_GE(request_of("deepseek-v3").held_out_tokens, 32 * 1024);
}

TEST(SmallModel, TheScenariosOwnGateIsItsGate) {
  const Transformer model = built_in("deepseek-v3");
  const auto own = request_of("deepseek-v3", with_own_gate(model, {}));
  EXPECT_TRUE(same_gate(own.shape.experts->gate, *model.experts));
  EXPECT_FALSE(same_gate(request_of("deepseek-v3").shape.experts->gate, *model.experts));
}

TEST(SmallModel, SizesThatDoNotFitTogetherAreRefusedByTheirOption) {
  EXPECT_EQ(refusal_of("deepseek-v3", {.experts = 60}).key, "--experts");
  EXPECT_EQ(refusal_of("deepseek-v3", {.groups_per_token = 9}).key, "--groups-per-token");
  // 8 groups of 2 experts, 4 of them reachable: 8 experts.
  EXPECT_EQ(refusal_of("deepseek-v3", {.experts = 16, .per_token = 9}).key, "--per-token");
  EXPECT_EQ(refusal_of("deepseek-v3", {.hidden = 72}).key, "--hidden");
  EXPECT_EQ(refusal_of("deepseek-v3", {.hidden = 72}).remedy, "80");
  EXPECT_EQ(refusal_of("llama-3.1-8b", {.experts = 8}).key, "--experts") << "a dense model has no gate";
}

}  // namespace
}  // namespace orrery
