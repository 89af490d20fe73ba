#include <algorithm>
#include <map>

#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

struct Product {
  const char* name;
  Segment segment;
  std::int64_t m, n, k;
};

/// One MoE layer of DeepSeek-V3 on EP64, 4,096 tokens, with the recompute of its training.
class TraceLayer : public testing::Test {
 protected:
  const Transformer model = built_in("deepseek-v3");
  const WorkShape shape{.model = &model,
                        .sequence = 4096,
                        .expert = 64,
                        .precision = Precision::Fp8,
                        .recompute = {.norm = true, .up_projection = true, .activation = true},
                        .received_per_row = 7.49 / 8};
};

// The products of the published H800 trace (deepseek-ai/profile-data 4496024), as read from its launch order
// and grids.
TEST_F(TraceLayer, MultipliesTheMatricesOfThePublishedTrace) {
  const Product published[] = {
      {"q_down", Segment::AttentionForward, 4096, 1536, 7168},
      {"kv_down", Segment::AttentionForward, 4096, 576, 7168},
      {"q_up", Segment::AttentionForward, 4096, 24576, 1536},
      {"kv_up", Segment::AttentionForward, 4096, 32768, 512},
      {"o_proj", Segment::AttentionForward, 4096, 7168, 16384},
      {"router", Segment::AttentionForward, 4096, 256, 7168},
      {"ffn up", Segment::FfnForward, 4096, 4096, 7168},
      {"ffn down", Segment::FfnForward, 4096, 7168, 2048},
      {"experts up", Segment::FfnForward, 32768, 4096, 7168},
      {"experts down", Segment::FfnForward, 32768, 7168, 2048},
      {"experts down input gradient", Segment::FfnBackward, 32768, 2048, 7168},
      {"experts up input gradient", Segment::FfnBackward, 32768, 7168, 4096},
      {"ffn down input gradient", Segment::FfnBackward, 4096, 2048, 7168},
      {"ffn up input gradient", Segment::FfnBackward, 4096, 7168, 4096},
      {"q_up", Segment::AttentionBackward, 4096, 24576, 1536},
      {"kv_up", Segment::AttentionBackward, 4096, 32768, 512},
      {"o_proj input gradient", Segment::AttentionBackward, 4096, 16384, 7168},
      {"q_up input gradient", Segment::AttentionBackward, 4096, 1536, 24576},
      {"kv_up input gradient", Segment::AttentionBackward, 4096, 512, 32768},
      {"kv_down input gradient", Segment::AttentionBackward, 4096, 7168, 576},
      {"q_down input gradient", Segment::AttentionBackward, 4096, 7168, 1536},
      {"router input gradient", Segment::AttentionBackward, 4096, 7168, 256},
      {"router weight gradient", Segment::AttentionBackward, 256, 7168, 4096},
      {"o_proj weight gradient", Segment::AttentionWeight, 7168, 16384, 4096},
      {"kv_up weight gradient", Segment::AttentionWeight, 32768, 512, 4096},
      {"q_up weight gradient", Segment::AttentionWeight, 24576, 1536, 4096},
      {"kv_down weight gradient", Segment::AttentionWeight, 576, 7168, 4096},
      {"q_down weight gradient", Segment::AttentionWeight, 1536, 7168, 4096},
      {"ffn down weight gradient", Segment::FfnWeight, 7168, 2048, 4096},
      {"ffn up weight gradient", Segment::FfnWeight, 4096, 7168, 4096},
      {"experts down weight gradient", Segment::FfnWeight, 7168, 2048, 32768},
      {"experts up weight gradient", Segment::FfnWeight, 4096, 7168, 32768},
  };
  std::size_t products = 0;
  for (const Segment segment : all_segments) {
    for (const KernelCall& call : segment_work(shape, BlockKind::Moe, segment, 32768)) {
      const auto* gemm = std::get_if<Gemm>(&call.work);
      if (!gemm) continue;
      ++products;
      const auto same = std::find_if(std::begin(published), std::end(published), [&](const Product& p) {
        return p.name == call.name && p.segment == segment && p.m == gemm->m && p.n == gemm->n &&
               p.k == gemm->k;
      });
      EXPECT_NE(same, std::end(published)) << call.name << " in " << segment_name(segment) << ": " << gemm->m
                                           << ' ' << gemm->n << ' ' << gemm->k;
      EXPECT_EQ(gemm->groups, call.name.starts_with("experts") ? 4 : 1) << call.name;
    }
  }
  EXPECT_EQ(products, std::size(published));
}

// Causal, 4,096 tokens, 128 heads: 2 x 4096^2 / 2 x 128 x (192 + 128) = 687.2 GFLOP; backward runs five
// products, three of them over 192 and two over 128: 1,786.7.
TEST_F(TraceLayer, CountsTheOperationsOfAttentionAsThePublishedStudyDoes) {
  std::map<bool, double> flops;
  for (const Segment segment : all_segments) {
    for (const KernelCall& call : segment_work(shape, BlockKind::Moe, segment, 32768)) {
      if (const auto* a = std::get_if<Attention>(&call.work))
        flops[a->backward] += executed_flops(call).value();
    }
  }
  EXPECT_NEAR(flops[false] / 1e9, 687.2, 0.05);
  EXPECT_NEAR(flops[true] / 1e9, 1786.7, 0.05);
}

// The trace launches 227 kernels a layer (two streams of compute): ours are a list of the ones that take
// time.
TEST_F(TraceLayer, LaunchesAboutAsManyKernelsAsTheTrace) {
  int launches = 0;
  for (const Segment segment : all_segments) {
    for (const KernelCall& call : segment_work(shape, BlockKind::Moe, segment, 32768)) launches += call.times;
  }
  EXPECT_GT(launches, 227 / 2);
  EXPECT_LT(launches, 227 * 5 / 4);
}

// 4,096 x 64 tokens x 8 choices over 256 experts are 8,192 rows an expert, four experts a rank.
TEST_F(TraceLayer, HasTheNominalNumberOfBalancedRows) { EXPECT_EQ(balanced_rows(shape), 32768); }

TEST(BalancedRows, ArePaddedForEveryExpert) {
  const Transformer model = built_in("mixtral-8x7b");
  WorkShape shape{.model = &model, .sequence = 1000, .recompute = {}};
  EXPECT_EQ(balanced_rows(shape), 8 * 256);  // 1000 x 2 / 8 = 250 rows an expert.
  shape.expert = 8;
  EXPECT_EQ(balanced_rows(shape), 2048);  // 8 ranks' 16,000 choices: 2,000 for the one expert here.
  const Transformer dense = built_in("llama-3.1-8b");
  shape.model = &dense;
  EXPECT_EQ(balanced_rows(shape), 0);
}

}  // namespace
}  // namespace orrery
