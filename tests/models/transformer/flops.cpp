#include <gtest/gtest.h>

#include <cstdio>

#include "tests/models/transformer/built_in.hpp"

namespace orrery {
namespace {

double giga(const Transformer& model, int sequence, AttentionCount count) {
  return training_flops_per_token(model, sequence, count).value() * 1e-9;
}

TEST(TrainingFlops, OfDeepSeekV3ReproduceIscaTable4) {
  const Transformer model = built_in("deepseek-v3");
  // 6 * 36,519,173,120 + 3 * 61 * 2 * 4096 * 128 * (192 + 128), the second term halved when causal.
  EXPECT_DOUBLE_EQ(giga(model, 4096, AttentionCount::Causal), 219.11503872 + 30.70230528);
  EXPECT_DOUBLE_EQ(giga(model, 4096, AttentionCount::Full), 219.11503872 + 61.40461056);
  EXPECT_NEAR(giga(model, 4096, AttentionCount::Causal), 249.82, 0.005);
  EXPECT_NEAR(giga(model, 4096, AttentionCount::Full), 280.52, 0.005);

  // Table 4: 15,360 sequences of 4,096 tokens in 19.926 s on 2,048 GPUs are 385 and 432 TFLOPS a GPU.
  const double tokens_per_second = 15360 * 4096 / (2048 * 19.926);
  EXPECT_NEAR(giga(model, 4096, AttentionCount::Causal) * tokens_per_second * 1e-3, 385, 0.5);
  EXPECT_NEAR(giga(model, 4096, AttentionCount::Full) * tokens_per_second * 1e-3, 432, 0.5);
}

struct Row {
  const char* name;
  double published, largest_error_percent;
};
/// ISCA table 2, causal at 4,096. Its figure for Qwen-72B is below six times the parameters of the layers
/// alone, 6 * 70.2 B = 421 G, so no counting of attention can explain it; the gap is shown and left.
constexpr Row table_2[] = {{"deepseek-v2", 155, 0.5},
                           {"deepseek-v3", 250, 0.5},
                           {"llama-3.1-405b", 2448, 1.5},
                           {"qwen2.5-72b", 394, 13.5}};
TEST(TrainingFlops, AreThoseOfIscaTable2WithinTheShownErrors) {
  for (const auto& [name, published, most] : table_2) {
    const double counted = giga(built_in(name), 4096, AttentionCount::Causal);
    const double error = 100 * (counted / published - 1);
    std::printf("%-15s %8.1f GFLOP/token, published %6.0f: %+.2f %%\n", name, counted, published, error);
    EXPECT_LE(std::abs(error), most) << name;
  }
}

TEST(TrainingFlops, OfEveryModelGrowWithTheSequenceByAttentionAloneAndFullIsTwiceCausal) {
  for (const auto name : built_in_names) {
    const Transformer model = built_in(name);
    const double linear = training_flops_per_token(model, 0, AttentionCount::Causal).value();
    for (const int sequence : {1, 1024, 131072}) {
      const double causal =
          training_flops_per_token(model, sequence, AttentionCount::Causal).value() - linear;
      const double full = training_flops_per_token(model, sequence, AttentionCount::Full).value() - linear;
      EXPECT_GT(causal, 0) << name;
      EXPECT_NEAR(full / causal, 2, 1e-6) << name;
    }
    const double six = 6.0 * double(count_parameters(model).activated_no_embedding);
    EXPECT_LE(linear, six) << name;
    EXPECT_GE(linear, 0.98 * six) << name;  // Routers are all that is missing, and they are small.
  }
}

}  // namespace
}  // namespace orrery
