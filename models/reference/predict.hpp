#pragma once

#include "models/reference/trunk.hpp"

namespace orrery::reference {

/// What the MTP module's forward leaves for its backward.
template <class Real>
struct PredictKept {
  Matrix<Real> hidden;    ///< [tokens, hidden] the main model's, before its final norm.
  Matrix<Real> embedded;  ///< [tokens, hidden] embedding of each position's next token.
  Matrix<Real> joined;    ///< [tokens, 2 hidden] both after their norms; empty with recompute.norm.
  BlockKept<Real> block;
};

/// Multi-token prediction: h' = projection [norm(hidden); norm(embedding of the next token)], then one block;
/// [tokens, hidden], before the module's own final norm and the shared head. hidden [tokens, hidden] is the
/// main model's output before its final norm; next[t] the token after position t; embedding and head are the
/// main model's own. The projection is a linear layer: FP8 in the FP8 recipe.
///
/// Kept     both norms' inputs (NormInput) and, unless `recompute.norm`, the projection's (PredictInput).
/// Source   DeepSeek-V3 report, arXiv 2412.19437, section 2.2, equations 21-23.
/// Checked  tests/models/reference/model_test.cpp: as part of the whole model; from the definition by hand.
template <class Real>
Matrix<Real> predict_forward(const Matrix<Real>& hidden, Tokens next, const ModelWeights<Real>& weights,
                             const PassSetting& setting, PredictKept<Real>& kept, PassResult& result);
/// Returns d_hidden, adds to the gradients of the module and of the shared embedding. `kept` is used up.
template <class Real>
Matrix<Real> predict_backward(const Matrix<Real>& d_y, Tokens next, PredictKept<Real>& kept,
                              const ModelWeights<Real>& weights, const PassSetting& setting,
                              ModelWeights<Real>& gradient);

}  // namespace orrery::reference
