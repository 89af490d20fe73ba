#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/models/transformer/built_in.hpp"

namespace orrery {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

Checked<Transformer> read(const json& config) { return read_transformer(config.dump(), "test"); }

json llama() { return json::parse(built_in_text("llama-3.1-8b")); }
json deepseek() { return json::parse(built_in_text("deepseek-v3")); }

std::string listing(const Findings& findings) {
  std::string all;
  for (const auto& finding : findings)
    all += finding.key + ": " + finding.problem + " (" + finding.remedy + ")\n";
  return all;
}

TEST(Import, UnderstandsDeepSeeksNativeNames) {
  // deepseek-ai/DeepSeek-V3, inference/configs/config_671B.json.
  const auto native =
      read_transformer(R"({"vocab_size": 129280, "dim": 7168, "inter_dim": 18432, "moe_inter_dim": 2048,
      "n_layers": 61, "n_dense_layers": 3, "n_heads": 128, "n_routed_experts": 256, "n_shared_experts": 1,
      "n_activated_experts": 8, "n_expert_groups": 8, "n_limited_groups": 4, "route_scale": 2.5,
      "score_func": "sigmoid", "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
      "qk_rope_head_dim": 64, "v_head_dim": 128, "dtype": "fp8"})",
                       "native");
  ASSERT_TRUE(native.ok()) << listing(native.findings);
  EXPECT_THAT(native.value.warnings, IsEmpty());
  EXPECT_EQ(count_parameters(native.value).total, 671'026'419'200);
  EXPECT_EQ(native.value.experts->groups, 8);
  EXPECT_EQ(native.value.experts->groups_per_token, 4);

  // Same place, config_16B.json: a rank of 0 means that queries are not compressed.
  const auto lite =
      read_transformer(R"({"vocab_size": 102400, "dim": 2048, "inter_dim": 10944, "moe_inter_dim": 1408,
      "n_layers": 27, "n_dense_layers": 1, "n_heads": 16, "n_routed_experts": 64, "n_shared_experts": 2,
      "n_activated_experts": 6, "route_scale": 1.0, "q_lora_rank": 0, "kv_lora_rank": 512,
      "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "mscale": 0.707})",
                       "lite");
  ASSERT_TRUE(lite.ok()) << listing(lite.findings);
  EXPECT_EQ(count_parameters(lite.value).total, 15'706'484'224);
}

TEST(Import, ReadsTheRouterOfEachDeepSeek) {
  const Transformer v3 = built_in("deepseek-v3"), v2 = built_in("deepseek-v2"),
                    lite = built_in("deepseek-v2-lite");
  EXPECT_TRUE(v3.experts->sigmoid && v3.experts->selection_bias);
  EXPECT_FALSE(v2.experts->sigmoid || v2.experts->selection_bias);
  EXPECT_EQ(v2.experts->groups, 8);
  EXPECT_EQ(v2.experts->groups_per_token, 3);
  EXPECT_EQ(lite.experts->groups, 1);
  EXPECT_EQ(lite.latent->query_rank, 0);
  EXPECT_EQ(v2.experts->shared_width, 2 * 1536);
  EXPECT_EQ(std::count(v3.is_moe.begin(), v3.is_moe.end(), false), 3);
  EXPECT_FALSE(v3.is_moe[2]);
  EXPECT_TRUE(v3.is_moe[3]);
}

TEST(Import, ReadsTheLanguagePartOfAMultimodalFile) {
  // The shape of Qwen3-VL-235B-A22B's file: one key of the language model lies outside of it.
  json text = json::parse(built_in_text("qwen3-235b-a22b"));
  text.erase("tie_word_embeddings");
  text["model_type"] = "qwen3_vl_moe_text";
  const json config{{"architectures", {"Qwen3VLMoeForConditionalGeneration"}},
                    {"model_type", "qwen3_vl_moe"},
                    {"text_config", text},
                    {"tie_word_embeddings", false},
                    {"vision_config", {{"depth", 27}, {"hidden_size", 1152}}}};
  const auto model = read(config);
  ASSERT_TRUE(model.ok()) << listing(model.findings);
  EXPECT_EQ(count_parameters(model.value).total, 235'093'634'560);
  EXPECT_THAT(model.value.warnings, Contains(HasSubstr("text_config")));

  json broken = config;
  broken["text_config"]["hidden_size"] = -4;
  EXPECT_EQ(read(broken).findings.at(0).key, "text_config.hidden_size");
}

TEST(Import, TakesNullAsAbsentAndWholeFloatsAsIntegers) {
  json config = llama();
  config["hidden_size"] = 4096.0;
  config["head_dim"] = nullptr;
  config["num_experts"] = nullptr;
  config["sliding_window"] = nullptr;
  const auto model = read(config);
  ASSERT_TRUE(model.ok()) << listing(model.findings);
  EXPECT_EQ(model.value.head_dim, 128);
  EXPECT_EQ(count_parameters(model.value).total, 8'030'261'248);
}

TEST(Import, TakesTheHeadDimensionFromTheFileWhereItIsNotTheQuotient) {
  const Transformer qwen = built_in("qwen3-235b-a22b");
  EXPECT_EQ(qwen.head_dim, 128);  // 4096 / 64 is 64.
}

TEST(Import, ReadsGpt2NamesAndTheirDefaults) {
  const Transformer model = built_in("gpt-22b");
  EXPECT_EQ(model.layers, 48);
  EXPECT_EQ(model.hidden, 6144);
  EXPECT_EQ(model.heads, 64);
  EXPECT_EQ(model.dense_width, 4 * 6144);  // n_inner is null.
  EXPECT_TRUE(model.tied_embedding && model.learned_positions && model.all_bias && model.layer_norm_bias);
  EXPECT_FALSE(model.gated);
}

TEST(Import, KnowsEveryRuleForWhichLayersHoldExperts) {
  json config = json::parse(built_in_text("qwen3-235b-a22b"));
  config["num_hidden_layers"] = 6;
  const auto pattern = [&](const char* key, const json& value) {
    json changed = config;
    changed[key] = value;
    const auto model = read(changed);
    EXPECT_TRUE(model.ok()) << listing(model.findings);
    std::string text;
    for (const bool moe : model.value.is_moe) text += moe ? 'm' : '-';
    return text;
  };
  EXPECT_EQ(pattern("decoder_sparse_step", 1), "mmmmmm");
  EXPECT_EQ(pattern("decoder_sparse_step", 2), "-m-m-m");  // Qwen: (i + 1) % step == 0.
  EXPECT_EQ(pattern("interleave_moe_layer_step", 3), "--m--m");
  EXPECT_EQ(pattern("mlp_only_layers", {0, 4}), "-mmm-m");
  EXPECT_EQ(pattern("first_k_dense_replace", 2), "--mmmm");
  EXPECT_EQ(pattern("moe_layer_freq", 2), "m-m-m-");  // DeepSeek: i % freq == 0.
  EXPECT_EQ(pattern("moe_layer_freq", {0, 1, 1, 0, 1, 1}), "-mm-mm");
  EXPECT_EQ(pattern("mlp_layer_types", {"dense", "sparse", "dense", "sparse", "sparse", "sparse"}), "-m-mmm");
  EXPECT_EQ(pattern("layer_types", json(6, "full_attention")), "mmmmmm");
}

TEST(Import, ReadsSharedExpertsOfQwensKind) {
  // Qwen2-57B-A14B: 28 layers, 64 experts of 2560, a gated shared one of 20480; 57.41 B by its card.
  const auto model = read({{"model_type", "qwen2_moe"},
                           {"hidden_size", 3584},
                           {"num_hidden_layers", 28},
                           {"num_attention_heads", 28},
                           {"num_key_value_heads", 4},
                           {"intermediate_size", 18944},
                           {"num_experts", 64},
                           {"num_experts_per_tok", 8},
                           {"moe_intermediate_size", 2560},
                           {"shared_expert_intermediate_size", 20480},
                           {"decoder_sparse_step", 1},
                           {"tie_word_embeddings", false},
                           {"vocab_size", 151936}});
  ASSERT_TRUE(model.ok()) << listing(model.findings);
  EXPECT_TRUE(model.value.experts->shared_gate && model.value.qkv_bias);
  EXPECT_NEAR(double(count_parameters(model.value).total), 57.41e9, 0.01e9);
}

TEST(Import, AcceptsAnUnknownModelTypeWithAWarningWhenTheKeysAreUnderstood) {
  json config = llama();
  config["model_type"] = "someones_llama";
  const auto model = read(config);
  ASSERT_TRUE(model.ok()) << listing(model.findings);
  EXPECT_THAT(model.value.warnings, Contains(HasSubstr("someones_llama")));

  config["hidden_act"] = "gelu";  // Two matrices or three? Nobody says.
  const auto refused = read(config);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.findings[0].key, "hidden_act");
}

TEST(Import, WarnsOfKeysThatItDoesNotKnow) {
  json config = llama();
  config["frobnication_factor"] = 3;
  const auto model = read(config);
  ASSERT_TRUE(model.ok());
  EXPECT_THAT(model.value.warnings, Contains(HasSubstr("frobnication_factor")));

  json sparse = deepseek();  // DeepSeek-V3.2's indexer.
  sparse["index_topk"] = 2048;
  EXPECT_THAT(read(sparse).value.warnings, Contains(HasSubstr("index_topk")));
}

TEST(Import, IgnoresAWindowThatIsOffOrAsLongAsEverySequence) {
  json config = llama();
  config["sliding_window"] = 4096;
  config["use_sliding_window"] = false;
  EXPECT_TRUE(read(config).ok());
  config.erase("use_sliding_window");
  EXPECT_FALSE(read(config).ok());
  config["sliding_window"] = 131072;
  EXPECT_TRUE(read(config).ok());
}

}  // namespace
}  // namespace orrery
