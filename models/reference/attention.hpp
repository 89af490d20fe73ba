#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"
#include "models/reference/shape.hpp"

namespace orrery::reference {

/// Weights of one attention block; the latent ones or the grouped ones are filled, as the shape says.
template <class Real>
struct AttentionWeights {
  // MLA
  Matrix<Real> query_down;      ///< [query_rank, hidden]; empty without query compression.
  Vector<Real> query_norm;      ///< [query_rank]
  Matrix<Real> query_up;        ///< [heads (nope + rope), query_rank or hidden]
  Matrix<Real> key_value_down;  ///< [key_value_rank + rope, hidden]
  Vector<Real> key_value_norm;  ///< [key_value_rank]
  Matrix<Real> key_value_up;    ///< [heads (nope + value), key_value_rank]
  // GQA
  Matrix<Real> query, key, value;  ///< [heads head_dim, hidden], [key_value_heads head_dim, hidden] twice.
  // Both
  Matrix<Real> output;  ///< [hidden, heads value_dim]
};

template <class Real>
struct AttentionKept {
  Matrix<Real> x;                 ///< [tokens, hidden]; empty where the caller recomputes the norm before.
  Matrix<Real> query_latent;      ///< [tokens, query_rank], before its norm.
  Matrix<Real> key_value_latent;  ///< [tokens, key_value_rank + rope], before norm and rotation.
  Matrix<Real> query_normed, key_value_normed;  ///< Empty with recompute.norm or recompute.up_projection.
  Matrix<Real> queries, keys, values;  ///< [tokens, heads ...], rotated; empty with recompute.up_projection.
  Matrix<Real> log_sums;               ///< [tokens, heads]: log of the softmax denominator, maximum included.
  Matrix<Real> mixed;                  ///< [tokens, heads value_dim]; E5M6 in the FP8 recipe.
};

/// The attention core of one head-count: causal softmax(Q K^T scale) V over sequences of `length` tokens,
/// walked by panels of rows that never form the whole score matrix. Entries above the diagonal are neither
/// computed for the result nor counted.
struct CoreShape {
  int length = 0;  ///< Tokens of a sequence.
  int heads = 0, key_value_heads = 0;
  int key_dim = 0, value_dim = 0;
  double scale = 0;
};
template <class Real>
struct CoreResult {
  Matrix<Real> mixed;     ///< [tokens, heads value_dim]
  Matrix<Real> log_sums;  ///< [tokens, heads]
};
template <class Real>
CoreResult<Real> core_forward(const Matrix<Real>& queries, const Matrix<Real>& keys,
                              const Matrix<Real>& values, const CoreShape& shape, const Context& context);
template <class Real>
struct CoreGradients {
  Matrix<Real> d_queries, d_keys, d_values;
};
template <class Real>
CoreGradients<Real> core_backward(const Matrix<Real>& d_mixed, const CoreResult<Real>& forward,
                                  const Matrix<Real>& queries, const Matrix<Real>& keys,
                                  const Matrix<Real>& values, const CoreShape& shape, const Context& context);

/// y [tokens, hidden] of x [tokens, hidden]: MLA or GQA by the shape. `length`: tokens of a sequence;
/// positions start at 0 in each.
template <class Real>
Matrix<Real> attention_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                               const ModelShape& shape, int length, const Context& context,
                               AttentionKept<Real>& kept);
/// Returns d_x, adds to d_w. `kept.x` must be there again (the caller recomputes its norm).
template <class Real>
Matrix<Real> attention_backward(const Matrix<Real>& d_y, const AttentionKept<Real>& kept,
                                const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                                const Context& context, AttentionWeights<Real>& d_w);

}  // namespace orrery::reference
