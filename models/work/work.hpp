#pragma once

#include <cstdint>
#include <optional>
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
  bool operator==(const Recompute&) const = default;
};

/// Fused attention never writes its scores; the unfused one of 2021 does, and softmax is a kernel.
enum class AttentionKernel : std::uint8_t { Fused, Unfused };

/// How messages between the ranks that share a layer meet its kernels.
enum class LayerMessages : std::uint8_t {
  AllReduce,  ///< No sequence parallelism: norms and residuals run on all tokens of every tensor rank, one
              ///< all-reduce a part. Backward's runs beside the weight gradient (Megatron-LM,
              ///< LinearWithGradAccumulationAndAsync...).
  Exposed,    ///< Sequence parallelism; every gather and scatter is waited for.
  Backward,   ///< Sequence parallelism as in Megatron-LM (arXiv 2205.05198): forward waits; backward gathers
              ///< the input once more beside the input gradient and scatters beside the weight gradient.
  Pieces,  ///< As Transformer Engine's user buffers: forward's products are cut, a piece runs while the next
           ///< one travels; backward as above; a context exchange runs beside attention.
};

/// What shares one FP8 scale.
enum class Scaling : std::uint8_t {
  Tile,    ///< 1 x 128 and 128 x 128 (DeepSeek-V3): casts are kernels of their own, scales are laid out anew.
  Tensor,  ///< A tensor, known beforehand (Transformer Engine's delayed scaling): norms and activations write
           ///< FP8.
};

/// How one rank computes its share of a layer.
struct WorkShape {
  const Transformer* model = nullptr;
  int sequence = 0;     ///< Tokens of one sequence.
  int micro_batch = 1;  ///< Sequences.
  int samples = 1;      ///< Packed in a sequence, that do not see each other: attention stays within each.
  int tensor = 1;       ///< Ranks that share every matrix; `messages` says how they meet.
  int context = 1;      ///< Ranks that share every sequence.
  int expert = 1;       ///< Ranks that share the routed experts.
  Precision precision = Precision::Bf16;
  AttentionKernel attention = AttentionKernel::Fused;
  Recompute recompute;
  LayerMessages messages = LayerMessages::Exposed;
  Scaling scaling = Scaling::Tile;
  double received_per_row =
      1;  ///< Token copies received over expert rows (several experts on one rank share a copy).

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
  AttentionForward,
  FfnForward,
  FfnBackward,
  AttentionBackward,
  FfnWeight,
  AttentionWeight,
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
enum class Exchange : std::uint8_t { AllGather, ReduceScatter, AllReduce };
struct Message {
  Exchange kind;
  Bytes bytes;  ///< Of the whole gathered (or unreduced) tensor.
  int ranks;
  int stride;  ///< Distance of neighbours in GPU numbering: 1 for tensor, `tensor` for context.
};

/// A message on another stream while a kernel runs.
struct Travelling {
  enum class Order : std::uint8_t {
    Free,    ///< Neither waits for the other; what comes next waits for both.
    Feeds,   ///< The kernel is cut into pieces; the first is there, the others arrive.
    Drains,  ///< The kernel is cut into pieces; each leaves when it is computed.
  };
  Message message;
  Order order = Order::Free;
  int pieces = 1;
  int multiprocessors = 0;  ///< That the message's kernel takes from the other.
};

/// One kernel or message, with no time yet: the operations of a step, not formulas of one.
struct KernelCall {
  std::string_view name;
  std::variant<Gemm, Attention, DecodeAttention, Move, Small, Message> work;
  int times = 1;
  std::optional<Travelling> travelling = std::nullopt;
};

/// The kernels of one segment, in launch order.
///
/// `rows`: expert rows on this rank after padding each expert to 128 (experts only; else ignored).
/// Source: the kernel inventory of DeepSeek's published H800 training trace (deepseek-ai/profile-data
/// 4496024) for FP8 with tile scales, and the same layer without casts in BF16; grouped_work.cpp names the
/// sources of the layers of Megatron-LM and Transformer Engine. Checked: tests/models/work/trace_test.cpp
/// compares each segment with the trace's wall time. Leaves out: biases fused into GEMM epilogues, the order
/// of independent kernels.
std::vector<KernelCall> segment_work(const WorkShape& shape, BlockKind kind, Segment segment,
                                     std::int64_t rows);

/// Floating-point operations that the call executes (padding rows included).
Flops executed_flops(const KernelCall& call);

/// Expert rows on a rank if every expert were chosen equally often, after padding.
std::int64_t balanced_rows(const WorkShape& shape);

}  // namespace orrery
