#include <algorithm>

#include "models/memory/keep.hpp"

// T tokens, d hidden, h heads of this rank. MLA: queries d -> q -> h (n + r), keys and values d -> c + r -> h
// (n + v). GQA: h query heads and g key-value heads of width e. Keys of all context ranks' tokens are here.

namespace orrery {
namespace {

/// 12 bits, and a power-of-two scale of one byte each 128; DeepSeek-V3 report, section 3.3.3.
constexpr double e5m6_bytes = 1.5 + 1.0 / 128;

struct Heads {
  std::int64_t t, keys, shard, d, h;
  std::int64_t queries, keys_width, values;  ///< Elements a token of Q, K and V.
  std::int64_t out;                          ///< Elements a token of the attention output.

  Heads(const WorkShape& s, const KeepRules& rules)
      : t(s.tokens()),
        keys(std::int64_t(s.sequence) * s.micro_batch),
        shard(shard_tokens(s, rules)),
        d(s.model->hidden),
        h(s.model->heads / s.tensor) {
    if (s.model->latent) {
      const LatentAttention& a = *s.model->latent;
      queries = keys_width = h * (a.nope_dim + a.rope_dim);
      values = out = h * a.value_dim;
    } else {
      queries = out = h * s.model->head_dim;
      keys_width = values =
          std::int64_t(std::max(1, s.model->key_value_heads / s.tensor)) * s.model->head_dim;
    }
  }
  std::int64_t all() const { return t * queries + keys * (keys_width + values); }
};

void keep_latents(Part& part, const WorkShape& s, const Heads& z) {
  const LatentAttention& a = *s.model->latent;
  const double operand = operand_bytes(s);
  part.kept[Kept::Attention] += moved(z.t * a.query_rank + z.keys * (a.key_value_rank + a.rope_dim), 2);
  if (!s.recompute.norm)
    part.kept[Kept::LinearInput] += moved(z.t * a.query_rank + z.keys * a.key_value_rank, operand);
  if (s.recompute.up_projection) {
    if (a.query_rank == 0) part.kept[Kept::Attention] += moved(z.t * z.queries, 2);
  } else {
    part.kept[Kept::Attention] += moved(z.all(), 2);
  }
  const std::int64_t down = (a.query_rank > 0 ? a.query_rank : z.queries) + a.key_value_rank + a.rope_dim;
  part.owed[Kept::LinearInput] += moved(z.t * a.query_rank + z.keys * a.key_value_rank, operand);
  part.owed[Kept::Gradient] += moved(z.t * down, operand);
  if (a.query_rank > 0) part.owed[Kept::Gradient] += moved(z.t * z.queries, operand);
  part.owed[Kept::Gradient] += moved(z.keys * z.h * (a.nope_dim + a.value_dim), operand);
}

void keep_heads(Part& part, const WorkShape& s, const Heads& z) {
  part.kept[Kept::Attention] += moved(z.all(), 2);
  // The norm of queries and keys needs them as they were before it.
  if (s.model->query_key_norm) part.kept[Kept::Attention] += moved(z.t * (z.queries + z.keys_width), 2);
  part.owed[Kept::Gradient] += moved(z.t * (z.queries + z.keys_width + z.values), operand_bytes(s));
}

}  // namespace

Part keep_attention(const WorkShape& s, const KeepRules& rules) {
  const Heads z(s, rules);
  const double operand = operand_bytes(s);
  Part part;
  part.kept[Kept::Residual] += moved(z.shard * z.d, drops(s) ? 3 : 2);
  if (!s.recompute.norm) part.kept[Kept::LinearInput] += moved(z.shard * z.d, operand);
  s.model->latent ? keep_latents(part, s, z) : keep_heads(part, s, z);
  if (s.attention == AttentionKernel::Fused) {
    part.kept[Kept::Attention] += moved(z.t * z.h, 4);
  } else if (!s.recompute.attention) {
    part.kept[Kept::Scores] += moved(s.micro_batch * z.h * (s.sequence / s.context) * s.sequence, 5);
  }
  part.kept[Kept::LinearInput] += moved(z.t * z.out, s.precision == Precision::Fp8 ? e5m6_bytes : 2);

  part.owed[Kept::LinearInput] += moved(z.shard * z.d + z.t * z.out, operand);
  part.owed[Kept::Gradient] += moved(z.shard * z.d, operand);

  part.outputs =
      moved(z.shard * z.d, 4) + gathered(s);  // The product's result and its sum with the residual.
  // Gradients of Q, K, V and the output in BF16, and the FP32 sum of the query gradient.
  part.gradients =
      moved(z.all() + z.t * z.out, 2) + moved(z.t * z.queries, 4) + moved(z.shard * z.d, 2) + gathered(s);
  return part;
}

}  // namespace orrery
