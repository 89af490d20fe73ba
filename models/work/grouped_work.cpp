#include <algorithm>

#include "models/work/parts.hpp"

// Attention with grouped (or all) key-value heads, and the network of a dense block. Sizes of one rank: T
// tokens, d hidden, h query and g key-value heads of width e, f the network's width.
//
// Unfused attention marks Megatron-LM's own layer of 2022 (megatron/model/transformer.py, fused_bias_gelu.py,
// fused_layer_norm.py; apex layer_norm_cuda_kernel.cu): dropout of scores, of both branches and of the
// embedding; each branch's bias, dropout and sum with the residual one kernel; the QKV bias and all bias
// gradients kernels of their own; a norm's backward reads twice, for the input and for its two weights; Q, K
// and V gradients are put together, and the context is transposed, by copies. FP8 with one scale a tensor
// marks Transformer Engine (delayed scaling, LayerNormLinear and LayerNormMLP): norms and activations write
// FP8; what a weight gradient reads is transposed, since Hopper's FP8 products take one layout alone.
// Checked: Megatron's layer of its 22B model (arXiv 2205.05198, Table 4) in tests/published_test.py.

namespace orrery {
namespace {

struct Sizes {
  std::int64_t t, d, h, g, e, f, up;
  std::int64_t shard;  ///< Tokens that norms and residuals see.
  std::int64_t qkv, out;

  explicit Sizes(const WorkShape& s)
      : t(s.tokens()),
        d(s.model->hidden),
        h(s.model->heads / s.tensor),
        g(std::max(1, s.model->key_value_heads / s.tensor)),
        e(s.model->head_dim),
        f(s.model->dense_width / s.tensor),
        up(s.model->gated ? 2 * f : f),
        shard(s.messages == LayerMessages::AllReduce ? t : t / s.tensor),
        qkv((h + 2 * g) * e),
        out(h * e) {}
};

bool drops(const WorkShape& s) { return s.attention == AttentionKernel::Unfused; }
bool scaled(const WorkShape& s, Scaling scaling) {
  return s.precision == Precision::Fp8 && s.scaling == scaling;
}

// Bytes an element that the fused kernels of Megatron-LM and Transformer Engine move.
constexpr double bias_dropout_add_bytes = 2 + 2 + 2 + 1;  ///< Branch and residual read; sum and mask written.
constexpr double dropout_gradient_bytes = 2 + 1 + 2;
constexpr double bias_gradient_bytes = 2;           ///< A sum over tokens.
constexpr double norm_cast_bytes = 2 + 1;           ///< BF16 in, FP8 out.
constexpr double cast_transpose_bytes = 2 + 1 + 1;  ///< BF16 in, FP8 out in both layouts.
constexpr double transpose_bytes = 1 + 1;           ///< FP8 in, FP8 out in the other layout.
constexpr double swiglu_gradient_bytes =
    2 + 4 + 2 + 2;  ///< Gradient and up output in, FP8 out in both layouts.

void norm(Calls& calls, const WorkShape& s, const Sizes& z) {
  move_bytes(calls, "norm", Traffic::Norm,
             moved(z.shard * z.d, scaled(s, Scaling::Tensor) ? norm_cast_bytes : 4));
}

/// The norm's input gradient, and its sum with the gradient that went around it.
void norm_backward(Calls& calls, const WorkShape& s, const Sizes& z) {
  const double weights = s.model->layer_norm_bias ? 4 : 0;  // apex reads output gradient and input once more.
  move_bytes(calls, "norm backward", Traffic::NormBackward, moved(z.shard * z.d, 6 + weights));
  move_bytes(calls, "residual", Traffic::Residual, moved(z.shard * z.d, 6));
}

/// The network's norm follows in one kernel with the sum, unless the recipe has both apart.
bool norm_follows_sum(const WorkShape& s) { return !drops(s) && !scaled(s, Scaling::Tensor); }

void add_residual(Calls& calls, const WorkShape& s, const Sizes& z) {
  if (drops(s)) {
    move_bytes(calls, "bias, dropout, add", Traffic::Elementwise,
               moved(z.shard * z.d, bias_dropout_add_bytes));
  } else {
    move_bytes(calls, "residual add", Traffic::Residual, moved(z.shard * z.d, 6));
  }
}

void dropout_gradient(Calls& calls, const WorkShape& s, const Sizes& z) {
  if (!drops(s)) return;
  const double bias = s.model->all_bias ? bias_gradient_bytes : 0;
  move_bytes(calls, "dropout, bias gradient", Traffic::Elementwise,
             moved(z.shard * z.d, dropout_gradient_bytes + bias));
}

void bias_gradient(Calls& calls, const WorkShape& s, std::int64_t elements) {
  if (drops(s) && s.model->all_bias)
    move_bytes(calls, "bias gradient", Traffic::Elementwise, moved(elements, bias_gradient_bytes));
}

/// Transformer Engine adds gradients' products in split accumulators (pytorch/module/base.py, _2X_ACC_DGRAD
/// and _WGRAD).
void gradient_product(Calls& calls, const WorkShape& s, std::string_view name, std::int64_t m, std::int64_t n,
                      std::int64_t k) {
  product(calls, s, name, m, n, k);
  if (scaled(s, Scaling::Tensor)) std::get<Gemm>(calls.back().work).accumulator = Accumulator::Split;
}
void weight_product(Calls& calls, const WorkShape& s, std::string_view name, std::int64_t m, std::int64_t n,
                    std::int64_t k) {
  accumulate(calls, s, name, m, n, k);
  if (scaled(s, Scaling::Tensor)) std::get<Gemm>(calls.back().work).accumulator = Accumulator::Split;
}

// --- Messages ---

Message sequence(const WorkShape& s, const Sizes& z, Exchange kind, double bytes_each) {
  return {kind, moved(z.t * z.d, bytes_each), s.tensor, 1};
}

// Multiprocessors that messages take: NCCL runs 24 channels in a node of A100 or H100, one each. Transformer
// Engine's as NeMo sets them for this model (NVIDIA/NeMo, tp_overlap_configs/userbuffers.py,
// userbuffers_fp8_h100_h16384_tp8_cp2).
constexpr int nccl_channels = 24;
struct Bulk {
  int gather, scatter;
};
constexpr Bulk qkv_bulk{2, 24}, up_bulk{2, 2};
struct Pipelined {
  int multiprocessors, pieces;
};
constexpr Pipelined ring{1, 0};  // A piece a rank, sent two at a time.
constexpr Pipelined output_pipeline{24, 4}, down_pipeline{8, 4};

Travelling travelling(const WorkShape& s, Message message, Pipelined cut, Travelling::Order order) {
  return {message, order, cut.pieces > 0 ? cut.pieces : std::max(2, s.tensor / 2), cut.multiprocessors};
}

/// What a column-parallel product reads: all tokens. FP8 travels where it is made before.
double gathered_bytes(const WorkShape& s) { return scaled(s, Scaling::Tensor) ? 1 : 2; }

/// `make` appends a product of all tokens, whose operand is gathered before or meanwhile.
template <class Make>
void after_gather(Calls& calls, const WorkShape& s, const Sizes& z, Make make) {
  const bool pieces = s.tensor > 1 && s.messages == LayerMessages::Pieces;
  const Message gather = sequence(s, z, Exchange::AllGather, gathered_bytes(s));
  if (s.tensor > 1 && !pieces && s.messages != LayerMessages::AllReduce)
    calls.push_back({"gather sequence", gather});
  make();
  if (pieces) calls.back().travelling = travelling(s, gather, ring, Travelling::Order::Feeds);
}

/// After a row-parallel product of forward: sums over ranks. User buffers carry FP8 sums (fp8_buf).
void reduce_forward(Calls& calls, const WorkShape& s, const Sizes& z, Pipelined cut) {
  if (s.tensor == 1) return;
  if (s.messages == LayerMessages::Pieces) {
    const Message scatter = sequence(s, z, Exchange::ReduceScatter, s.precision == Precision::Fp8 ? 1 : 2);
    calls.back().travelling = travelling(s, scatter, cut, Travelling::Order::Drains);
  } else if (s.messages == LayerMessages::AllReduce) {
    calls.push_back({"all-reduce", sequence(s, z, Exchange::AllReduce, 2)});
  } else {
    calls.push_back({"scatter sequence", sequence(s, z, Exchange::ReduceScatter, 2)});
  }
}

/// The input of a column-parallel product was kept as its shard: gathered once more for the weight gradient,
/// beside the input gradient where messages are not exposed.
void gather_again(Calls& calls, const WorkShape& s, const Sizes& z, Bulk bulk) {
  if (s.tensor == 1 || s.messages == LayerMessages::AllReduce) return;
  if (s.messages == LayerMessages::Exposed) {
    calls.push_back({"gather input again", sequence(s, z, Exchange::AllGather, gathered_bytes(s))});
    return;
  }
  const int held = s.messages == LayerMessages::Pieces ? bulk.gather : nccl_channels;
  calls.back().travelling =
      Travelling{sequence(s, z, Exchange::AllGather, gathered_bytes(s)), Travelling::Order::Free, 1, held};
}

/// The sum of input gradients over ranks, where it is waited for.
void reduce_backward(Calls& calls, const WorkShape& s, const Sizes& z) {
  if (s.tensor > 1 && s.messages == LayerMessages::Exposed) {
    calls.push_back({"scatter sequence", sequence(s, z, Exchange::ReduceScatter, 2)});
  }
}

/// ... and beside the weight gradient where it is not.
void reduce_beside(Calls& calls, const WorkShape& s, const Sizes& z, Bulk bulk) {
  if (s.tensor == 1 || s.messages == LayerMessages::Exposed) return;
  const Exchange kind =
      s.messages == LayerMessages::AllReduce ? Exchange::AllReduce : Exchange::ReduceScatter;
  const int held = s.messages == LayerMessages::Pieces ? bulk.scatter : nccl_channels;
  calls.back().travelling = Travelling{sequence(s, z, kind, 2), Travelling::Order::Free, 1, held};
}

// --- Attention core ---

/// Scores and probabilities written out: two batched products and the softmax passes between them (scale,
/// mask and softmax fused: read and write; dropout: read, write and a mask of one byte).
void unfused_core(Calls& calls, const WorkShape& s, const Sizes& z, int products) {
  const int matrices = int(s.micro_batch * z.h);
  const std::int64_t rows = std::int64_t(matrices) * (s.sequence / s.context);
  calls.push_back(
      {"attention products", Gemm{.m = rows, .n = s.sequence, .k = z.e, .groups = matrices}, products});
  move_bytes(calls, "softmax, dropout", Traffic::Softmax, moved(rows * s.sequence, products == 2 ? 9 : 11));
}

enum class Way : std::uint8_t { Forward, Backward };

/// Every rank of a context-parallel group needs all keys and values; their gradients go back.
void core(Calls& calls, const WorkShape& s, const Sizes& z, Way way) {
  const bool backward = way == Way::Backward;
  const std::int64_t keys = std::int64_t(s.sequence) * s.micro_batch;
  const Message exchange{backward ? Exchange::ReduceScatter : Exchange::AllGather,
                         moved(keys * 2 * z.g * z.e, 2), s.context, s.tensor};
  const bool beside =
      s.context > 1 && s.messages == LayerMessages::Pieces && s.attention == AttentionKernel::Fused;
  if (s.context > 1 && !beside && !backward) calls.push_back({"context keys", exchange});
  if (s.attention == AttentionKernel::Unfused) {
    unfused_core(calls, s, z, backward ? 4 : 2);
  } else {
    calls.push_back({backward ? "attention backward" : "attention",
                     Attention{.batch = s.micro_batch * s.samples,
                               .queries = s.sequence / s.samples / s.context,
                               .keys = s.sequence / s.samples,
                               .heads = int(z.h),
                               .key_value_heads = int(z.g),
                               .query_key_dim = int(z.e),
                               .value_dim = int(z.e),
                               .backward = backward}});
  }
  if (beside) {
    // A ring: a rank computes on the keys that it has while the next ones arrive.
    calls.back().travelling = Travelling{exchange, Travelling::Order::Feeds, s.context, ring.multiprocessors};
    const double parts = s.context - 1;  // Outputs of the parts are put together: two read, one written.
    if (!backward)
      move_bytes(calls, "put parts together", Traffic::Elementwise, moved(z.t * z.out, 6 * parts));
  }
  if (s.context > 1 && !beside && backward) calls.push_back({"context keys", exchange});
}

void rope(Calls& calls, const WorkShape& s, const Sizes& z, std::string_view name) {
  if (!s.model->learned_positions) move_bytes(calls, name, Traffic::Rope, moved(z.t * (z.h + z.g) * z.e, 4));
}

}  // namespace

Calls grouped_attention_forward(const WorkShape& s) {
  const Sizes z(s);
  Calls calls;
  norm(calls, s, z);
  after_gather(calls, s, z, [&] {
    if (scaled(s, Scaling::Tile)) cast_tokens(calls, s, "cast x", z.t * z.d);
    product(calls, s, "qkv", z.t, z.qkv, z.d);
  });
  if (drops(s) && s.model->all_bias)
    move_bytes(calls, "qkv bias", Traffic::Elementwise, moved(z.t * z.qkv, 4));
  rope(calls, s, z, "rope");
  if (s.model->query_key_norm) move_bytes(calls, "norm qk", Traffic::Norm, moved(z.t * (z.h + z.g) * z.e, 4));
  core(calls, s, z, Way::Forward);
  if (drops(s)) move_bytes(calls, "transpose context", Traffic::Copy, moved(z.t * z.out, 4));
  if (scaled(s, Scaling::Tile)) {
    move_bytes(calls, "keep output in 12 bits", Traffic::CastTwelveBit, moved(z.t * z.out, twelve_bit_bytes));
    cast_tokens(calls, s, "cast output", z.t * z.out);
  }
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "cast output", Traffic::CastChannel, moved(z.t * z.out, cast_transpose_bytes));
  product(calls, s, "o_proj", z.t, z.d, z.out);
  reduce_forward(calls, s, z, output_pipeline);
  if (norm_follows_sum(s)) {
    move_bytes(calls, "residual, norm", Traffic::NormResidual, moved(z.shard * z.d, 8));
  } else {
    add_residual(calls, s, z);
  }
  return calls;
}

Calls grouped_attention_backward(const WorkShape& s) {
  const Sizes z(s);
  Calls calls;
  if (s.recompute.layer) append(calls, grouped_attention_forward(s));
  norm_backward(calls, s, z);
  dropout_gradient(calls, s, z);
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "cast gradient", Traffic::CastToken, moved(z.shard * z.d, norm_cast_bytes));
  after_gather(calls, s, z, [&] {
    if (scaled(s, Scaling::Tile)) {
      cast_tokens(calls, s, "cast gradient", z.t * z.d);
      transpose_weight(calls, s, "transpose o_proj", z.d * z.out);
    }
    gradient_product(calls, s, "o_proj input gradient", z.t, z.out, z.d);
  });
  if (scaled(s, Scaling::Tile)) {
    move_bytes(calls, "restore output from 12 bits", Traffic::RestoreTwelveBit,
               moved(z.t * z.out, twelve_bit_bytes));
    cast_channels(calls, s, "o_proj operands", z.t * (z.d + z.out));
  }
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "transpose gradient", Traffic::WeightTranspose, moved(z.t * z.d, transpose_bytes));
  if (s.recompute.norm) norm(calls, s, z);
  if (s.recompute.attention && drops(s)) core(calls, s, z, Way::Forward);
  core(calls, s, z, Way::Backward);
  if (drops(s)) move_bytes(calls, "assemble qkv gradient", Traffic::Copy, moved(z.t * z.qkv, 4));
  rope(calls, s, z, "rope backward");
  if (s.model->query_key_norm) {
    move_bytes(calls, "norm qk backward", Traffic::NormBackward, moved(z.t * (z.h + z.g) * z.e, 6));
  }
  bias_gradient(calls, s, z.t * z.qkv);
  if (scaled(s, Scaling::Tile)) {
    cast_tokens(calls, s, "cast qkv gradient", z.t * z.qkv);
    transpose_weight(calls, s, "transpose qkv", z.d * z.qkv);
  }
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "cast qkv gradient", Traffic::CastChannel, moved(z.t * z.qkv, cast_transpose_bytes));
  gradient_product(calls, s, "qkv input gradient", z.t, z.d, z.qkv);
  gather_again(calls, s, z, qkv_bulk);
  if (scaled(s, Scaling::Tile)) cast_channels(calls, s, "qkv operands", z.t * (z.qkv + z.d));
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "transpose input", Traffic::WeightTranspose, moved(z.t * z.d, transpose_bytes));
  reduce_backward(calls, s, z);
  norm_backward(calls, s, z);
  return calls;
}

Calls grouped_attention_weight(const WorkShape& s) {
  const Sizes z(s);
  Calls calls;
  weight_product(calls, s, "o_proj weight gradient", z.d, z.out, z.t);
  weight_product(calls, s, "qkv weight gradient", z.qkv, z.d, z.t);
  reduce_beside(calls, s, z, qkv_bulk);
  return calls;
}

Calls network_forward(const WorkShape& s) {
  const Sizes z(s);
  const double up_read = s.model->gated ? 4 : 2, written = s.precision == Precision::Fp8 ? 1 : 2;
  Calls calls;
  if (!norm_follows_sum(s)) norm(calls, s, z);
  after_gather(calls, s, z, [&] {
    if (scaled(s, Scaling::Tile)) cast_tokens(calls, s, "cast x", z.t * z.d);
    product(calls, s, "ffn up", z.t, z.up, z.d);
  });
  move_bytes(calls, "activation", Traffic::Swiglu, moved(z.t * z.f, up_read + written));
  if (scaled(s, Scaling::Tile)) cast_tokens(calls, s, "keep up output in FP8", z.t * z.up);
  product(calls, s, "ffn down", z.t, z.d, z.f);
  reduce_forward(calls, s, z, down_pipeline);
  add_residual(calls, s, z);
  return calls;
}

Calls network_backward(const WorkShape& s) {
  const Sizes z(s);
  Calls calls;
  if (s.recompute.layer) append(calls, network_forward(s));
  dropout_gradient(calls, s, z);
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "cast gradient", Traffic::CastToken, moved(z.shard * z.d, norm_cast_bytes));
  after_gather(calls, s, z, [&] {
    if (scaled(s, Scaling::Tile)) {
      cast_tokens(calls, s, "cast gradient", z.t * z.d);
      transpose_weight(calls, s, "transpose ffn", z.d * (z.f + z.up));
    }
    gradient_product(calls, s, "ffn down input gradient", z.t, z.f, z.d);
  });
  if (scaled(s, Scaling::Tensor)) {
    move_bytes(calls, "transpose gradient, activation", Traffic::WeightTranspose,
               moved(z.t * (z.d + z.f), transpose_bytes));
  }
  if (scaled(s, Scaling::Tile))
    move_bytes(calls, "restore up output", Traffic::Dequantize, moved(z.t * z.up, cast_bytes));
  // Forward again and backward in one pass: reads up output and gradient, writes their gradient and the
  // activation.
  const double bf16 = s.model->gated ? 12 : 8;
  move_bytes(calls, "activation backward", Traffic::SwigluBackward,
             moved(z.t * z.f, scaled(s, Scaling::Tensor) && s.model->gated ? swiglu_gradient_bytes : bf16));
  if (s.recompute.activation && !s.recompute.layer) {
    const double up_read = s.model->gated ? 4 : 2, written = s.precision == Precision::Fp8 ? 1 : 2;
    move_bytes(calls, "activation again", Traffic::Swiglu, moved(z.t * z.f, up_read + written));
  }
  bias_gradient(calls, s, z.t * z.up);
  if (scaled(s, Scaling::Tile)) cast_tokens(calls, s, "cast up gradient", z.t * z.up);
  gradient_product(calls, s, "ffn up input gradient", z.t, z.d, z.up);
  gather_again(calls, s, z, up_bulk);
  if (scaled(s, Scaling::Tile)) cast_channels(calls, s, "ffn operands", z.t * (2 * z.d + z.f + z.up));
  if (scaled(s, Scaling::Tensor))
    move_bytes(calls, "transpose input", Traffic::WeightTranspose, moved(z.t * z.d, transpose_bytes));
  reduce_backward(calls, s, z);
  return calls;
}

Calls network_weight(const WorkShape& s) {
  const Sizes z(s);
  Calls calls;
  weight_product(calls, s, "ffn down weight gradient", z.d, z.f, z.t);
  weight_product(calls, s, "ffn up weight gradient", z.up, z.d, z.t);
  reduce_beside(calls, s, z, up_bulk);
  return calls;
}

}  // namespace orrery
