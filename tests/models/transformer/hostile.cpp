#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/models/transformer/built_in.hpp"

namespace orrery {
namespace {

using nlohmann::json;

Findings findings_of(const std::string& text) { return read_transformer(text, "test").findings; }

/// Whatever reads without a finding must count without overflow.
void expect_sane(const Checked<Transformer>& read) {
  if (!read.ok()) return;
  const ParameterCount count = count_parameters(read.value);
  EXPECT_GT(count.activated_no_embedding, 0);
  EXPECT_LE(count.activated_no_embedding, count.activated);
  EXPECT_LE(count.activated, count.total);
  EXPECT_LT(count.total, 2e15);
  EXPECT_GT(kv_cache_bytes_per_token(read.value).value(), 0);
  EXPECT_TRUE(std::isfinite(training_flops_per_token(read.value, 4096, AttentionCount::Full).value()));
  EXPECT_EQ(int(read.value.is_moe.size()), read.value.layers);
}

TEST(HostileConfig, CutAtAnyByteIsAFindingWithItsPlace) {
  for (const auto name : built_in_names) {
    std::string text = built_in_text(name);
    while (text.back() != '}') text.pop_back();
    for (std::size_t length = 0; length < text.size(); ++length) {
      const Findings findings = findings_of(text.substr(0, length));
      ASSERT_EQ(findings.size(), 1u) << name << " cut at " << length;
      ASSERT_NE(findings[0].problem.find("ends too early, at line "), std::string::npos)
          << findings[0].problem;
      ASSERT_NE(findings[0].problem.find("(byte " + std::to_string(length) + ")"), std::string::npos)
          << findings[0].problem << " cut at " << length;
    }
  }
}

TEST(HostileConfig, WithRandomBytesChangedNeverStopsTheProgram) {
  std::mt19937_64 random(671026419200);
  int accepted = 0, refused = 0;
  for (const auto name : built_in_names) {
    const std::string text = built_in_text(name);
    for (int round = 0; round < 1500; ++round) {
      std::string changed = text;
      for (auto edits = 1 + random() % 4; edits > 0; --edits) {
        const std::size_t at = random() % changed.size();
        constexpr std::string_view likely = "0123456789.-+eE\"{}[]:, ntf";
        const char byte = random() % 2 ? likely[random() % likely.size()] : char(random());
        switch (random() % 3) {
          case 0:
            changed[at] = byte;
            break;
          case 1:
            changed.insert(at, 1, byte);
            break;
          default:
            changed.erase(at, 1 + random() % 8);
            break;
        }
      }
      const auto read = read_transformer(changed, name);
      expect_sane(read);
      ++(read.ok() ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 1000);  // Else the changes never reach the keys.
  EXPECT_GT(refused, 1000);
}

const json hostile_values[] = {-1,
                               0,
                               1,
                               2.5,
                               1e30,
                               -1e300,
                               2147483648LL,
                               18446744073709551615ULL,
                               "",
                               "128",
                               true,
                               false,
                               json::array(),
                               json::object(),
                               json::array({1, 2}),
                               json::array({"full_attention"}),
                               json::array({-1}),
                               json::object({{"a", 1}}),
                               nullptr};

TEST(HostileConfig, WithAnyKeyReplacedByAnyValueNeverStopsTheProgram) {
  for (const auto name : built_in_names) {
    const json config = json::parse(built_in_text(name));
    for (const auto& [key, old] : config.items()) {
      for (const json& value : hostile_values) {
        json changed = config;
        changed[key] = value;
        expect_sane(read_transformer(changed.dump(), name));
        for (const auto& [other, unused] : config.items()) {
          if (value != hostile_values[0]) break;
          changed[other] = 1e30;  // Two at a time, once.
          expect_sane(read_transformer(changed.dump(), name));
          changed[other] = unused;
        }
      }
    }
  }
}

struct Case {
  const char* name;
  const char* key;
  json value;
  const char* blamed;
};
const Case cases[] = {
    {"llama-3.1-8b", "hidden_size", nullptr, "hidden_size"},
    {"llama-3.1-8b", "hidden_size", "4096", "hidden_size"},
    {"llama-3.1-8b", "hidden_size", -4096, "hidden_size"},
    {"llama-3.1-8b", "hidden_size", 4096.5, "hidden_size"},
    {"llama-3.1-8b", "hidden_size", 1e30, "hidden_size"},
    {"llama-3.1-8b", "num_hidden_layers", 0, "num_hidden_layers"},
    {"llama-3.1-8b", "num_hidden_layers", 10001, "num_hidden_layers"},
    {"llama-3.1-8b", "num_hidden_layers", true, "num_hidden_layers"},
    {"llama-3.1-8b", "num_attention_heads", 33, "num_attention_heads"},
    {"llama-3.1-8b", "num_key_value_heads", 7, "num_key_value_heads"},
    {"llama-3.1-8b", "num_key_value_heads", 0, "num_key_value_heads"},
    {"llama-3.1-8b", "intermediate_size", nullptr, "intermediate_size"},
    {"llama-3.1-8b", "vocab_size", nullptr, "vocab_size"},
    {"llama-3.1-8b", "vocab_size", json::array({128256}), "vocab_size"},
    {"llama-3.1-8b", "tie_word_embeddings", "no", "tie_word_embeddings"},
    {"llama-3.1-8b", "mlp_bias", true, "mlp_bias"},
    {"llama-3.1-8b", "n_layers", 31, "n_layers"},
    {"llama-3.1-8b", "model_type", 3, "model_type"},
    {"llama-3.1-8b", "sliding_window", 4096, "sliding_window"},
    {"llama-3.1-8b", "layer_types", json(32, "sliding_attention"), "layer_types"},
    {"llama-3.1-8b", "layer_types", json(31, "full_attention"), "layer_types"},
    {"llama-3.1-8b", "hybrid_override_pattern", "M-M*", "hybrid_override_pattern"},
    {"llama-3.1-8b", "compress_ratios", json::array({4, 128}), "compress_ratios"},
    {"llama-3.1-8b", "full_attention_interval", 4, "full_attention_interval"},
    {"llama-3.1-8b", "is_encoder_decoder", true, "is_encoder_decoder"},
    {"deepseek-v3", "num_experts_per_tok", 257, "num_experts_per_tok"},
    {"deepseek-v3", "num_experts_per_tok", nullptr, "num_experts_per_tok"},
    {"deepseek-v3", "n_group", 7, "n_group"},
    {"deepseek-v3", "topk_group", 9, "topk_group"},
    {"deepseek-v3", "topk_group", nullptr, "topk_group"},
    {"deepseek-v3", "first_k_dense_replace", 62, "first_k_dense_replace"},
    {"deepseek-v3", "moe_layer_freq", json::array({0, 1}), "moe_layer_freq"},
    {"deepseek-v3", "moe_layer_freq", 0, "moe_layer_freq"},
    {"deepseek-v3", "scoring_func", "sqrtsoftplus", "scoring_func"},
    {"deepseek-v3", "topk_method", "best", "topk_method"},
    {"deepseek-v3", "kv_lora_rank", -1, "kv_lora_rank"},
    {"deepseek-v3", "v_head_dim", nullptr, "v_head_dim"},
    {"deepseek-v3", "attention_bias", true, "attention_bias"},
    {"deepseek-v3", "n_routed_experts", -256, "n_routed_experts"},
    {"deepseek-v3", "num_nextn_predict_layers", 99, "num_nextn_predict_layers"},
    {"deepseek-v3", "intermediate_size", nullptr, "intermediate_size"},
    {"deepseek-v3", "num_experts", 128, "num_experts"},
    {"deepseek-v2", "topk_group", 9, "topk_group"},
    {"qwen3-235b-a22b", "mlp_only_layers", json::array({94}), "mlp_only_layers"},
    {"qwen3-235b-a22b", "mlp_layer_types", json(94, "wide"), "mlp_layer_types"},
    {"gpt-3-175b", "n_positions", nullptr, ""},
    {"gpt-3-175b", "n_head", 97, "n_head"},
};
TEST(HostileConfig, IsAnsweredWithAFindingThatNamesTheKey) {
  for (const auto& [name, key, value, blamed] : cases) {
    json config = json::parse(built_in_text(name));
    config[key] = value;
    const Findings findings = findings_of(config.dump());
    if (std::string_view(blamed).empty()) {  // n_ctx says the same, so nothing is missing.
      EXPECT_TRUE(findings.empty()) << key;
      continue;
    }
    ASSERT_FALSE(findings.empty()) << name << ": " << key << " = " << value;
    EXPECT_EQ(findings[0].key, blamed) << key << " = " << value << ": " << findings[0].problem;
    EXPECT_FALSE(findings[0].problem.empty() || findings[0].remedy.empty()) << key;
  }
}

TEST(HostileConfig, ReportsAllFindingsOfAFileAtOnce) {
  json config = json::parse(built_in_text("deepseek-v3"));
  config["vocab_size"] = 0;
  config["kv_lora_rank"] = "512";
  config["scoring_func"] = "none";
  EXPECT_EQ(findings_of(config.dump()).size(), 3u);
}

TEST(HostileConfig, OfTheWrongKindOfTextIsAFinding) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const std::string huge(std::size_t(5) << 20, ' ');
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("3"), std::string("null"), std::string("{}"),
        std::string("{\"hidden_size\": 1e999}"), std::string("\xff\xfe{}", 4), deep, huge,
        std::string("\0", 1), std::string("{} {}")}) {
    EXPECT_FALSE(findings_of(text).empty()) << text.substr(0, 40);
  }
  EXPECT_EQ(findings_of(R"({"hidden_size": 1, "hidden_size": 2})").at(0).key, "\"hidden_size\"");
  const Findings comma = findings_of("{\n  \"hidden_size\": 4096\n  \"vocab_size\": 7\n}");
  EXPECT_NE(comma.at(0).problem.find("line 3, column "), std::string::npos) << comma.at(0).problem;
}

TEST(HostileConfig, ThatMultipliesToAnAbsurdSizeIsRefusedBeforeAnythingOverflows) {
  json config = json::parse(built_in_text("deepseek-v3"));
  config["num_hidden_layers"] = 10'000;
  config["n_routed_experts"] = 65'536;
  config["hidden_size"] = 1 << 20;
  config["moe_intermediate_size"] = 1 << 20;
  const Findings findings = findings_of(config.dump());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].problem.find("10^15"), std::string::npos);
}

}  // namespace
}  // namespace orrery
