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

/// What forward leaves. `x` is the caller's to keep, or to compute again from its norm before backward.
template <class Real>
struct AttentionKept {
  Matrix<Real> x;                 ///< [tokens, hidden]
  Matrix<Real> query_latent;      ///< [tokens, query_rank], before its norm; empty without query compression.
  Matrix<Real> key_value_latent;  ///< [tokens, key_value_rank + rope], before norm and rotation.
  Matrix<Real> query_normed, key_value_normed;  ///< Empty with recompute.norm or recompute.up_projection.
  /// [tokens, heads ...], queries and keys rotated; empty in MLA with recompute.up_projection, but for
  /// queries that no latent can give back.
  Matrix<Real> queries, keys, values;
  Matrix<Real> log_sums;  ///< [tokens, heads]: log of the softmax denominator, maximum included.
  Matrix<Real> mixed;     ///< [tokens, heads value_dim]; E5M6 in the FP8 recipe.
};

/// The attention core of one head-count: causal softmax(Q K^T scale) V.
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

/// mixed_i = sum over keys j at or before i of weight_ij value_j, weight_i = softmax of scale query_i .
/// key_j. queries [tokens, heads key_dim], keys [tokens, key_value_heads key_dim], values [tokens,
/// key_value_heads value_dim]; consecutive query heads share a key-value head.
///
/// Walked by panels of rows; the whole score matrix never exists. Entries above the diagonal, which the last
/// block of a panel brings with it, are set to 0 and not counted. In BF16 the operands and the weights
/// (relative to their row's largest, as flash-attention kernels have them) are rounded before the products,
/// and the result as it is stored; sums, maxima and exponentials are in the array's own type.
///
/// Counted    multiply-adds from the visited entries of every executed softmax row; bytes of Q, K, V, the
///            result and the statistics once for each row and head that brings them.
/// Source     FlashAttention-2, arXiv 2307.08691, without its online rescaling.
/// Checked    attention_core_test.cpp, 100 random shapes: a plain quadratic twin, within 3e-15 (double)
///            and 8e-7 (float) of the result's norm; no later token moves a bit of an earlier row.
/// Leaves out keys and values read again for every panel (they come from cache), dropout, other masks.
template <class Real>
CoreResult<Real> core_forward(const Matrix<Real>& queries, const Matrix<Real>& keys,
                              const Matrix<Real>& values, const CoreShape& shape, const Context& context);

template <class Real>
struct CoreGradients {
  Matrix<Real> d_queries, d_keys, d_values;  ///< As large as what they are the gradients of.
};
/// Gradients of `core_forward` from its result and statistics; scores are computed again by panels
/// (Recompute):
///
///   weight = exp(scale Q K^T - log_sum)          d_values = weight^T d_mixed
///   d_weight = d_mixed V^T                       d_score = scale weight (d_weight - d_mixed_i . mixed_i)
///   d_queries = d_score K                        d_keys = d_score^T Q
///
/// In BF16 `weight` and `d_score` are rounded before the products, the gradients as they are stored.
/// Counted    d_weight and d_values under AttentionMix, d_queries and d_keys under AttentionScores.
/// Checked    attention_core_test.cpp: central differences in double, worst of 100 random shapes 2.4e-8.
template <class Real>
CoreGradients<Real> core_backward(const Matrix<Real>& d_mixed, const Matrix<Real>& mixed,
                                  const Matrix<Real>& log_sums, const Matrix<Real>& queries,
                                  const Matrix<Real>& keys, const Matrix<Real>& values,
                                  const CoreShape& shape, const Context& context);

/// The core of the model's heads: scale (key_dim)^-1/2, times YaRN's factor where positions are extended.
CoreShape core_shape(const ModelShape& shape, int length);

/// y [tokens, hidden] of x [tokens, hidden]: MLA or GQA by the shape. `length`: tokens of a sequence;
/// positions start at 0 in each.
///
/// Kept       latents, their norms' outputs, queries, keys, values, softmax statistics (FP32) and the output
///            projection's input; counted in the bytes of their format, x excepted, which is the caller's. In
///            the FP8 recipe the output projection reads that input in E4M3 as every linear layer does, and
///            E5M6 with 1x128 tiles and power-of-two scales is what is kept, for its weight gradient and for
///            the core's backward.
/// Source     arXiv 2405.04434, section 2.1; arXiv 2412.19437, sections 3.2.3 and 3.3.3.
/// Checked    attention_test.cpp: MLA token by token from its definition, within 1e-13; central
///            differences in double, worst of 100 random shapes of each kind 1.2e-8; the same bits with and
///            without recomputation in float, BF16 and FP8.
/// Leaves out biases and norms of queries and keys, which some models with GQA have.
template <class Real>
Matrix<Real> attention_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                               const ModelShape& shape, int length, const Context& context,
                               AttentionKept<Real>& kept);
/// Returns d_x, adds to d_w. `kept.x` must be there.
template <class Real>
Matrix<Real> attention_backward(const Matrix<Real>& d_y, const AttentionKept<Real>& kept,
                                const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                                const Context& context, AttentionWeights<Real>& d_w);

}  // namespace orrery::reference
