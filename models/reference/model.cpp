#include "models/reference/model.hpp"

#include <utility>

#include "models/reference/predict.hpp"
#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// Token `shift` places after each input: 0 the inputs, 1 their targets, 2 the MTP module's.
std::vector<std::int32_t> shifted(const Batch& batch, int shift) {
  const std::size_t stride = std::size_t(batch.length) + 2;
  ORRERY_CHECK(batch.length > 0 && batch.tokens.size() == stride * std::size_t(batch.sequences));
  std::vector<std::int32_t> tokens;
  tokens.reserve(std::size_t(batch.length) * std::size_t(batch.sequences));
  for (int s = 0; s < batch.sequences; ++s) {
    const Tokens from =
        batch.tokens.subspan(std::size_t(s) * stride + std::size_t(shift), std::size_t(batch.length));
    tokens.insert(tokens.end(), from.begin(), from.end());
  }
  return tokens;
}

/// [tokens] each of every position.
struct Texts {
  std::vector<std::int32_t> input, next, second;
  explicit Texts(const Batch& batch)
      : input(shifted(batch, 0)), next(shifted(batch, 1)), second(shifted(batch, 2)) {}
};

template <class Real>
bool predicts(const ModelWeights<Real>& weights, const LossRule& rule) {
  return rule.predict_weight != 0 && !weights.predict.empty();
}

template <class Real>
HeadWeights<Real> main_head(const ModelWeights<Real>& weights, const ModelShape& shape) {
  return {weights.final_norm, weights.head, shape.norm_epsilon};
}
template <class Real>
HeadWeights<Real> predict_head(const ModelWeights<Real>& weights, const ModelShape& shape) {
  return {weights.predict.front().final_norm, weights.head, shape.norm_epsilon};
}

/// What was kept is dropped with a forward pass that nothing follows.
void forget_kept(const Ledger& before, Ledger& ledger) {
  for (std::size_t k = 0; k < std::size_t(KeptTensor::Count); ++k) {
    ledger.kept(KeptTensor(k)) = before.kept(KeptTensor(k));
  }
}

}  // namespace

template <class Real>
PassResult forward_backward(const ModelShape& shape, const ModelWeights<Real>& weights, const Biases& biases,
                            const Batch& batch, const LossRule& rule, const Context& context,
                            ModelWeights<Real>& gradient, const std::vector<Indices>* fixed) {
  const Texts text(batch);
  const PassSetting setting{{shape, rule.balance, batch.length}, biases, fixed, context};
  PassResult result;
  std::vector<BlockKept<Real>> kept;
  const Matrix<Real> hidden = trunk_forward<Real>(text.input, weights, setting, &kept, result);
  Matrix<Real> d_hidden;
  result.loss = head_loss_backward<Real>(hidden, main_head(weights, shape), text.next, 1, context,
                                         {gradient.final_norm, gradient.head, d_hidden});
  if (predicts(weights, rule)) {
    PredictKept<Real> predict_kept;
    const Matrix<Real> y = predict_forward<Real>(hidden, text.next, weights, setting, predict_kept, result);
    Matrix<Real> d_y;
    result.predict_loss =
        head_loss_backward<Real>(y, predict_head(weights, shape), text.second, rule.predict_weight, context,
                                 {gradient.predict.front().final_norm, gradient.head, d_y});
    d_hidden += predict_backward<Real>(d_y, text.next, predict_kept, weights, setting, gradient);
    store_activation(d_hidden, context);
  }
  trunk_backward<Real>(std::move(d_hidden), text.input, weights, setting, kept, gradient);
  return result;
}

template <class Real>
PassResult evaluate(const ModelShape& shape, const ModelWeights<Real>& weights, const Biases& biases,
                    const Batch& batch, const LossRule& rule, const Context& context,
                    const std::vector<Indices>* fixed) {
  const Ledger before = context.ledger;
  const Texts text(batch);
  const PassSetting setting{{shape, rule.balance, batch.length}, biases, fixed, context};
  PassResult result;
  const Matrix<Real> hidden = trunk_forward<Real>(text.input, weights, setting, nullptr, result);
  result.loss = head_loss<Real>(hidden, main_head(weights, shape), text.next, context);
  if (predicts(weights, rule)) {
    PredictKept<Real> dropped;
    const Matrix<Real> y = predict_forward<Real>(hidden, text.next, weights, setting, dropped, result);
    result.predict_loss = head_loss<Real>(y, predict_head(weights, shape), text.second, context);
  }
  forget_kept(before, context.ledger);
  return result;
}

#define ORRERY_INSTANTIATE(Real)                                                                           \
  template PassResult forward_backward(const ModelShape&, const ModelWeights<Real>&, const Biases&,        \
                                       const Batch&, const LossRule&, const Context&, ModelWeights<Real>&, \
                                       const std::vector<Indices>*);                                       \
  template PassResult evaluate(const ModelShape&, const ModelWeights<Real>&, const Biases&, const Batch&,  \
                               const LossRule&, const Context&, const std::vector<Indices>*)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
