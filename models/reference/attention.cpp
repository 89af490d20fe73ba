#include "models/reference/attention.hpp"

#include <algorithm>
#include <cmath>

#include "models/reference/attention_kinds.hpp"
#include "models/reference/product.hpp"
#include "models/reference/scaling.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

constexpr double e5m6_bytes = 1.5;              ///< 1 + 5 + 6 bits.
constexpr double power_of_two_scale_bytes = 1;  ///< An exponent alone.
constexpr double statistic_bytes = 4;           ///< FP32.

/// Keeps the output projection's input as the recipe stores it.
template <class Real>
void keep_mixed(const Matrix<Real>& mixed, const Context& context, AttentionKept<Real>& kept) {
  double& bytes = context.ledger.kept(KeptTensor::AttentionOutput);
  if (context.numerics.linear != Precision::Fp8) {
    kept.mixed = mixed;
    bytes += activation_bytes(context) * double(kept.mixed.size());
    return;
  }
  kept.mixed = quantised(mixed, e5m6, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo);
  const Eigen::Index tiles = kept.mixed.rows() * ((kept.mixed.cols() + tile - 1) / tile);
  bytes += e5m6_bytes * double(kept.mixed.size()) + power_of_two_scale_bytes * double(tiles);
}

template <class Real>
void keep(HeadOperands<Real>& heads, CoreResult<Real>& core, const ModelShape& shape, const Context& context,
          AttentionKept<Real>& kept) {
  Ledger& ledger = context.ledger;
  // Only what comes out of a latent can be computed from it again.
  const bool from_latent = context.recompute.up_projection && shape.latent.has_value();
  if (!from_latent || shape.latent->query_rank == 0) kept.queries = std::move(heads.queries);
  if (!from_latent) {
    kept.keys = std::move(heads.keys);
    kept.values = std::move(heads.values);
  }
  kept.log_sums = std::move(core.log_sums);
  const double activation = activation_bytes(context);
  ledger.kept(KeptTensor::Queries) += activation * double(kept.queries.size());
  ledger.kept(KeptTensor::Keys) += activation * double(kept.keys.size());
  ledger.kept(KeptTensor::Values) += activation * double(kept.values.size());
  ledger.kept(KeptTensor::SoftmaxStatistics) += statistic_bytes * double(kept.log_sums.size());
  keep_mixed(core.mixed, context, kept);
}

}  // namespace

CoreShape core_shape(const ModelShape& shape, int length) {
  CoreShape core{.length = length, .heads = shape.heads};
  if (shape.latent) {
    core.key_value_heads = shape.heads;
    core.key_dim = shape.latent->nope_dim + shape.latent->rope_dim;
    core.value_dim = shape.latent->value_dim;
  } else {
    core.key_value_heads = shape.key_value_heads;
    core.key_dim = core.value_dim = shape.head_dim;
  }
  core.scale = yarn_softmax_factor(shape.rotary) / std::sqrt(double(core.key_dim));
  return core;
}

template <class Real>
void rotate_groups(Matrix<Real>& x, const ColumnGroups& groups, const RotaryShape& shape, int length,
                   Direction direction, const Context& context, Pass pass) {
  const RotaryTable<Real> table = rotary_table<Real>(shape, length, groups.dim);
  Tally& tally = context.ledger.at(Operation::Rotary, pass);
  for (int group = 0; group < groups.count; ++group) {
    rotate(x, groups.first + group * groups.stride, groups.dim, length, table, direction);
    const auto bytes = std::uint64_t(activation_bytes(context)) * std::uint64_t(x.rows() * groups.dim);
    tally.bytes_read += bytes;
    tally.bytes_written += bytes;
  }
  store_activation(x, context);
}

template <class Real>
Matrix<Real> attention_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                               const ModelShape& shape, int length, const Context& context,
                               AttentionKept<Real>& kept) {
  ORRERY_CHECK(length > 0 && x.rows() % length == 0 && x.cols() == shape.hidden);
  HeadOperands<Real> heads = shape.latent ? latent_forward(x, w, shape, length, context, kept)
                                          : grouped_forward(x, w, shape, length, context);
  CoreResult<Real> core =
      core_forward(heads.queries, heads.keys, heads.values, core_shape(shape, length), context);
  Matrix<Real> y =
      product_forward(core.mixed, w.output, context.numerics.linear, Operation::AttentionOutput, context);
  keep(heads, core, shape, context, kept);
  return y;
}

template <class Real>
Matrix<Real> attention_backward(const Matrix<Real>& d_y, const AttentionKept<Real>& kept,
                                const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                                const Context& context, AttentionWeights<Real>& d_w) {
  ORRERY_CHECK(kept.x.rows() == d_y.rows() && kept.x.cols() == shape.hidden);
  const Precision linear = context.numerics.linear;
  product_weight_gradient(d_y, kept.mixed, linear, Operation::AttentionOutput, context, d_w.output);
  const Matrix<Real> d_mixed =
      product_input_gradient(d_y, w.output, linear, Operation::AttentionOutput, context);

  AttentionKept<Real> again;
  if (shape.latent) again = latent_again(kept, w, shape, length, context);
  CoreGradients<Real> d = core_backward(
      d_mixed, kept.mixed, kept.log_sums, kept_or(kept.queries, again.queries),
      kept_or(kept.keys, again.keys), kept_or(kept.values, again.values), core_shape(shape, length), context);
  return shape.latent ? latent_backward(std::move(d), kept, again, w, shape, length, context, d_w)
                      : grouped_backward(std::move(d), kept, w, shape, length, context, d_w);
}

#define ORRERY_ATTENTION(Real)                                                                           \
  template void rotate_groups(Matrix<Real>&, const ColumnGroups&, const RotaryShape&, int, Direction,    \
                              const Context&, Pass);                                                     \
  template Matrix<Real> attention_forward(const Matrix<Real>&, const AttentionWeights<Real>&,            \
                                          const ModelShape&, int, const Context&, AttentionKept<Real>&); \
  template Matrix<Real> attention_backward(const Matrix<Real>&, const AttentionKept<Real>&,              \
                                           const AttentionWeights<Real>&, const ModelShape&, int,        \
                                           const Context&, AttentionWeights<Real>&);
ORRERY_ATTENTION(float)
ORRERY_ATTENTION(double)
#undef ORRERY_ATTENTION

}  // namespace orrery::reference
