#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

#include "tests/models/transformer/built_in.hpp"

namespace orrery {
namespace {

TEST(BuiltInModels, AreTheFilesInTheFolderAndReadWithoutFindingOrWarning) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(ORRERY_SOURCE "/models/transformer/configs")) {
    files.insert(entry.path().stem().string());
  }
  EXPECT_EQ(files, std::set<std::string>(built_in_names.begin(), built_in_names.end()));
  for (const auto name : built_in_names) {
    const auto read = read_transformer(built_in_text(name), name);
    for (const auto& finding : read.findings)
      ADD_FAILURE() << name << ": " << finding.key << ": " << finding.problem;
    for (const auto& warning : read.value.warnings) ADD_FAILURE() << name << ": " << warning;
    EXPECT_EQ(read.value.name, name);
  }
}

/// Totals and activated counts (embedding and head counted) worked out by hand from the keys alone.
struct Exact {
  const char* name;
  std::int64_t total, activated;
};
constexpr Exact exact[] = {
    {"deepseek-v3", 671'026'419'200, 37'552'297'472},   {"deepseek-v2", 235'741'434'880, 21'375'800'320},
    {"kimi-k2", 1'026'408'232'448, 32'861'500'928},     {"mixtral-8x7b", 46'702'792'704, 12'879'925'248},
    {"mixtral-8x22b", 140'620'634'112, 39'152'031'744}, {"llama-3.1-8b", 8'030'261'248, 8'030'261'248},
    {"llama-3.1-70b", 70'553'706'496, 70'553'706'496},  {"llama-3.1-405b", 405'853'388'800, 405'853'388'800},
    {"qwen2.5-72b", 72'706'203'648, 72'706'203'648},
};
TEST(ParameterCount, MatchesTheKnownTotalsToTheLastDigit) {
  for (const auto& [name, total, activated] : exact) {
    const ParameterCount count = count_parameters(built_in(name));
    EXPECT_EQ(count.total, total) << name;
    EXPECT_EQ(count.activated, activated) << name;
  }
  EXPECT_EQ(count_parameters(built_in("deepseek-v2-lite")).total, 15'706'484'224);
  const ParameterCount qwen = count_parameters(built_in("qwen3-235b-a22b"));
  EXPECT_EQ(qwen.total, 235'093'634'560);
  EXPECT_NEAR(double(qwen.activated), 22.19e9, 0.005e9);
}

/// What the vendor prints, and the smallest unit of that print.
struct Published {
  const char* name;
  double billions, error_percent;
  const char* source;
};
constexpr Published published[] = {
    {"deepseek-67b", 67.4, 0.1, "DeepSeek LLM, arXiv 2401.02954: 67B; 67.4B by its sizes"},
    {"deepseek-v2-lite", 15.7, 0.1, "DeepSeek-V2, arXiv 2405.04434, appendix B"},
    {"qwen2.5-72b", 72.7, 0.1, "Qwen2.5-72B model card"},
    {"mixtral-8x7b", 46.7, 0.1, "Mistral AI, Mixtral of experts"},
    {"gpt-3-175b", 174.6, 0.1, "Brown et al., arXiv 2005.14165, table D.1: 174,600 M"},
    {"megatron-1t", 1008.0, 0.1, "Narayanan et al., SC21, arXiv 2104.04473, table 1"},
    {"gpt-22b", 22.0, 0.5, "Korthikanti et al., arXiv 2205.05198, table 3: 22B"},
    {"gpt-1.5b", 1.5, 3.3, "Qi et al., arXiv 2401.10241, table 3: two digits"},
    {"gpt-6.2b", 6.2, 0.8, "same"},
    {"gpt-14.6b", 14.6, 0.35, "same: three digits"},
};
TEST(ParameterCount, IsCloseToWhatTheVendorsPublish) {
  for (const auto& row : published) {
    const double total = double(count_parameters(built_in(row.name)).total) * 1e-9;
    const double error = 100 * (total / row.billions - 1);
    std::printf("%-18s %9.3f B, published %7.1f B: %+.3f %% (%s)\n", row.name, total, row.billions, error,
                row.source);
    EXPECT_LE(std::abs(error), row.error_percent) << row.name;
  }
}

TEST(ParameterCount, OfDeepSeekV3HasThePublishedParts) {
  const Transformer model = built_in("deepseek-v3");
  // q side 48,760,320 + kv_a 4,129,280 + kv_b 16,777,216 + o 117,440,512.
  EXPECT_EQ(attention_parameters(model), 187'107'328);
  EXPECT_EQ(dense_ffn_parameters(model), 3 * 7168 * 18432);
  EXPECT_EQ(expert_parameters(model), 3 * 7168 * 2048);
  EXPECT_EQ(router_parameters(model), 256 * 7168 + 256);
  EXPECT_EQ(moe_shared_parameters(model), 3 * 7168 * 2048 + 256 * 7168 + 256);
  const ParameterCount count = count_parameters(model);
  // 2*7168*7168 + 187,107,328 + 2*7168 + 257 * 44,040,192 + 1,835,264 + 3*7168.
  EXPECT_EQ(count.predict_own, 11'610'068'224);
  EXPECT_EQ(count.routed_experts, 58LL * 256 * 44'040'192);
  EXPECT_EQ(count.embedding, 129280LL * 7168);
  EXPECT_EQ(count.activated_no_embedding, count.activated - count.embedding);
}

TEST(ParameterCount, OfATiedModelCountsItsOneTableAsTheHead) {
  const Transformer model = built_in("gpt-3-175b");
  const ParameterCount count = count_parameters(model);
  const std::int64_t d = 12288;
  // Narayanan et al., SC21, equation 2: 12*l*d^2 + 13*l*d + (V + s)*d; and the last norm's two vectors.
  EXPECT_EQ(count.total, 12 * 96 * d * d + 13 * 96 * d + (50257 + 2048) * d + 2 * d);
  EXPECT_EQ(count.activated_no_embedding, count.total - 2048 * d);
}

TEST(KeyValueCache, IsThatOfIscaTable1) {
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("deepseek-v3")), Bytes(70'272));      // 2 * 61 * (512 + 64)
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("qwen2.5-72b")), Bytes(327'680));     // 2 * 80 * 2 * 8 * 128
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("llama-3.1-405b")), Bytes(516'096));  // 2 * 126 * 2 * 8 * 128
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("deepseek-v2")), Bytes(69'120));
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("deepseek-v2-lite")), Bytes(31'104));
  EXPECT_EQ(kv_cache_bytes_per_token(built_in("deepseek-67b")), Bytes(389'120));
}

}  // namespace
}  // namespace orrery
