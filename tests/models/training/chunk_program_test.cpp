#include "models/training/chunk_program.hpp"

#include <gtest/gtest.h>

#include <string>

namespace orrery {
namespace {

std::string compute_order(const ChunkProgram& program) {
  std::string text;
  for (const Step& s : program.steps)
    text += (text.empty() ? "" : " ") + std::string(segment_name(s.segment));
  return text;
}
std::string communication_order(const ChunkProgram& program) {
  std::string text;
  for (const Transfer& t : program.transfers)
    text += (text.empty() ? "" : " ") + std::string(transfer_name(t.kind));
  return text;
}

const Stage one_moe = {{BlockKind::Moe, 0}};
const Stage two_moe = {{BlockKind::Moe, 0}, {BlockKind::Moe, 1}};

// The launch order of a layer slot in the published trace: attn(F), mlp(B), mlp(W), mlp(F), attn(B), attn(W)
// on the compute stream; combine(B), dispatch(F), dispatch(B), combine(F) on the communication stream.
TEST(ChunkProgram, OverlappedSlotRunsInTheOrderOfThePublishedTrace) {
  const ChunkProgram pair = weave(Pass::Overlapped, one_moe, one_moe, Overlap::Hidden);
  EXPECT_EQ(compute_order(pair), "attn(F) mlp(B) mlp(W) mlp(F) attn(B) attn(W)");
  EXPECT_EQ(communication_order(pair), "combine(B) dispatch(F) dispatch(B) combine(F)");
  EXPECT_EQ(pair.transfers[0].after_step, -1);  // The incoming gradient is there at the start.
  EXPECT_EQ(pair.transfers[1].after_step, 0);   // attn(F) -> dispatch(F)
  EXPECT_EQ(pair.transfers[2].after_step, 1);   // mlp(B) -> dispatch(B)
  EXPECT_EQ(pair.transfers[3].after_step, 3);   // mlp(F) -> combine(F)
  EXPECT_EQ(pair.steps[1].waits_for, 0);        // combine(B) -> mlp(B)
  EXPECT_EQ(pair.steps[3].waits_for, 1);        // dispatch(F) -> mlp(F)
  EXPECT_EQ(pair.steps[4].waits_for, 2);        // dispatch(B) -> attn(B)
}

TEST(ChunkProgram, EveryTransferOfAnOverlappedPairHasComputeBesideIt) {
  const ChunkProgram pair = weave(Pass::Overlapped, two_moe, two_moe, Overlap::Hidden);
  for (const Transfer& t : pair.transfers) EXPECT_TRUE(t.beside_compute) << transfer_name(t.kind);
}

// A forward alone has nothing to hide behind: attention, dispatch, experts, combine, one after another.
TEST(ChunkProgram, LoneForwardWaitsForEachAllToAll) {
  const ChunkProgram forward = weave(Pass::Forward, two_moe, {}, Overlap::Hidden);
  EXPECT_EQ(compute_order(forward), "attn(F) mlp(F) attn(F) mlp(F)");
  EXPECT_EQ(communication_order(forward), "dispatch(F) combine(F) dispatch(F) combine(F)");
  for (const Transfer& t : forward.transfers) EXPECT_FALSE(t.beside_compute);
  EXPECT_EQ(forward.forward_transfer, 3);
  EXPECT_EQ(forward.last_wait, 3);
}

// A full backward hides dispatch(B) behind mlp(W) and the next combine(B) behind attn(W); for inputs alone
// there is neither.
TEST(ChunkProgram, FullBackwardHidesAllToAllsBehindWeightGradients) {
  const ChunkProgram full = weave(Pass::Backward, {}, two_moe, Overlap::Hidden);
  EXPECT_EQ(compute_order(full), "mlp(B) mlp(W) attn(B) attn(W) mlp(B) mlp(W) attn(B) attn(W)");
  EXPECT_FALSE(full.transfers[0].beside_compute);
  EXPECT_TRUE(full.transfers[1].beside_compute);
  EXPECT_TRUE(full.transfers[2].beside_compute);
  const ChunkProgram inputs = weave(Pass::InputBackward, {}, two_moe, Overlap::Hidden);
  EXPECT_EQ(compute_order(inputs), "mlp(B) attn(B) mlp(B) attn(B)");
  for (const Transfer& t : inputs.transfers) EXPECT_FALSE(t.beside_compute);
}

TEST(ChunkProgram, ExposedPairIsAForwardThenABackwardAndHidesNothing) {
  const ChunkProgram pair = weave(Pass::Overlapped, one_moe, one_moe, Overlap::Exposed);
  EXPECT_EQ(compute_order(pair), "attn(F) mlp(F) mlp(B) mlp(W) attn(B) attn(W)");
  for (const Transfer& t : pair.transfers) {
    if (t.kind == TransferKind::CombineForward) continue;
    EXPECT_FALSE(t.beside_compute) << transfer_name(t.kind);
  }
}

// Whatever is woven, each block's forward runs once, its two backwards once each, and in dependency order.
TEST(ChunkProgram, EverySegmentOfEveryBlockRunsExactlyOnce) {
  const Stage first = {
      {BlockKind::Embedding, -1}, {BlockKind::Dense, 0}, {BlockKind::Moe, 1}, {BlockKind::Moe, 2}};
  const Stage last = {
      {BlockKind::Moe, 3}, {BlockKind::Head, 9}, {BlockKind::Predict, 4}, {BlockKind::Head, 9}};
  for (const auto& [f, b] :
       {std::pair(first, last), std::pair(last, first), std::pair(first, first), std::pair(last, one_moe)}) {
    const ChunkProgram pair = weave(Pass::Overlapped, f, b, Overlap::Hidden);
    std::size_t forward = 0, input = 0, weight = 0;
    for (const Step& s : pair.steps) {
      forward += s.segment == Segment::AttentionForward || s.segment == Segment::FfnForward;
      input += s.segment == Segment::AttentionBackward || s.segment == Segment::FfnBackward;
      weight += s.segment == Segment::AttentionWeight || s.segment == Segment::FfnWeight;
    }
    const auto segments = [](const Stage& stage) {
      std::size_t n = 0;
      for (const Block& block : stage) n += has_attention(block.kind) ? 2 : 1;
      return n;
    };
    EXPECT_EQ(forward, segments(f));
    EXPECT_EQ(input, segments(b));
    EXPECT_EQ(weight, segments(b));
    for (std::size_t i = 0; i < pair.steps.size(); ++i) {
      const int wait = pair.steps[i].waits_for;
      if (wait < 0) continue;
      EXPECT_LT(pair.transfers[std::size_t(wait)].after_step,
                int(i));  // No step waits for what it launches.
    }
    for (std::size_t t = 1; t < pair.transfers.size();
         ++t) {  // The serial stream's order is the order of launches.
      EXPECT_LE(pair.transfers[t - 1].after_step, pair.transfers[t].after_step);
    }
  }
}

}  // namespace
}  // namespace orrery
