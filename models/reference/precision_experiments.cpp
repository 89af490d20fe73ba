#include "models/reference/precision_experiments.hpp"

#include <algorithm>
#include <cmath>

#include "models/reference/scaling.hpp"
#include "sim/random.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

Matrix<float> drawn(Index rows, Index columns, Inputs inputs, RandomStream& random) {
  Matrix<float> x(rows, columns);
  for (float* at = x.data(); at != x.data() + x.size(); ++at)
    *at = float(inputs == Inputs::Positive ? random.uniform() : random.normal());
  return x;
}

RandomStream stream(std::uint64_t seed, std::string_view purpose) {
  return {seed, {.owner = "precision experiment", .purpose = purpose}};
}

Matrix<double> exact_product(const Matrix<float>& x, const Matrix<float>& w) {
  return x.cast<double>() * w.cast<double>().transpose();
}

ScalingErrors scaling_errors(const Matrix<float>& x, const Matrix<float>& w, Scaling scaling) {
  const Matrix<float> rounded_x = quantised(x, e4m3, scaling, Along::Columns, ScaleValue::Exact);
  const Matrix<double> exact = exact_product(x, w), y = exact_product(rounded_x, w);
  ScalingErrors errors;
  errors.product = product_errors(y.cast<float>(), exact);
  for (Index t = 0; t < x.rows(); ++t)
    errors.worst_token = std::max(errors.worst_token, (y.row(t) - exact.row(t)).norm() / exact.row(t).norm());
  Index flushed = 0;
  for (Index i = 0; i < x.size(); ++i) flushed += x.data()[i] != 0 && rounded_x.data()[i] == 0;
  errors.flushed = double(flushed) / double(x.size());
  return errors;
}

}  // namespace

ProductErrors product_errors(const Matrix<float>& y, const Matrix<double>& exact) {
  const Matrix<double> difference = y.cast<double>() - exact;
  return {(difference.array() / exact.array()).abs().maxCoeff(), difference.norm() / exact.norm()};
}

ProductErrors accumulator_errors(const ProductSize& size, Inputs inputs, const AccumulatorRule& rule,
                                 std::uint64_t seed) {
  RandomStream random = stream(seed, "accumulator");
  Matrix<float> x = drawn(size.rows, size.depth, inputs, random);
  Matrix<float> w = drawn(size.columns, size.depth, inputs, random);
  round_array(e4m3, x.data(), x.data(), std::size_t(x.size()));
  round_array(e4m3, w.data(), w.data(), std::size_t(w.size()));
  return product_errors(accumulated_product(x, w, rule), exact_product(x, w));
}

ScalingErrors activation_scaling_errors(const ProductSize& size, Scaling scaling, double outlier,
                                        std::uint64_t seed) {
  RandomStream random = stream(seed, "activations");
  Matrix<float> x = drawn(size.rows, size.depth, Inputs::Normal, random);
  const Matrix<float> w = drawn(size.columns, size.depth, Inputs::Normal, random);
  // Six channels of the whole width in a quarter of the tokens.
  for (int channel = 0; channel < 6; ++channel) {
    const Index column = random.below(std::uint32_t(size.depth));
    for (Index t = 0; t < x.rows(); t += 4) x(t, column) *= float(outlier);
  }
  return scaling_errors(x, w, scaling);
}

ScalingErrors gradient_scaling_errors(const ProductSize& size, Scaling scaling, double spread,
                                      std::uint64_t seed) {
  RandomStream random = stream(seed, "gradients");
  Matrix<float> x = drawn(size.rows, size.depth, Inputs::Normal, random);
  const Matrix<float> w = drawn(size.columns, size.depth, Inputs::Normal, random);
  for (Index t = 0; t < x.rows(); ++t) x.row(t) *= float(std::pow(10.0, -spread * random.uniform()));
  return scaling_errors(x, w, scaling);
}

}  // namespace orrery::reference
