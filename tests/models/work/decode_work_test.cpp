#include "models/work/decode_work.hpp"

#include "models/kernels/family.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

double flops_of(const std::vector<KernelCall>& calls) {
  double sum = 0;
  for (const KernelCall& call : calls) sum += executed_flops(call).value();
  return sum;
}

// Every weight of attention multiplies every token once: absorbed, the up-projection of keys and values is
// two products of 128 x 512 a head instead of one of 512 x 256. Norms (1,536 and 512) and the gate apart.
TEST(DecodeWork, AttentionMultipliesEveryTokenByEveryWeightOnce) {
  const Transformer v3 = built_in("deepseek-v3");
  const DecodeShape shape{.model = &v3, .sequences = 128, .queries = 1, .keys = 128 * 4096};
  const double tokens = 128, gate = 2 * tokens * 256 * 7168;
  const double projections = flops_of(decode_work(shape, BlockKind::Moe, DecodePart::Enter, {})) +
                             flops_of(decode_work(shape, BlockKind::Moe, DecodePart::Leave, {})) - gate;
  EXPECT_EQ(projections, 2 * tokens * double(attention_parameters(v3) - 1536 - 512));
}

TEST(DecodeWork, GroupedAttentionToo) {
  const Transformer llama = built_in("llama-3.1-70b");
  const DecodeShape shape{.model = &llama, .sequences = 64, .keys = 64 * 1000};
  const double projections = flops_of(decode_work(shape, BlockKind::Dense, DecodePart::Enter, {})) +
                             flops_of(decode_work(shape, BlockKind::Dense, DecodePart::Leave, {}));
  EXPECT_EQ(projections, 2 * 64 * double(attention_parameters(llama)));
  EXPECT_EQ(flops_of(decode_work(shape, BlockKind::Dense, DecodePart::Experts, {})),
            2 * 64 * double(dense_ffn_parameters(llama)));
}

// 128 heads, 512 + 64 elements of a key, 512 of a value: 2 x 128 x 1,088 multiplications and additions a
// query and key.
TEST(DecodeWork, TheCoreMeetsEveryKeyOnceAQuery) {
  const Transformer v3 = built_in("deepseek-v3");
  DecodeShape shape{.model = &v3, .sequences = 3, .queries = 2, .keys = 1000};
  const auto core = decode_work(shape, BlockKind::Moe, DecodePart::Core, {});
  EXPECT_EQ(flops_of(core), 2.0 * 2 * 1000 * 128 * 1088);
  shape.tensor = 4;
  EXPECT_EQ(4 * flops_of(decode_work(shape, BlockKind::Moe, DecodePart::Core, {})), flops_of(core));
}

TEST(DecodeWork, ExpertsMultiplyTheirRowsByTheirWeights) {
  const Transformer v3 = built_in("deepseek-v3");
  const DecodeShape shape{.model = &v3, .precision = Precision::Fp8, .sequences = 64};
  EXPECT_EQ(flops_of(decode_work(shape, BlockKind::Moe, DecodePart::Experts, {.rows = 256, .experts = 4})),
            2.0 * 256 * double(expert_parameters(v3)));
  EXPECT_TRUE(decode_work(shape, BlockKind::Moe, DecodePart::Experts, {}).empty());
  EXPECT_EQ(flops_of(decode_work(shape, BlockKind::Moe, DecodePart::Shared, {})), 2.0 * 64 * 3 * 7168 * 2048);
  EXPECT_TRUE(decode_work(shape, BlockKind::Dense, DecodePart::Shared, {}).empty());
}

// Two samples of half the length see half as many keys each: half of the attention, the same products.
TEST(PackedSamples, KeepAttentionWithinEach) {
  for (const char* name : {"deepseek-v3", "llama-3.1-8b"}) {
    const Transformer model = built_in(name);
    const auto core = [&](int samples) {
      const WorkShape shape{.model = &model, .sequence = 8192, .samples = samples, .recompute = {}};
      double sum = 0;
      for (const KernelCall& call : segment_work(shape, BlockKind::Dense, Segment::AttentionForward, 0))
        if (std::holds_alternative<Attention>(call.work)) sum += executed_flops(call).value();
      return sum;
    };
    EXPECT_EQ(core(2), core(1) / 2) << name;
    EXPECT_EQ(core(8), core(1) / 8) << name;
  }
}

}  // namespace
}  // namespace orrery
