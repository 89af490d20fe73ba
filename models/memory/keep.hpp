#pragma once

#include "models/memory/activations.hpp"
#include "models/work/parts.hpp"

namespace orrery {

/// The parts of block_activations, one file each.
struct Part {
  KeptBytes kept, owed;
  Bytes outputs{};    ///< Results that somebody else keeps, alive while the part's forward runs.
  Bytes gradients{};  ///< Of the part's widest tensors, alive while its backward runs.
};
Part keep_attention(const WorkShape& shape, const KeepRules& rules);
/// A network of `width` that every token passes, with the norm before it.
Part keep_dense(const WorkShape& shape, const KeepRules& rules, std::int64_t width);
Part keep_experts(const WorkShape& shape, std::int64_t rows);
Part keep_projection(const WorkShape& shape, const KeepRules& rules);
Part keep_head(const WorkShape& shape, const KeepRules& rules);
Part keep_embedding(const WorkShape& shape, const KeepRules& rules);

/// Tokens that norms and residuals of one rank see.
inline std::int64_t shard_tokens(const WorkShape& shape, const KeepRules& rules) {
  return rules.split == TensorSplit::MatricesAndSequence ? shape.tokens() / shape.tensor : shape.tokens();
}
/// Bytes an element of what a product reads.
inline double operand_bytes(const WorkShape& shape) {
  return shape.precision == Precision::Fp8 ? 1 + fp8_scale : 2;
}
/// Sequence parallelism gathers all tokens before a block's matrices; nothing alone.
inline Bytes gathered(const WorkShape& shape) {
  return shape.tensor > 1 ? moved(shape.tokens() * shape.model->hidden, 2) : Bytes(0);
}
/// Recipes with unfused attention drop; those of today do not.
inline bool drops(const WorkShape& shape) { return shape.attention == AttentionKernel::Unfused; }

}  // namespace orrery
