#include <algorithm>

#include "models/work/parts.hpp"

// One rank's attention block. Sizes: T tokens, d hidden, h heads of this rank (all heads / tensor).
// MLA: queries d -> q -> h (n + r), keys and values d -> c + r -> h (n + v), attention over n + r and v.
// Grouped key-value heads are in grouped_work.cpp.

namespace orrery {
namespace {

struct Sizes {
  std::int64_t t, d, h;
  std::int64_t shard;  ///< Tokens that norms and residuals see: sequence parallelism splits them.
  std::int64_t
      keys;  ///< Tokens whose keys and values this rank expands: all ranks' under context parallelism.
  std::int64_t q = 0, c = 0, n = 0, r = 0, v = 0;  // MLA
  std::int64_t out;                                ///< Width of the attention output.

  explicit Sizes(const WorkShape& s)
      : t(s.tokens()),
        d(s.model->hidden),
        h(s.model->heads / s.tensor),
        shard(t / s.tensor),
        keys(std::int64_t(s.sequence) * s.micro_batch) {
    const LatentAttention& a = *s.model->latent;
    q = a.query_rank, c = a.key_value_rank, n = a.nope_dim, r = a.rope_dim, v = a.value_dim;
    out = h * v;
  }
};

Attention core(const WorkShape& s, const Sizes& z) {
  return {.batch = s.micro_batch * s.samples,
          .queries = s.sequence / s.samples / s.context,
          .keys = s.sequence / s.samples,
          .heads = int(z.h),
          .key_value_heads = int(z.h),
          .query_key_dim = int(z.n + z.r),
          .value_dim = int(z.v)};
}

void core_forward(Calls& calls, const WorkShape& s, const Sizes& z) {
  calls.push_back({"attention", core(s, z)});
}

void core_backward(Calls& calls, const WorkShape& s, const Sizes& z) {
  Attention backward = core(s, z);
  backward.backward = true;
  calls.push_back({"attention backward", backward});
}

/// Context parallelism: every rank of the group needs all keys. MLA sends the latent and the rotary key
/// ((c + r) BF16 numbers a token: 1,152 B in DeepSeek-V3) and repeats the up-projection for all of them.
void gather_keys(Calls& calls, const WorkShape& s, const Sizes& z, Exchange kind) {
  if (s.context == 1) return;
  calls.push_back({"context keys", Message{kind, moved(z.keys * (z.c + z.r), 2), s.context, s.tensor}});
}

/// From the compressed latents to what attention reads: run forward, and again in backward when the
/// up-projections are not kept.
void up_projections(Calls& calls, const WorkShape& s, const Sizes& z) {
  if (z.q > 0) {
    move_bytes(calls, "norm q", Traffic::Norm, moved(z.t * z.q, 4));
    cast_tokens(calls, s, "cast q", z.t * z.q);
    product(calls, s, "q_up", z.t, z.h * (z.n + z.r), z.q);
  }
  move_bytes(calls, "norm kv", Traffic::Norm, moved(z.keys * z.c, 4));
  cast_tokens(calls, s, "cast kv", z.keys * z.c);
  product(calls, s, "kv_up", z.keys, z.h * (z.n + z.v), z.c);
  move_bytes(calls, "rope q", Traffic::Rope, moved(z.t * z.h * z.r, 4));
  calls.push_back({"rope k", Small{Seconds(2e-6)}});
  move_bytes(calls, "broadcast rotary key", Traffic::StridedCopy, moved(z.keys * z.h * z.r, 2));
  move_bytes(calls, "assemble k", Traffic::Copy, moved(z.keys * z.h * z.n, 4));
  move_bytes(calls, "assemble v", Traffic::Copy, moved(z.keys * z.h * z.v, 4));
}

void latent_forward(Calls& calls, const WorkShape& s, const Sizes& z) {
  cast_tokens(calls, s, "cast x for q", z.t * z.d);
  if (z.q > 0) {
    product(calls, s, "q_down", z.t, z.q, z.d);
  } else {
    product(calls, s, "q", z.t, z.h * (z.n + z.r), z.d);
  }
  cast_tokens(calls, s, "cast x for kv", z.t * z.d);
  product(calls, s, "kv_down", z.t, z.c + z.r, z.d);
  gather_keys(calls, s, z, Exchange::AllGather);
  up_projections(calls, s, z);
}

}  // namespace

Calls attention_forward(const WorkShape& s) {
  if (!s.model->latent) return grouped_attention_forward(s);
  const Sizes z(s);
  Calls calls;
  move_bytes(calls, "norm", Traffic::Norm, moved(z.shard * z.d, 4));
  gather_sequence(calls, s);
  latent_forward(calls, s, z);
  core_forward(calls, s, z);
  if (s.precision == Precision::Fp8) {
    move_bytes(calls, "keep output in 12 bits", Traffic::CastTwelveBit, moved(z.t * z.out, twelve_bit_bytes));
  }
  cast_tokens(calls, s, "cast output", z.t * z.out);
  product(calls, s, "o_proj", z.t, z.d, z.out);
  scatter_sequence(calls, s);
  move_bytes(calls, "residual, norm", Traffic::NormResidual, moved(z.shard * z.d, 8));
  return calls;
}

Calls attention_backward(const WorkShape& s) {
  if (!s.model->latent) return grouped_attention_backward(s);
  const Sizes z(s);
  Calls calls;
  if (s.recompute.layer) append(calls, attention_forward(s));
  move_bytes(calls, "norm backward", Traffic::NormBackward, moved(z.shard * z.d, 6));
  move_bytes(calls, "residual", Traffic::Residual, moved(z.shard * z.d, 6));
  gather_sequence(calls, s);
  cast_tokens(calls, s, "cast gradient", z.t * z.d);
  transpose_weight(calls, s, "transpose o_proj", z.d * z.out);
  product(calls, s, "o_proj input gradient", z.t, z.out, z.d);
  if (s.precision == Precision::Fp8) {
    move_bytes(calls, "restore output from 12 bits", Traffic::RestoreTwelveBit,
               moved(z.t * z.out, twelve_bit_bytes));
  }
  cast_channels(calls, s, "o_proj operands", z.t * (z.d + z.out));
  if (s.recompute.norm) move_bytes(calls, "norm again", Traffic::Norm, moved(z.shard * z.d, 4));
  if (s.recompute.up_projection) up_projections(calls, s, z);
  core_backward(calls, s, z);
  move_bytes(calls, "rope q backward", Traffic::Rope, moved(z.t * z.h * z.r, 4));
  move_bytes(calls, "split key, value gradients", Traffic::Copy, moved(z.keys * z.h * (z.n + z.v), 4));
  if (z.q > 0) {
    cast_tokens(calls, s, "cast q gradient", z.t * z.h * (z.n + z.r));
    transpose_weight(calls, s, "transpose q_up", z.q * z.h * (z.n + z.r));
    product(calls, s, "q_up input gradient", z.t, z.q, z.h * (z.n + z.r));
  }
  cast_tokens(calls, s, "cast kv gradient", z.keys * z.h * (z.n + z.v));
  transpose_weight(calls, s, "transpose kv_up", z.c * z.h * (z.n + z.v));
  product(calls, s, "kv_up input gradient", z.keys, z.c, z.h * (z.n + z.v));
  gather_keys(calls, s, z, Exchange::ReduceScatter);
  const std::int64_t q_width = z.q > 0 ? z.q : z.h * (z.n + z.r);
  move_bytes(calls, "norm q, kv backward", Traffic::NormBackward, moved(z.t * (z.q + z.c), 6));
  cast_tokens(calls, s, "cast latent gradients", z.t * (q_width + z.c + z.r));
  transpose_weight(calls, s, "transpose q_down, kv_down", z.d * (q_width + z.c + z.r));
  product(calls, s, z.q > 0 ? "q_down input gradient" : "q input gradient", z.t, z.d, q_width);
  product(calls, s, "kv_down input gradient", z.t, z.d, z.c + z.r);
  cast_channels(calls, s, "q operands", z.t * ((z.q > 0 ? z.h * (z.n + z.r) + z.q : 0) + q_width + z.d));
  cast_channels(calls, s, "kv operands", z.keys * (z.h * (z.n + z.v) + z.c) + z.t * (z.c + z.r + z.d));
  move_bytes(calls, "add input gradients", Traffic::Residual, moved(z.t * z.d, 6));
  scatter_sequence(calls, s);
  move_bytes(calls, "norm backward", Traffic::NormBackward, moved(z.shard * z.d, 6));
  move_bytes(calls, "residual", Traffic::Residual, moved(z.shard * z.d, 6));
  return calls;
}

Calls attention_weight(const WorkShape& s) {
  if (!s.model->latent) return grouped_attention_weight(s);
  const Sizes z(s);
  Calls calls;
  accumulate(calls, s, "o_proj weight gradient", z.d, z.out, z.t);
  accumulate(calls, s, "kv_up weight gradient", z.h * (z.n + z.v), z.c, z.keys);
  if (z.q > 0) {
    accumulate(calls, s, "q_up weight gradient", z.h * (z.n + z.r), z.q, z.t);
    accumulate(calls, s, "q_down weight gradient", z.q, z.d, z.t);
  } else {
    accumulate(calls, s, "q weight gradient", z.h * (z.n + z.r), z.d, z.t);
  }
  accumulate(calls, s, "kv_down weight gradient", z.c + z.r, z.d, z.t);
  return calls;
}

}  // namespace orrery
