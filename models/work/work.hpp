#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "models/kernels/kernel.hpp"
#include "models/transformer/transformer.hpp"
#include "sim/units.hpp"

namespace orrery {

/// What a backward pass computes again instead of keeping it.
struct Recompute {
  bool norm = false;           ///< RMSNorm outputs.
  bool up_projection = false;  ///< MLA's query and key-value up-projections.
  bool activation = false;     ///< SwiGLU (or GELU) output.
  bool attention = false;      ///< The attention core (Megatron's "selective").
  bool layer = false;          ///< The whole layer ("full"): only its input is kept.
};

/// Fused attention never writes its scores; the unfused one of 2021 does, and softmax is a kernel.
enum class AttentionKernel : std::uint8_t { Fused, Unfused };

/// How one rank computes its share of a layer.
struct WorkShape {
  const Transformer* model = nullptr;
  int sequence = 0;       ///< Tokens of one sequence.
  int micro_batch = 1;    ///< Sequences.
  int tensor = 1;         ///< Ranks that share every matrix, with sequence parallelism between them.
  int context = 1;        ///< Ranks that share every sequence.
  int expert = 1;         ///< Ranks that share the routed experts.
  Precision precision = Precision::Bf16;
  AttentionKernel attention = AttentionKernel::Fused;
  Recompute recompute;
  double received_per_row = 1;  ///< Token copies received over expert rows (several experts on one rank share a copy).

  /// Tokens whose activations this rank's tensor group holds for one micro-batch.
  std::int64_t tokens() const { return std::int64_t(sequence) * micro_batch / context; }
};

/// One block of a stage: what a pipeline cuts between.
enum class BlockKind : std::uint8_t {
  Embedding,
  Dense,    ///< Attention and a dense feed-forward network.
  Moe,      ///< Attention and experts.
  Predict,  ///< Multi-token-prediction module: projection of (hidden, next embedding), then a Moe block.
  Head,     ///< Final norm, output projection, loss.
};
constexpr bool has_experts(BlockKind kind) { return kind == BlockKind::Moe || kind == BlockKind::Predict; }
constexpr bool has_attention(BlockKind kind) { return has_experts(kind) || kind == BlockKind::Dense; }

/// The six stretches of kernels between messages, as the published trace names them: attn(F), mlp(F),
/// mlp(B), attn(B), mlp(W), attn(W). Embedding and head use the Ffn ones alone.
enum class Segment : std::uint8_t {
  AttentionForward, FfnForward, FfnBackward, AttentionBackward, FfnWeight, AttentionWeight,
  Count
};
std::string_view segment_name(Segment segment);

/// Data moved through this GPU's memory by one kernel.
struct Move {
  Traffic traffic;
  Bytes bytes;
};
/// A kernel of some microseconds whose time does not follow its size.
struct Small {
  Seconds alone;
};
/// A collective that the compute stream waits for: tensor or context parallelism.
enum class Exchange : std::uint8_t { AllGather, ReduceScatter };
struct Message {
  Exchange kind;
  Bytes bytes;  ///< Of the whole gathered (or unreduced) tensor.
  int ranks;
  int stride;   ///< Distance of neighbours in GPU numbering: 1 for tensor, `tensor` for context.
};

/// One kernel or message, with no time yet: the operations of a step, not formulas of one.
struct KernelCall {
  std::string_view name;
  std::variant<Gemm, Attention, Move, Small, Message> work;
  int times = 1;
};

/// The kernels of one segment, in launch order.
///
/// `rows`: expert rows on this rank after padding each expert to 128 (experts only; else ignored).
/// Source: the kernel inventory of DeepSeek's published H800 training trace (deepseek-ai/profile-data 4496024)
/// for FP8; the BF16 list is the same layer without casts, as Megatron-LM launches it.
/// Checked: tests/models/work/trace_test.cpp compares each segment with the trace's wall time.
/// Leaves out: dropout, bias kernels fused into GEMM epilogues, the order of independent kernels.
std::vector<KernelCall> segment_work(const WorkShape& shape, BlockKind kind, Segment segment, std::int64_t rows);

/// Floating-point operations that the call executes (padding rows included).
Flops executed_flops(const KernelCall& call);

/// Expert rows on a rank if every expert were chosen equally often, after padding.
std::int64_t balanced_rows(const WorkShape& shape);

}  // namespace orrery
