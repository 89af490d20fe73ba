#pragma once

#include <cstdint>
#include <span>

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

using Tokens = std::span<const std::int32_t>;

/// x [tokens, hidden]: row t is row tokens[t] of `embedding` [vocabulary, hidden], stored as an activation.
template <class Real>
Matrix<Real> embedding_forward(Tokens tokens, const Matrix<Real>& embedding, const Context& context);
/// Adds each row of d_x to its token's row of d_embedding, in the order of tokens.
template <class Real>
void embedding_backward(Tokens tokens, const Matrix<Real>& d_x, const Context& context,
                        Matrix<Real>& d_embedding);

/// Sum over rows of the cross-entropy -log softmax(logits)[target], in nats: the row's maximum subtracted, a
/// row in the array's own type, their sum in double. Leaves the sum's gradient in `logits` [tokens,
/// vocabulary]: softmax less 1 at the target. Not a number anywhere in a row makes the sum one.
template <class Real>
double cross_entropy_sum(Matrix<Real>& logits, Tokens targets);

/// The shared end of main model and MTP module: cross-entropy of softmax(norm(x) head^T).
template <class Real>
struct HeadWeights {
  const Vector<Real>& norm;    ///< [hidden]
  const Matrix<Real>& output;  ///< [vocabulary, hidden]
  double epsilon;
};
template <class Real>
struct HeadGradients {
  Vector<Real>& d_norm;
  Matrix<Real>& d_output;
  Matrix<Real>& d_x;  ///< [tokens, hidden], set.
};

/// [tokens, vocabulary]
template <class Real>
Matrix<Real> head_logits(const Matrix<Real>& x, const HeadWeights<Real>& w, const Context& context);

/// Mean cross-entropy over tokens. The logits are made, used and dropped by chunks of rows, so that a long
/// batch times a large vocabulary never lies in memory whole; the product is in `numerics.other`.
template <class Real>
double head_loss(const Matrix<Real>& x, const HeadWeights<Real>& w, Tokens targets, const Context& context);

/// The same with the gradient of `scale` times it; adds to d_norm and d_output. Backward of a chunk follows
/// its forward at once, in place.
///
/// Kept     the norm's input, HeadInput and Logits (one a token, stored as activations) as a framework with a
///          fused loss keeps them, though here only one chunk of logits is alive.
/// Counted  Head's weight bytes once a chunk of 256 rows; Loss reads logits forward, reads and writes them
///          backward.
/// Checked  tests/models/reference/model_test.cpp: central differences in double; chunked against whole.
template <class Real>
double head_loss_backward(const Matrix<Real>& x, const HeadWeights<Real>& w, Tokens targets, double scale,
                          const Context& context, const HeadGradients<Real>& gradients);

}  // namespace orrery::reference
