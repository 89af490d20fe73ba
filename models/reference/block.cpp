#include "models/reference/block.hpp"

#include <utility>

#include "models/reference/norm.hpp"
#include "models/reference/product.hpp"

namespace orrery::reference {
namespace {

template <class Real>
void keep_input(const Matrix<Real>& x, const Context& context) {
  context.ledger.kept(KeptTensor::NormInput) += double(x.size()) * activation_bytes(context);
}

/// A norm's output as the next operation's kept input, or nothing where it is computed again.
template <class Real>
void keep_output(Matrix<Real>& normed, const Context& context, Matrix<Real>& kept) {
  kept.resize(0, 0);
  if (context.recompute.norm) return;
  context.ledger.kept(KeptTensor::NormOutput) += double(normed.size()) * linear_input_bytes(context);
  kept = std::move(normed);
}

/// The gate reads no FP8: where the products do, it has its own copy.
template <class Real>
void keep_gate_input(const Matrix<Real>& normed, const Context& context) {
  if (context.recompute.norm || context.numerics.linear != Precision::Fp8) return;
  context.ledger.kept(KeptTensor::NormOutput) += double(normed.size()) * activation_bytes(context);
}

/// The kept output of a norm, there again.
template <class Real>
void restore_output(const Matrix<Real>& input, const Vector<Real>& weight, const BlockSetting& setting,
                    const Context& context, Matrix<Real>& kept) {
  if (context.recompute.norm) {
    kept = norm_forward(input, weight, setting.shape.norm_epsilon, context, Pass::Recompute);
  }
}

template <class Real>
Matrix<Real> sum_stored(const Matrix<Real>& stream, const Matrix<Real>& branch, const Context& context) {
  Matrix<Real> sum = stream + branch;
  store_activation(sum, context);
  return sum;
}

}  // namespace

template <class Real>
Matrix<Real> block_forward(Matrix<Real> x, const BlockWeights<Real>& w, const BlockSetting& setting,
                           const Routing& routing, const Context& context, BlockKept<Real>& kept) {
  const ModelShape& shape = setting.shape;
  kept.input = std::move(x);
  keep_input(kept.input, context);
  Matrix<Real> normed = norm_forward(kept.input, w.attention_norm, shape.norm_epsilon, context);
  const Matrix<Real> attended =
      attention_forward(normed, w.attention, shape, setting.length, context, kept.attention);
  keep_output(normed, context, kept.attention.x);

  kept.middle = sum_stored(kept.input, attended, context);
  keep_input(kept.middle, context);
  normed = norm_forward(kept.middle, w.network_norm, shape.norm_epsilon, context);
  Matrix<Real> branch;
  if (has_experts(w)) {
    branch = moe_forward(normed, w.moe, routing.bias, *shape.experts, setting.balance, setting.length,
                         context, kept.moe, routing.fixed, routing.sampled);
    keep_gate_input(normed, context);
    keep_output(normed, context, kept.moe.x);
  } else {
    branch = ffn_forward(normed, w.dense, dense_ffn_names, context, kept.dense);
    keep_output(normed, context, kept.dense.x);
  }
  return sum_stored(kept.middle, branch, context);
}

template <class Real>
Matrix<Real> block_backward(const Matrix<Real>& d_y, BlockKept<Real>& kept, const BlockWeights<Real>& w,
                            const BlockSetting& setting, const Context& context, BlockWeights<Real>& d_w) {
  const ModelShape& shape = setting.shape;
  Matrix<Real> d_normed;
  if (has_experts(w)) {
    restore_output(kept.middle, w.network_norm, setting, context, kept.moe.x);
    d_normed = moe_backward(d_y, kept.moe, w.moe, *shape.experts, context, d_w.moe);
    kept.moe = {};
  } else {
    restore_output(kept.middle, w.network_norm, setting, context, kept.dense.x);
    d_normed = ffn_backward(d_y, kept.dense, w.dense, dense_ffn_names, context, d_w.dense);
    kept.dense = {};
  }
  const Matrix<Real> d_middle = sum_stored(
      d_y,
      norm_backward(d_normed, kept.middle, w.network_norm, shape.norm_epsilon, context, d_w.network_norm),
      context);

  restore_output(kept.input, w.attention_norm, setting, context, kept.attention.x);
  d_normed = attention_backward(d_middle, kept.attention, w.attention, shape, setting.length, context,
                                d_w.attention);
  kept.attention = {};
  return sum_stored(
      d_middle,
      norm_backward(d_normed, kept.input, w.attention_norm, shape.norm_epsilon, context, d_w.attention_norm),
      context);
}

#define ORRERY_INSTANTIATE(Real)                                                                         \
  template Matrix<Real> block_forward(Matrix<Real>, const BlockWeights<Real>&, const BlockSetting&,      \
                                      const Routing&, const Context&, BlockKept<Real>&);                 \
  template Matrix<Real> block_backward(const Matrix<Real>&, BlockKept<Real>&, const BlockWeights<Real>&, \
                                       const BlockSetting&, const Context&, BlockWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
