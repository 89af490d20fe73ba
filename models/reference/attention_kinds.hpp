#pragma once

#include "models/reference/attention.hpp"
#include "models/reference/rotary.hpp"

namespace orrery::reference {

/// What the core multiplies: [tokens, heads key_dim], [tokens, key_value_heads key_dim],
/// [tokens, key_value_heads value_dim]; queries and keys are rotated.
template <class Real>
struct HeadOperands {
  Matrix<Real> queries, keys, values;
};

/// `kept` where it holds something, else `again`.
template <class Real>
const Matrix<Real>& kept_or(const Matrix<Real>& kept, const Matrix<Real>& again) {
  return kept.size() > 0 ? kept : again;
}

/// Some of the columns of an array: `count` groups of `dim`, each `stride` after the one before.
struct ColumnGroups {
  int first = 0, dim = 0, count = 1, stride = 0;
};
/// Rotates the groups by the shape's angles, stores the array as an activation and counts what was visited.
template <class Real>
void rotate_groups(Matrix<Real>& x, const ColumnGroups& groups, const RotaryShape& shape, int length,
                   Direction direction, const Context& context, Pass pass);

/// Multi-head latent attention up to the core and back from it (arXiv 2405.04434, section 2.1):
///
///   query latent                               = x query_down^T
///   queries of all heads                       = norm(query latent) query_up^T, their last part rotated
///   [key-value latent, rotary key]             = x key_value_down^T
///   [keys without position, values] of a head  = norm(key-value latent) key_value_up^T
///   keys of a head                             = [keys without position, the rotary key, rotated]
///
/// One rotary key serves all heads. Without query compression queries come from x.
template <class Real>
HeadOperands<Real> latent_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                                  const ModelShape& shape, int length, const Context& context,
                                  AttentionKept<Real>& kept);
/// What backward needs and `kept` lacks, computed again; everything else is left empty.
template <class Real>
AttentionKept<Real> latent_again(const AttentionKept<Real>& kept, const AttentionWeights<Real>& w,
                                 const ModelShape& shape, int length, const Context& context);
/// Returns d_x, adds to d_w.
template <class Real>
Matrix<Real> latent_backward(CoreGradients<Real> d, const AttentionKept<Real>& kept,
                             const AttentionKept<Real>& again, const AttentionWeights<Real>& w,
                             const ModelShape& shape, int length, const Context& context,
                             AttentionWeights<Real>& d_w);

/// Grouped-query attention (arXiv 2305.13245) up to the core and back: three projections, queries and keys
/// rotated over their whole width.
template <class Real>
HeadOperands<Real> grouped_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                                   const ModelShape& shape, int length, const Context& context);
template <class Real>
Matrix<Real> grouped_backward(CoreGradients<Real> d, const AttentionKept<Real>& kept,
                              const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                              const Context& context, AttentionWeights<Real>& d_w);

}  // namespace orrery::reference
