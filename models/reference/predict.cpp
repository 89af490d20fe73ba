#include "models/reference/predict.hpp"

#include "models/reference/norm.hpp"
#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// [norm(hidden); norm(embedded)], [tokens, 2 hidden].
template <class Real>
Matrix<Real> join(const PredictKept<Real>& kept, const PredictWeights<Real>& w, double epsilon,
                  const Context& context, Pass pass) {
  Matrix<Real> joined(kept.hidden.rows(), 2 * kept.hidden.cols());
  joined << norm_forward(kept.hidden, w.hidden_norm, epsilon, context, pass),
      norm_forward(kept.embedded, w.embedding_norm, epsilon, context, pass);
  return joined;
}

}  // namespace

template <class Real>
Matrix<Real> predict_forward(const Matrix<Real>& hidden, Tokens next, const ModelWeights<Real>& weights,
                             const PassSetting& setting, PredictKept<Real>& kept, PassResult& result) {
  ORRERY_CHECK(weights.predict.size() == 1 && std::size_t(hidden.rows()) == next.size());
  const PredictWeights<Real>& w = weights.predict.front();
  const Context& context = setting.context;
  kept.hidden = hidden;
  kept.embedded = embedding_forward(next, weights.embedding, context);
  Matrix<Real> joined = join(kept, w, setting.block.shape.norm_epsilon, context, Pass::Forward);
  Matrix<Real> projected =
      product_forward(joined, w.projection, context.numerics.linear, Operation::PredictProjection, context);
  Ledger& ledger = context.ledger;
  ledger.kept(KeptTensor::NormInput) +=
      double(kept.hidden.size() + kept.embedded.size()) * activation_bytes(context);
  if (!context.recompute.norm) {
    ledger.kept(KeptTensor::PredictInput) += double(joined.size()) * linear_input_bytes(context);
    kept.joined = std::move(joined);
  }
  return noted_block_forward(std::move(projected), w.block, setting, kept.block, result);
}

template <class Real>
Matrix<Real> predict_backward(const Matrix<Real>& d_y, Tokens next, PredictKept<Real>& kept,
                              const ModelWeights<Real>& weights, const PassSetting& setting,
                              ModelWeights<Real>& gradient) {
  const PredictWeights<Real>& w = weights.predict.front();
  PredictWeights<Real>& d_w = gradient.predict.front();
  const Context& context = setting.context;
  const Precision linear = context.numerics.linear;
  const double epsilon = setting.block.shape.norm_epsilon;
  const Eigen::Index hidden = kept.hidden.cols();
  const Matrix<Real> d_projected =
      block_backward(d_y, kept.block, w.block, setting.block, context, d_w.block);
  if (context.recompute.norm) kept.joined = join(kept, w, epsilon, context, Pass::Recompute);
  product_weight_gradient(d_projected, kept.joined, linear, Operation::PredictProjection, context,
                          d_w.projection);
  const Matrix<Real> d_joined =
      product_input_gradient(d_projected, w.projection, linear, Operation::PredictProjection, context);
  const Matrix<Real> d_left = d_joined.leftCols(hidden), d_right = d_joined.rightCols(hidden);
  const Matrix<Real> d_embedded =
      norm_backward(d_right, kept.embedded, w.embedding_norm, epsilon, context, d_w.embedding_norm);
  embedding_backward(next, d_embedded, context, gradient.embedding);
  return norm_backward(d_left, kept.hidden, w.hidden_norm, epsilon, context, d_w.hidden_norm);
}

#define ORRERY_INSTANTIATE(Real)                                                                \
  template Matrix<Real> predict_forward(const Matrix<Real>&, Tokens, const ModelWeights<Real>&, \
                                        const PassSetting&, PredictKept<Real>&, PassResult&);   \
  template Matrix<Real> predict_backward(const Matrix<Real>&, Tokens, PredictKept<Real>&,       \
                                         const ModelWeights<Real>&, const PassSetting&, ModelWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
