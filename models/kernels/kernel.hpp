#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "sim/units.hpp"
#include "topologies/hardware.hpp"

namespace orrery {

enum class Precision : std::uint8_t { Bf16, Fp8 };

/// What the product is for: kernels of one family differ by it. `Product` is D = A B with a BF16
/// result (forward and input gradient); `Accumulate` adds into FP32 (weight gradient).
enum class GemmPass : std::uint8_t { Product, Accumulate };

/// How FP8 products add up on Hopper: in the tensor cores' own 14 bits, or every few steps into FP32
/// registers.
enum class Accumulator : std::uint8_t { Fast, Split };

/// How a grouped product finds its groups' rows.
enum class GroupRows : std::uint8_t {
  Joined,  ///< One group after the other, each padded to 128.
  Masked,  ///< As many places for each, few of them filled (DeepGEMM's masked layout, for decoding); each
           ///< group's filled rows padded to 64.
};

/// D[m,n] += A[m,k] B[k,n], or `groups` of them that share two of the three sizes.
/// Grouped Product: m is the sum of the groups' rows, each group already padded as `rows` says.
/// Grouped Accumulate: k is the sum over the groups (each group contracts over its own rows).
struct Gemm {
  std::int64_t m, n, k;
  int groups = 1;  ///< 1: dense.
  GemmPass pass = GemmPass::Product;
  Precision precision = Precision::Bf16;
  Accumulator accumulator = Accumulator::Fast;  ///< Of FP8 with one scale a tensor.
  GroupRows rows = GroupRows::Joined;
};

/// Attention core softmax(Q K^T) V of one micro-batch.
struct Attention {
  int batch = 1;
  /// Tokens. Causal counts the lower triangle when they are equal; fewer queries than keys are an even sample
  /// of the sequence (one rank of a context-parallel group) and see half of the keys on average.
  int queries, keys;
  int heads, key_value_heads;
  int query_key_dim, value_dim;
  bool causal = true;
  bool backward = false;
};

/// Attention core of one generated token (or a few) for each of many sequences, against all that they have
/// kept.
struct DecodeAttention {
  int sequences = 1;
  int queries = 1;        ///< A sequence: 1, and the drafts of speculative decoding.
  std::int64_t keys = 0;  ///< Of all sequences together.
  int heads = 1;          ///< Of queries, on this rank.
  int kept_width = 0;  ///< Elements of the cache a token and layer; latent attention: latent and rotary key.
  int query_key_dim = 0, value_dim = 0;  ///< Of one head; latent attention after absorption: c + r and c.
};

/// Kernels that move data: one achieved bandwidth a class.
enum class Traffic : std::uint8_t {
  Norm,
  NormResidual,
  NormBackward,
  Rope,
  StridedCopy,
  Copy,
  Residual,
  Swiglu,
  SwigluBackward,
  CastToken,
  CastChannel,
  CastChannelGather,
  CastTwelveBit,
  RestoreTwelveBit,
  Dequantize,
  WeightTranspose,
  ScaleCopy,
  Permute,
  Unpermute,
  Softmax,
  Embedding,
  AttentionEdges,
  Optimizer,
  Elementwise,
  Count
};
std::string_view traffic_name(Traffic traffic);

/// What else holds multiprocessors while a kernel runs.
enum class Beside : std::uint8_t { Nothing, Barrier, Transfer };
constexpr int beside_count = 3;

/// One framework's kernels as sourced numbers, with the error on rows fitted and not fitted. Read from
/// a JSON file of `models/kernels/families`; every number was fitted to single kernels only.
struct KernelFamily;

/// Opaque to the callers but a plain value: see family.hpp.
Checked<KernelFamily> read_kernel_family(std::string_view json, std::string_view name);

/// All times are for a kernel alone on the GPU but for `communication_sms` multiprocessors that are
/// held by somebody else (0: none); `beside` adds the slowdown by shared memory traffic.
Seconds gemm_time(const KernelFamily&, const GpuSpec&, const Gemm&, int communication_sms, Beside beside);
Seconds attention_time(const KernelFamily&, const GpuSpec&, const Attention&, int communication_sms,
                       Beside beside);
/// Precondition: the family has constants of decoding.
Seconds decode_attention_time(const KernelFamily&, const GpuSpec&, const DecodeAttention&);
Seconds traffic_time(const KernelFamily&, const GpuSpec&, Traffic, Bytes moved, Beside beside);
/// A kernel of a few microseconds whose time does not follow its size.
Seconds small_kernel_time(const KernelFamily&, Seconds alone, Beside beside);
/// Time between two kernels on a full queue.
Seconds launch_gap(const KernelFamily&);

}  // namespace orrery
