#include <algorithm>

#include "models/work/stages.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

/// Messages of a dense layer: those waited for, and those that travel beside a kernel.
struct Sent {
  int waited = 0, beside = 0;
  double bytes = 0;  ///< That one rank's links carry: an all-reduce is a scatter and a gather.
};
Sent sent(const WorkShape& shape, std::initializer_list<Segment> segments) {
  Sent all;
  const auto add = [&](const Message& m) {
    all.bytes += (m.kind == Exchange::AllReduce ? 2.0 : 1.0) * double(m.bytes.value());
  };
  for (const Segment segment : segments) {
    for (const KernelCall& call : segment_work(shape, BlockKind::Dense, segment, 0)) {
      if (const auto* message = std::get_if<Message>(&call.work)) add(*message), ++all.waited;
      if (call.travelling) add(call.travelling->message), ++all.beside;
    }
  }
  return all;
}
Sent sent_forward(const WorkShape& shape) {
  return sent(shape, {Segment::AttentionForward, Segment::FfnForward});
}
Sent sent_backward(const WorkShape& shape) {
  return sent(shape, {Segment::FfnBackward, Segment::FfnWeight, Segment::AttentionBackward,
                      Segment::AttentionWeight});
}

double bytes_of(const WorkShape& shape, std::initializer_list<Traffic> kinds) {
  double sum = 0;
  for (const Segment segment : all_segments) {
    for (const KernelCall& call : segment_work(shape, BlockKind::Dense, segment, 0)) {
      const auto* move = std::get_if<Move>(&call.work);
      if (move && std::find(kinds.begin(), kinds.end(), move->traffic) != kinds.end())
        sum += double(move->bytes.value());
    }
  }
  return sum;
}

// arXiv 2205.05198, 4.2.2: sequence parallelism sends no more than the all-reduces that it replaces, each of
// which is a scatter and a gather: two of each forward. Backward gathers what forward kept as shards once
// more: two gathers more.
TEST(GroupedWork, OfSequenceParallelismSendsForwardWhatAllReducesDo) {
  const Transformer model = built_in("gpt-3-175b");
  WorkShape whole{
      .model = &model, .sequence = 2048, .tensor = 8, .recompute = {}, .messages = LayerMessages::AllReduce};
  const double tensor_bytes = 2048 * 12288.0 * 2;
  EXPECT_EQ(sent_forward(whole).waited, 2);
  EXPECT_EQ(sent_forward(whole).bytes, 4 * tensor_bytes);
  EXPECT_EQ(sent_backward(whole).bytes, 4 * tensor_bytes);
  for (const LayerMessages messages :
       {LayerMessages::Exposed, LayerMessages::Backward, LayerMessages::Pieces}) {
    WorkShape split = whole;
    split.messages = messages;
    EXPECT_EQ(sent_forward(split).bytes, 4 * tensor_bytes);
    EXPECT_EQ(sent_backward(split).bytes, 6 * tensor_bytes);
  }
}

TEST(GroupedWork, HidesMessagesAsEachFrameworkDoes) {
  const Transformer model = built_in("llama-3.1-405b");
  const auto shape = [&](LayerMessages messages) {
    return WorkShape{.model = &model, .sequence = 8192, .tensor = 8, .recompute = {}, .messages = messages};
  };
  // Backward's all-reduces run beside the weight gradients of QKV and up.
  EXPECT_EQ(sent_backward(shape(LayerMessages::AllReduce)).waited, 0);
  EXPECT_EQ(sent_backward(shape(LayerMessages::AllReduce)).beside, 2);
  EXPECT_EQ(sent_backward(shape(LayerMessages::Exposed)).beside, 0);
  // Waited for: the gathers of the two incoming gradients. Beside: two gathers of inputs, two scatters.
  EXPECT_EQ(sent_backward(shape(LayerMessages::Backward)).waited, 2);
  EXPECT_EQ(sent_backward(shape(LayerMessages::Backward)).beside, 4);
  EXPECT_EQ(sent_forward(shape(LayerMessages::Pieces)).waited, 0);
  EXPECT_EQ(sent_backward(shape(LayerMessages::Pieces)).waited, 0);
}

// With all tokens on every rank the norms move 8 times the bytes of 8 shards.
TEST(GroupedWork, OfAllReducesRunsNormsOnAllTokens) {
  const Transformer model = built_in("gpt-3-175b");
  WorkShape whole{
      .model = &model, .sequence = 2048, .tensor = 8, .recompute = {}, .messages = LayerMessages::AllReduce};
  WorkShape split = whole;
  split.messages = LayerMessages::Backward;
  const auto norms = {Traffic::Norm, Traffic::NormResidual, Traffic::NormBackward, Traffic::Residual};
  EXPECT_DOUBLE_EQ(bytes_of(whole, norms), 8 * bytes_of(split, norms));
}

// T tokens of d: two branches each forward 7 bytes an element (branch and residual read, sum and mask
// written), backward 5 and the bias sum's 2; QKV bias 4 and its gradient 2 of 3 d; up bias gradient 2 of 4 d.
TEST(GroupedWork, OfMegatronIn2022DropsAndAddsBiasesInKernelsOfTheirOwn) {
  const Transformer model = built_in("gpt-3-175b");
  const WorkShape shape{
      .model = &model, .sequence = 2048, .attention = AttentionKernel::Unfused, .recompute = {}};
  const double elements = 2048 * 12288.0;
  EXPECT_DOUBLE_EQ(bytes_of(shape, {Traffic::Elementwise}), elements * (2 * 7 + 2 * 7 + 3 * (4 + 2) + 4 * 2));
  WorkShape fused = shape;
  fused.attention = AttentionKernel::Fused;
  EXPECT_EQ(bytes_of(fused, {Traffic::Elementwise}), 0);
}

TEST(GroupedWork, OfOneScaleATensorMultipliesTheSameMatricesAndAddsGradientsInSplitAccumulators) {
  const Transformer model = built_in("llama-3.1-405b");
  const WorkShape tile{
      .model = &model, .sequence = 8192, .tensor = 8, .precision = Precision::Fp8, .recompute = {}};
  WorkShape tensor = tile;
  tensor.scaling = Scaling::Tensor;
  for (const Segment segment : all_segments) {
    EXPECT_EQ(product_flops(tile, BlockKind::Dense, 0, segment),
              product_flops(tensor, BlockKind::Dense, 0, segment));
    const bool forward = segment == Segment::AttentionForward || segment == Segment::FfnForward;
    for (const KernelCall& call : segment_work(tensor, BlockKind::Dense, segment, 0)) {
      const auto* gemm = std::get_if<Gemm>(&call.work);
      if (!gemm) continue;
      EXPECT_EQ(gemm->accumulator, forward ? Accumulator::Fast : Accumulator::Split) << call.name;
    }
  }
}

// FP8 is what a gather carries, half of BF16.
TEST(GroupedWork, GathersInFp8WhereNormsWriteIt) {
  const Transformer model = built_in("llama-3.1-405b");
  const WorkShape bf16{
      .model = &model, .sequence = 8192, .tensor = 8, .recompute = {}, .messages = LayerMessages::Pieces};
  WorkShape fp8 = bf16;
  fp8.precision = Precision::Fp8, fp8.scaling = Scaling::Tensor;
  EXPECT_EQ(sent_forward(bf16).bytes, 2 * sent_forward(fp8).bytes);
}

// Llama 3 (arXiv 2407.21783, 3.3.2): 126 layers on 16 ranks of 8 stages; the first stage has the embedding
// alone, the last the head.
TEST(Stages, MayHoldTheEmbeddingOrTheHeadAlone) {
  const Transformer model = built_in("llama-3.1-405b");
  const std::vector<Stage> stages = cut_stages(model, blocks_per_stage(126, 128, LayerMap::EndsShort));
  ASSERT_EQ(stages.size(), 128u);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    ASSERT_EQ(stages[s].size(), 1u) << s;
    const BlockKind kind = s == 0 ? BlockKind::Embedding : s == 127 ? BlockKind::Head : BlockKind::Dense;
    EXPECT_EQ(stages[s].front().kind, kind) << s;
  }
}

}  // namespace
}  // namespace orrery
