#include "models/work/decode_work.hpp"

#include <algorithm>

#include "models/work/parts.hpp"

// Sizes: T tokens of the tensor group, d hidden, h heads of this rank.

namespace orrery {
namespace {

/// The gate as one fused kernel.
constexpr Seconds fused_gate{5e-6};

struct Sizes {
  std::int64_t t, own, d, h;
  explicit Sizes(const DecodeShape& s)
      : t(s.tokens()), own(s.own_tokens()), d(s.model->hidden), h(s.model->heads / s.tensor) {}
};

void cast(Calls& calls, const DecodeShape& s, std::int64_t elements) {
  if (s.precision == Precision::Fp8)
    move_bytes(calls, "cast", Traffic::CastToken, moved(elements, cast_bytes));
}

void multiply(Calls& calls, const DecodeShape& s, std::string_view name, std::int64_t m, std::int64_t n,
              std::int64_t k) {
  cast(calls, s, m * k);
  calls.push_back({name, Gemm{.m = m, .n = n, .k = k, .precision = s.precision}});
}

/// One small product a head, in BF16: rows of a head padded to 64.
void multiply_heads(Calls& calls, std::string_view name, const Sizes& z, std::int64_t n, std::int64_t k) {
  calls.push_back(
      {name,
       Gemm{.m = z.h * padded_rows(z.t), .n = n, .k = k, .groups = int(z.h), .rows = GroupRows::Masked}});
}

void across_tensor(Calls& calls, const DecodeShape& s, const Sizes& z, Exchange kind) {
  if (s.tensor > 1) calls.push_back({"tensor ranks", Message{kind, moved(z.t * z.d, 2), s.tensor, 1}});
}

Calls enter(const DecodeShape& s) {
  const Sizes z(s);
  Calls calls;
  move_bytes(calls, "norm", Traffic::Norm, moved(z.own * z.d, 4));
  across_tensor(calls, s, z, Exchange::AllGather);
  if (!s.model->latent) {
    const std::int64_t e = s.model->head_dim, g = std::max(1, s.model->key_value_heads / s.tensor);
    multiply(calls, s, "qkv", z.t, (z.h + 2 * g) * e, z.d);
    move_bytes(calls, "rope", Traffic::Rope, moved(z.t * (z.h + g) * e, 4));
    move_bytes(calls, "write cache", Traffic::Copy, moved(z.t * 2 * g * e, 4));
    return calls;
  }
  const LatentAttention& a = *s.model->latent;
  const std::int64_t width = z.h * (a.nope_dim + a.rope_dim);
  if (a.query_rank > 0) {
    multiply(calls, s, "q_down", z.t, a.query_rank, z.d);
    move_bytes(calls, "norm q", Traffic::Norm, moved(z.t * a.query_rank, 4));
    multiply(calls, s, "q_up", z.t, width, a.query_rank);
  } else {
    multiply(calls, s, "q", z.t, width, z.d);
  }
  multiply(calls, s, "kv_down", z.t, a.key_value_rank + a.rope_dim, z.d);
  move_bytes(calls, "norm kv, rope, write cache", Traffic::Copy,
             moved(z.t * (a.key_value_rank + a.rope_dim), 4));
  move_bytes(calls, "rope q", Traffic::Rope, moved(z.t * z.h * a.rope_dim, 4));
  multiply_heads(calls, "absorb keys", z, a.key_value_rank, a.nope_dim);
  return calls;
}

Calls core(const DecodeShape& s) {
  const Sizes z(s);
  DecodeAttention work{.sequences = s.sequences, .queries = s.queries, .keys = s.keys, .heads = int(z.h)};
  if (s.model->latent) {
    const LatentAttention& a = *s.model->latent;
    work.kept_width = a.key_value_rank + a.rope_dim;
    work.query_key_dim = work.kept_width;
    work.value_dim = a.key_value_rank;
  } else {
    work.query_key_dim = work.value_dim = s.model->head_dim;
    work.kept_width = 2 * std::max(1, s.model->key_value_heads / s.tensor) * s.model->head_dim;
  }
  return {{"attention against the cache", work}};
}

Calls leave(const DecodeShape& s, BlockKind kind) {
  const Sizes z(s);
  Calls calls;
  std::int64_t width = z.h * s.model->head_dim;
  if (s.model->latent) {
    const LatentAttention& a = *s.model->latent;
    multiply_heads(calls, "values from latents", z, a.value_dim, a.key_value_rank);
    width = z.h * a.value_dim;
  }
  multiply(calls, s, "o_proj", z.t, z.d, width);
  across_tensor(calls, s, z, Exchange::ReduceScatter);
  move_bytes(calls, "residual, norm", Traffic::NormResidual, moved(z.own * z.d, 8));
  if (has_experts(kind)) {
    calls.push_back({"router", Gemm{.m = z.own, .n = s.model->experts->routed, .k = z.d}});
    calls.push_back({"gate", Small{fused_gate}});
  }
  return calls;
}

/// A network over `tokens` rows that every token passes.
Calls network(const DecodeShape& s, std::int64_t tokens, std::int64_t width) {
  const std::int64_t d = s.model->hidden;
  Calls calls;
  if (width == 0) return calls;
  multiply(calls, s, "ffn up", tokens, s.model->gated ? 2 * width : width, d);
  move_bytes(calls, "activation", Traffic::Swiglu, moved(tokens * width, s.model->gated ? 6 : 4));
  multiply(calls, s, "ffn down", tokens, d, width);
  return calls;
}

Calls experts(const DecodeShape& s, ExpertRows filled) {
  const std::int64_t d = s.model->hidden, f = s.model->experts->width, u = s.model->gated ? 2 * f : f;
  Calls calls;
  if (filled.rows == 0) return calls;
  const auto product = [&](std::string_view name, std::int64_t n, std::int64_t k) {
    calls.push_back({name, Gemm{.m = filled.rows,
                                .n = n,
                                .k = k,
                                .groups = filled.experts,
                                .precision = s.precision,
                                .rows = GroupRows::Masked}});
  };
  product("experts up", u, d);
  move_bytes(
      calls, "experts activation", Traffic::Swiglu,
      moved(filled.rows * f, (s.model->gated ? 4.0 : 2.0) + (s.precision == Precision::Fp8 ? 1.0 : 2.0)));
  product("experts down", d, f);
  return calls;
}

}  // namespace

std::vector<KernelCall> decode_work(const DecodeShape& s, BlockKind kind, DecodePart part, ExpertRows rows) {
  switch (part) {
    case DecodePart::Enter:
      return enter(s);
    case DecodePart::Core:
      return core(s);
    case DecodePart::Leave:
      return leave(s, kind);
    case DecodePart::Shared:
      return has_experts(kind) ? network(s, s.own_tokens(), s.model->experts->shared_width) : Calls{};
    case DecodePart::Experts:
      if (has_experts(kind)) return experts(s, rows);
      // A dense network is shared as attention is: gathered before, scattered after.
      break;
    case DecodePart::Count:
      return {};
  }
  const Sizes z(s);
  Calls calls;
  across_tensor(calls, s, z, Exchange::AllGather);
  append(calls, network(s, z.t, s.model->dense_width / s.tensor));
  across_tensor(calls, s, z, Exchange::ReduceScatter);
  return calls;
}

std::vector<KernelCall> decode_ends(const DecodeShape& s) {
  const Sizes z(s);
  const std::int64_t columns = s.model->vocabulary / s.tensor;
  Calls calls;
  move_bytes(calls, "embedding", Traffic::Embedding, moved(z.own * z.d, 4));
  move_bytes(calls, "final norm", Traffic::Norm, moved(z.own * z.d, 4));
  across_tensor(calls, s, z, Exchange::AllGather);
  calls.push_back({"head", Gemm{.m = z.t, .n = columns, .k = z.d}});
  move_bytes(calls, "draw from logits", Traffic::Softmax, moved(z.t * columns, 6));
  return calls;
}

std::vector<KernelCall> decode_projection(const DecodeShape& s) {
  const Sizes z(s);
  Calls calls;
  move_bytes(calls, "norms before projection", Traffic::Norm, moved(2 * z.own * z.d, 4));
  multiply(calls, s, "projection", z.t, z.d / s.tensor, 2 * z.d);
  return calls;
}

}  // namespace orrery
