#include "models/reference/norm.hpp"

#include <array>
#include <cmath>

#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// Sum of term(0) .. term(count - 1) in eight lanes: the order is the same wherever a row lies in memory.
template <class Real, class Term>
Real lane_sum(Index count, Term&& term) {
  constexpr Index lanes = 8;
  std::array<Real, lanes> sum{};
  Index i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (Index lane = 0; lane < lanes; ++lane) sum[std::size_t(lane)] += term(i + lane);
  }
  for (Index lane = 0; i + lane < count; ++lane) sum[std::size_t(lane)] += term(i + lane);
  Real all = 0;
  for (const Real of_lane : sum) all += of_lane;
  return all;
}

/// 1 / sqrt(mean(x^2) + epsilon) of one row.
template <class Real>
Real inverse_size(const Real* x, Index width, double epsilon) {
  const Real squares = lane_sum<Real>(width, [&](Index i) { return x[i] * x[i]; });
  return Real(1) / std::sqrt(squares / Real(width) + Real(epsilon));
}

}  // namespace

template <class Real>
Matrix<Real> norm_forward(const Matrix<Real>& x, const Vector<Real>& weight, double epsilon,
                          const Context& context, Pass pass) {
  ORRERY_CHECK(x.cols() == weight.size());
  const Index width = x.cols();
  const std::uint64_t row_bytes = std::uint64_t(activation_bytes(context) * double(width));
  Tally& tally = context.ledger.at(Operation::Norm, pass);
  if (x.rows() > 0) tally.bytes_read += 4 * std::uint64_t(width);
  Matrix<Real> y(x.rows(), width);
  for (Index row = 0; row < x.rows(); ++row) {
    const Real* const from = x.data() + row * width;
    Real* const to = y.data() + row * width;
    const Real scale = inverse_size(from, width, epsilon);
    for (Index i = 0; i < width; ++i) to[i] = from[i] * scale * weight[i];
    tally.bytes_read += row_bytes;
    tally.bytes_written += row_bytes;
  }
  store_activation(y, context);
  return y;
}

template <class Real>
Matrix<Real> norm_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const Vector<Real>& weight,
                           double epsilon, const Context& context, Vector<Real>& d_weight) {
  ORRERY_CHECK(x.cols() == weight.size() && d_y.rows() == x.rows() && d_y.cols() == x.cols() &&
               d_weight.size() == weight.size());
  const Index width = x.cols();
  const std::uint64_t row_bytes = std::uint64_t(activation_bytes(context) * double(width));
  Tally& tally = context.ledger.at(Operation::Norm, Pass::InputGradient);
  Tally& weight_tally = context.ledger.at(Operation::Norm, Pass::WeightGradient);
  if (x.rows() > 0) {
    tally.bytes_read += 4 * std::uint64_t(width);
    weight_tally.bytes_read += 4 * std::uint64_t(width);
    weight_tally.bytes_written += 4 * std::uint64_t(width);
  }
  Matrix<Real> d_x(x.rows(), width);
  for (Index row = 0; row < x.rows(); ++row) {
    const Real* const from = x.data() + row * width;
    const Real* const d_to = d_y.data() + row * width;
    Real* const d_from = d_x.data() + row * width;
    const Real scale = inverse_size(from, width, epsilon);
    const Real along = lane_sum<Real>(width, [&](Index i) { return d_to[i] * weight[i] * from[i]; });
    const Real pull = scale * scale * scale * along / Real(width);
    for (Index i = 0; i < width; ++i) d_from[i] = scale * d_to[i] * weight[i] - pull * from[i];
    for (Index i = 0; i < width; ++i) d_weight[i] += d_to[i] * (from[i] * scale);
    tally.bytes_read += 2 * row_bytes;
    tally.bytes_written += row_bytes;
  }
  store_activation(d_x, context);
  return d_x;
}

#define ORRERY_INSTANTIATE(Real)                                                                             \
  template Matrix<Real> norm_forward(const Matrix<Real>&, const Vector<Real>&, double, const Context&,       \
                                     Pass);                                                                  \
  template Matrix<Real> norm_backward(const Matrix<Real>&, const Matrix<Real>&, const Vector<Real>&, double, \
                                      const Context&, Vector<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
