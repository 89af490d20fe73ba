#include "tests/models/memory/requests.hpp"

namespace orrery {
namespace {

constexpr std::int64_t s = 2048, b = 2, h = 6144, a = 64;

/// One layer of a GPT of Korthikanti et al.: unfused attention, dropout, BF16, feed-forward width 4 h.
std::int64_t gpt_layer(int tensor, TensorSplit split, const Recompute& recompute) {
  const Transformer model = built_in("gpt-22b");
  const WorkShape shape{.model = &model,
                        .sequence = s,
                        .micro_batch = b,
                        .tensor = tensor,
                        .attention = AttentionKernel::Unfused,
                        .recompute = recompute};
  return block_activations(shape, {.split = split, .loss = LossKernel::Separate}, BlockKind::Dense, 0)
      .kept.total()
      .value();
}

// arXiv 2205.05198, equations 1 to 4 and table 2, to the byte.
TEST(BlockActivations, AreThePublishedFormulasOfAGptLayer) {
  EXPECT_EQ(gpt_layer(1, TensorSplit::Matrices, {}), s * b * h * 34 + 5 * a * s * s * b);
  for (const int t : {2, 4, 8}) {
    EXPECT_EQ(gpt_layer(t, TensorSplit::Matrices, {}),
              s * b * h * 10 + (s * b * h * 24 + 5 * a * s * s * b) / t);
    EXPECT_EQ(gpt_layer(t, TensorSplit::MatricesAndSequence, {}), (s * b * h * 34 + 5 * a * s * s * b) / t);
    EXPECT_EQ(gpt_layer(t, TensorSplit::Matrices, {.attention = true}), s * b * h * 10 + s * b * h * 24 / t);
    EXPECT_EQ(gpt_layer(t, TensorSplit::MatricesAndSequence, {.attention = true}), s * b * h * 34 / t);
    EXPECT_EQ(gpt_layer(t, TensorSplit::Matrices, {.layer = true}), s * b * h * 2);
  }
}

// Llama layer, fused attention, no dropout, a token: two norm inputs and two product inputs of d, Q and
// output of d, K and V of 8 x 128, all BF16, 4 B of statistics a head, SwiGLU inputs of 2 f and output of f.
TEST(BlockActivations, OfALlamaLayerAreTheSumOfItsTensors) {
  const Transformer model = built_in("llama-3.1-70b");
  const WorkShape shape{.model = &model, .sequence = 4096, .recompute = {}};
  const BlockActivations block = block_activations(shape, {}, BlockKind::Dense, 0);
  EXPECT_EQ(block.kept.total().value(), 4096 * (2 * (4 * 8192 + 2 * 8192 + 2 * 1024 + 3 * 28672) + 4 * 64));
  // Operands of four products: inputs d, d, d, f; gradients d + 2 x 1024, d, 2 f, d.
  EXPECT_EQ(block.owed.total().value(),
            4096 * 2 * (3 * 8192 + 28672 + 8192 + 2048 + 8192 + 2 * 28672 + 8192));
}

// DeepSeek-V3's recipe, a token of a MoE layer. Norm inputs 2 x 2 x 7,168. Latents before their norms 2
// (1,536 + 512 + 64). Output of attention 16,384 at 12 bits and a byte each 128. Statistics 4 x 128. SwiGLU
// inputs of the shared expert 4,096 at 1 + 1/32. Routed: 32,768 rows for 4,096 tokens are 8 rows a token of
// 4,096 SwiGLU inputs; 7.5 received copies of 7,168. Router: 8 B for each of 256 scores, 12 B for each of 8
// choices, 8 B for each of 8 rows.
TEST(BlockActivations, OfADeepSeekV3LayerAreTheSumOfItsTensors) {
  const Transformer model = built_in("deepseek-v3");
  const MemoryRequest request = deepseek_v3_request(model);
  WorkShape shape = request.shape;
  shape.received_per_row = 7.5 / 8;
  ASSERT_EQ(balanced_rows(shape), 32768);
  const KeptBytes kept = block_activations(shape, {}, BlockKind::Moe, 32768).kept;
  EXPECT_EQ(kept[Kept::Residual].value(), 4096 * 28'672);
  EXPECT_EQ(kept[Kept::Attention].value(), 4096 * (4'224 + 512));
  EXPECT_EQ(kept[Kept::LinearInput].value(), 4096 * 24'704);
  EXPECT_EQ(kept[Kept::Ffn].value(), 4096 * 4'224);
  EXPECT_EQ(kept[Kept::Expert].value(), 4096 * (8 * 4'224 + 55'440));
  EXPECT_EQ(kept[Kept::Router].value(), 4096 * (2'048 + 96 + 64));
  EXPECT_EQ(kept.total().value(), 4096 * 153'776);  // 630 MB.
}

TEST(BlockActivations, GrowLinearlyWithTheMicroBatch) {
  for (const char* name : {"deepseek-v3", "llama-3.1-8b", "mixtral-8x7b", "gpt-3-175b"}) {
    const Transformer model = built_in(name);
    for (const BlockKind kind : {BlockKind::Embedding, BlockKind::Dense, BlockKind::Moe, BlockKind::Head}) {
      if (has_experts(kind) && !model.experts) continue;
      WorkShape shape{.model = &model, .sequence = 2048, .recompute = {}};
      const std::int64_t one = block_activations(shape, {}, kind, 16384).kept.total().value();
      shape.micro_batch = 3;
      EXPECT_EQ(block_activations(shape, {}, kind, 3 * 16384).kept.total().value(), 3 * one) << name;
    }
  }
}

TEST(BlockActivations, NeverGrowByRecomputingMore) {
  for (const char* name :
       {"deepseek-v3", "deepseek-v2-lite", "llama-3.1-8b", "mixtral-8x7b", "qwen3-235b-a22b", "gpt-3-175b"}) {
    const Transformer model = built_in(name);
    for (const Precision precision : {Precision::Bf16, Precision::Fp8}) {
      for (int bits = 0; bits < 32; ++bits) {
        const auto kept = [&](int set) {
          const WorkShape shape{
              .model = &model,
              .sequence = 2048,
              .precision = precision,
              .attention = model.learned_positions ? AttentionKernel::Unfused : AttentionKernel::Fused,
              .recompute = {(set & 1) != 0, (set & 2) != 0, (set & 4) != 0, (set & 8) != 0, (set & 16) != 0}};
          const BlockActivations block =
              block_activations(shape, {}, model.experts ? BlockKind::Moe : BlockKind::Dense, 16384);
          EXPECT_GE(block.forward_extra, Bytes(0));
          EXPECT_GE(block.backward_extra, Bytes(0));
          return block.kept.total();
        };
        for (int more = 1; more < 32; more *= 2)
          EXPECT_LE(kept(bits | more), kept(bits)) << name << ' ' << bits << ' ' << more;
      }
    }
  }
}

// 4,096 tokens of 129,280 logits at 4 B (FP32 log-softmax), or 2 B where the loss kernel overwrites them.
TEST(BlockActivations, OfTheHeadAreItsLogits) {
  const Transformer model = built_in("deepseek-v3");
  const WorkShape shape{.model = &model, .sequence = 4096, .recompute = {}};
  KeepRules rules;
  EXPECT_EQ(block_activations(shape, rules, BlockKind::Head, 0).kept[Kept::Loss].value(),
            4 * 4096 * std::int64_t(129'280));
  rules.loss = LossKernel::Fused;
  EXPECT_EQ(block_activations(shape, rules, BlockKind::Head, 0).kept[Kept::Loss].value(),
            2 * 4096 * std::int64_t(129'280));
}

}  // namespace
}  // namespace orrery
