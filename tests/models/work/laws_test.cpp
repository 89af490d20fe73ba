#include <algorithm>
#include <cmath>

#include "sim/random.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

constexpr const char* models[] = {"deepseek-v3",     "deepseek-v2-lite", "llama-3.1-8b", "llama-3.1-405b",
                                  "qwen3-235b-a22b", "mixtral-8x7b",     "gpt-3-175b"};

std::vector<BlockKind> kinds_of(const Transformer& model) {
  std::vector<BlockKind> kinds{BlockKind::Embedding, BlockKind::Dense, BlockKind::Head};
  if (model.experts) kinds.push_back(BlockKind::Moe);
  if (model.experts && model.predict_layers > 0) kinds.push_back(BlockKind::Predict);
  return kinds;
}

/// Forward flops of every block of the main model for one sequence, rows without padding.
double forward_flops(const Transformer& model, int sequence) {
  const WorkShape shape{.model = &model, .sequence = sequence, .recompute = {}};
  const std::int64_t rows = model.experts ? std::int64_t(sequence) * model.experts->per_token : 0;
  double sum = 0;
  const auto add = [&](BlockKind kind, int times) {
    for (const Segment segment : {Segment::AttentionForward, Segment::FfnForward}) {
      for (const KernelCall& call : segment_work(shape, kind, segment, rows))
        sum += times * executed_flops(call).value();
    }
  };
  int moe = 0;
  for (int layer = 0; layer < model.layers; ++layer) moe += model.experts && model.is_moe[std::size_t(layer)];
  if (moe > 0) add(BlockKind::Moe, moe);
  if (moe < model.layers) add(BlockKind::Dense, model.layers - moe);
  add(BlockKind::Head, 1);
  return sum;
}

// Two ways to one number: the kernels of a forward pass, and a third of the closed formula of a training
// token. The formula counts norms and biases like matrices and leaves routers out: 2 x 256 x 7,168 of 83
// GFLOP a layer.
TEST(SegmentWork, AddsUpToTheFormulaOfAForwardPass) {
  for (const char* name : models) {
    const Transformer model = built_in(name);
    const double formula = training_flops_per_token(model, 4096, AttentionCount::Causal).value() * 4096 / 3;
    EXPECT_NEAR(forward_flops(model, 4096) / formula, 1, 0.005) << name;
  }
}

// Y = X W costs as much as dX = dY W' and dW = X' dY. Nothing is computed again here; a router's weight
// gradient belongs to its input-gradient segment.
TEST(SegmentWork, OfInputAndWeightGradientsIsAsMuchAsForward) {
  for (const char* name : models) {
    const Transformer model = built_in(name);
    const WorkShape shape{.model = &model, .sequence = 2048, .recompute = {}};
    for (const BlockKind kind : kinds_of(model)) {
      if (kind == BlockKind::Embedding) continue;
      const std::int64_t rows = has_experts(kind) ? 16384 : 0;
      const double forward = product_flops(shape, kind, rows, Segment::AttentionForward, Segment::FfnForward);
      const double router = has_experts(kind) ? 2.0 * 2048 * model.experts->routed * model.hidden : 0;
      EXPECT_DOUBLE_EQ(product_flops(shape, kind, rows, Segment::AttentionBackward, Segment::FfnBackward),
                       forward + router)
          << name;
      EXPECT_DOUBLE_EQ(product_flops(shape, kind, rows, Segment::AttentionWeight, Segment::FfnWeight),
                       forward - router)
          << name;
    }
  }
}

TEST(SegmentWork, OfFp8MultipliesTheSameMatricesAsBf16) {
  for (const char* name : models) {
    const Transformer model = built_in(name);
    for (const BlockKind kind : kinds_of(model)) {
      for (const Segment segment : all_segments) {
        const auto products = [&](Precision precision) {
          std::vector<std::array<std::int64_t, 4>> sizes;
          const WorkShape shape{.model = &model, .sequence = 2048, .precision = precision, .recompute = {}};
          for (const KernelCall& call : segment_work(shape, kind, segment, 16384)) {
            if (const auto* g = std::get_if<Gemm>(&call.work)) sizes.push_back({g->m, g->n, g->k, g->groups});
          }
          return sizes;
        };
        EXPECT_EQ(products(Precision::Fp8), products(Precision::Bf16))
            << name << ' ' << segment_name(segment);
      }
    }
  }
}

bool casts(Traffic traffic) {
  constexpr Traffic all[] = {Traffic::CastToken,      Traffic::CastChannel,      Traffic::CastChannelGather,
                             Traffic::CastTwelveBit,  Traffic::RestoreTwelveBit, Traffic::Dequantize,
                             Traffic::WeightTranspose};
  return std::find(std::begin(all), std::end(all), traffic) != std::end(all);
}

TEST(SegmentWork, CastsInFp8Alone) {
  const Transformer model = built_in("deepseek-v3");
  for (const Precision precision : {Precision::Bf16, Precision::Fp8}) {
    int seen = 0;
    const WorkShape shape{.model = &model, .sequence = 4096, .precision = precision, .recompute = {}};
    for (const BlockKind kind : kinds_of(model)) {
      for (const Segment segment : all_segments) {
        for (const KernelCall& call : segment_work(shape, kind, segment, 32768)) {
          const auto* move = std::get_if<Move>(&call.work);
          seen += move && casts(move->traffic);
          const auto* gemm = std::get_if<Gemm>(&call.work);
          if (gemm && precision == Precision::Bf16) {
            EXPECT_EQ(gemm->precision, Precision::Bf16) << call.name;
          }
        }
      }
    }
    EXPECT_EQ(seen > 0, precision == Precision::Fp8);
  }
}

TEST(SegmentWork, KeepsRoutersEmbeddingAndHeadInBf16) {
  const Transformer model = built_in("deepseek-v3");
  const WorkShape shape{.model = &model, .sequence = 4096, .precision = Precision::Fp8, .recompute = {}};
  for (const BlockKind kind : kinds_of(model)) {
    for (const Segment segment : all_segments) {
      for (const KernelCall& call : segment_work(shape, kind, segment, 32768)) {
        const auto* gemm = std::get_if<Gemm>(&call.work);
        if (!gemm) continue;
        const bool exempt = kind == BlockKind::Head || call.name.starts_with("router");
        EXPECT_EQ(gemm->precision, exempt ? Precision::Bf16 : Precision::Fp8) << call.name;
      }
    }
  }
}

// Full recompute runs the forward of a part once more before its backward.
TEST(SegmentWork, OfARecomputedLayerIsItsForwardAndItsBackward) {
  for (const char* name : models) {
    const Transformer model = built_in(name);
    WorkShape plain{.model = &model, .sequence = 2048, .recompute = {}}, again = plain;
    again.recompute.layer = true;
    for (const BlockKind kind : {BlockKind::Dense, BlockKind::Moe}) {
      if (has_experts(kind) && !model.experts) continue;
      const double forward =
          product_flops(plain, kind, 16384, Segment::AttentionForward, Segment::FfnForward);
      const double router = has_experts(kind) ? 2.0 * 2048 * model.experts->routed * model.hidden : 0;
      const double more =
          product_flops(again, kind, 16384, Segment::AttentionBackward, Segment::FfnBackward) -
          product_flops(plain, kind, 16384, Segment::AttentionBackward, Segment::FfnBackward);
      // The router's choice is kept, so its product need not run again; a recipe may run it all the same.
      EXPECT_GE(more, (forward - router) * (1 - 1e-12)) << name;
      EXPECT_LE(more, forward * (1 + 1e-12)) << name;
    }
  }
}

// A layer on t tensor ranks: each does a t-th of the products (Llama has no matrix that repeats), and gathers
// and scatters the sequence around attention and around the network.
TEST(SegmentWork, OverTensorRanksDividesTheProductsAndSendsTheSequence) {
  const Transformer model = built_in("llama-3.1-405b");
  const WorkShape alone{.model = &model, .sequence = 8192, .recompute = {}};
  for (const int tensor : {2, 4, 8}) {
    WorkShape shape = alone;
    shape.tensor = tensor;
    int gathers = 0, scatters = 0;
    for (const Segment segment : {Segment::AttentionForward, Segment::FfnForward}) {
      EXPECT_DOUBLE_EQ(tensor * product_flops(shape, BlockKind::Dense, 0, segment),
                       product_flops(alone, BlockKind::Dense, 0, segment));
      for (const KernelCall& call : segment_work(shape, BlockKind::Dense, segment, 0)) {
        if (const auto* message = std::get_if<Message>(&call.work)) {
          EXPECT_EQ(message->ranks, tensor);
          EXPECT_EQ(message->stride, 1);
          EXPECT_EQ(message->bytes.value(), 8192 * std::int64_t(16384) * 2);
          (message->kind == Exchange::AllGather ? gathers : scatters) += 1;
        }
      }
    }
    EXPECT_EQ(gathers, 2);
    EXPECT_EQ(scatters, 2);
  }
}

TEST(SegmentWork, OfOneRankSendsNothing) {
  for (const char* name : models) {
    const Transformer model = built_in(name);
    const WorkShape shape{.model = &model, .sequence = 2048, .recompute = {}};
    for (const BlockKind kind : kinds_of(model)) {
      for (const Segment segment : all_segments) {
        for (const KernelCall& call : segment_work(shape, kind, segment, 16384)) {
          EXPECT_FALSE(std::holds_alternative<Message>(call.work)) << name << ' ' << call.name;
        }
      }
    }
  }
}

// Context ranks share the queries, and each needs all keys: MLA sends 512 + 64 BF16 numbers a token (1,152 B)
// and every rank expands all of them, 2 x 512 x 128 x (128 + 128) operations a token.
TEST(SegmentWork, OverContextRanksSendsTheLatentAndExpandsItEverywhere) {
  const Transformer model = built_in("deepseek-v3");
  const WorkShape alone{.model = &model, .sequence = 32768, .recompute = {}};
  WorkShape shape = alone;
  shape.context = 8;
  Bytes sent;
  double whole = 0, part = 0;
  for (const KernelCall& call : segment_work(shape, BlockKind::Moe, Segment::AttentionForward, 0)) {
    if (const auto* message = std::get_if<Message>(&call.work)) sent += message->bytes;
    if (std::holds_alternative<Attention>(call.work)) part += executed_flops(call).value();
  }
  for (const KernelCall& call : segment_work(alone, BlockKind::Moe, Segment::AttentionForward, 0)) {
    if (std::holds_alternative<Attention>(call.work)) whole += executed_flops(call).value();
  }
  EXPECT_EQ(sent.value(), 32768 * 1152);
  EXPECT_DOUBLE_EQ(8 * part, whole);
  const double repeated = 2.0 * 512 * 128 * 256 * 32768;
  const double products = product_flops(shape, BlockKind::Moe, 0, Segment::AttentionForward);
  EXPECT_DOUBLE_EQ(8 * (products - repeated),
                   product_flops(alone, BlockKind::Moe, 0, Segment::AttentionForward) - repeated);
}

bool has_positive_sizes(const KernelCall& call) {
  if (const auto* g = std::get_if<Gemm>(&call.work)) return g->m > 0 && g->n > 0 && g->k > 0 && g->groups > 0;
  if (const auto* m = std::get_if<Move>(&call.work)) return m->bytes > Bytes(0);
  if (const auto* m = std::get_if<Message>(&call.work)) return m->bytes > Bytes(0) && m->ranks > 1;
  return true;
}

TEST(SegmentWork, HasOnlyPositiveSizesAndGrowsWithTheMicroBatch) {
  RandomStream random(1, {.owner = "test", .purpose = "work shapes"});
  for (int tries = 0; tries < 200; ++tries) {
    const Transformer model = built_in(models[random.below(std::size(models))]);
    WorkShape shape{.model = &model,
                    .sequence = 128 * (1 + int(random.below(64))),
                    .micro_batch = 1 + int(random.below(4)),
                    .tensor = 1 << random.below(4),
                    .precision = random.below(2) ? Precision::Fp8 : Precision::Bf16,
                    .recompute = {random.below(2) > 0, random.below(2) > 0, random.below(2) > 0, false,
                                  random.below(2) > 0}};
    for (const BlockKind kind : kinds_of(model)) {
      const std::int64_t rows = 128 * (1 + std::int64_t(random.below(256)));
      double flops = 0, twice = 0;
      for (const Segment segment : all_segments) {
        for (const KernelCall& call : segment_work(shape, kind, segment, rows)) {
          EXPECT_GE(call.times, 1);
          EXPECT_FALSE(call.name.empty());
          EXPECT_TRUE(has_positive_sizes(call)) << call.name;
          flops += executed_flops(call).value();
        }
        WorkShape doubled = shape;
        doubled.micro_batch *= 2;
        for (const KernelCall& call : segment_work(doubled, kind, segment, 2 * rows))
          twice += executed_flops(call).value();
      }
      EXPECT_NEAR(twice, 2 * flops, 1e-9 * flops);
    }
  }
}

TEST(SegmentWork, OfEmbeddingAndHeadLiesInTheNetworkSegmentsAlone) {
  const Transformer model = built_in("llama-3.1-8b");
  const WorkShape shape{.model = &model, .sequence = 4096, .recompute = {}};
  for (const BlockKind kind : {BlockKind::Embedding, BlockKind::Head}) {
    for (const Segment segment :
         {Segment::AttentionForward, Segment::AttentionBackward, Segment::AttentionWeight}) {
      EXPECT_TRUE(segment_work(shape, kind, segment, 0).empty());
    }
    EXPECT_FALSE(segment_work(shape, kind, Segment::FfnForward, 0).empty());
  }
}

}  // namespace
}  // namespace orrery
