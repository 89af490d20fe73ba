#include "models/reference/accumulator.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// The exponent e of 2^e <= |value| < 2^(e+1), of a normal number; that of 0 is below all others.
int exponent_of(double value) { return int(std::bit_cast<std::uint64_t>(value) >> 52 & 0x7FF) - 1023; }

double power_of_two(int exponent) { return std::bit_cast<double>(std::uint64_t(exponent + 1023) << 52); }

/// Cut towards zero to whole numbers of 2^unit.
double cut(double value, int unit) { return std::trunc(value * power_of_two(-unit)) * power_of_two(unit); }

/// The sum so far and one group of products.
double add_group(double sum, std::span<const float> a, std::span<const float> b,
                 const AccumulatorRule& rule) {
  double largest = std::abs(sum), exact = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double(a[i]) * b[i]));
  if (largest == 0) return 0;
  const int unit = exponent_of(largest) - rule.fraction_bits;
  const bool every = rule.truncation == Truncation::EveryAddend;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double product = double(a[i]) * b[i];
    exact += every ? cut(product, unit) : product;
  }
  exact += every ? cut(sum, unit) : sum;
  return exact == 0 ? 0 : cut(exact, exponent_of(exact) - rule.fraction_bits);
}

}  // namespace

float accumulated_dot(std::span<const float> a, std::span<const float> b, const AccumulatorRule& rule) {
  ORRERY_CHECK(a.size() == b.size() && rule.group > 0);
  ORRERY_CHECK(rule.promotion % rule.group == 0);
  float promoted = 0;
  double sum = 0;
  std::size_t since = 0;
  for (std::size_t first = 0; first < a.size(); first += std::size_t(rule.group)) {
    const std::size_t count = std::min(std::size_t(rule.group), a.size() - first);
    sum = add_group(sum, a.subspan(first, count), b.subspan(first, count), rule);
    since += count;
    if (rule.promotion > 0 && since >= std::size_t(rule.promotion)) {
      promoted += float(sum);
      sum = 0;
      since = 0;
    }
  }
  return promoted + float(sum);
}

Matrix<float> accumulated_product(const Matrix<float>& x, const Matrix<float>& w,
                                  const AccumulatorRule& rule) {
  ORRERY_CHECK(x.cols() == w.cols());
  const auto row = [](const Matrix<float>& m, Eigen::Index r) {
    return std::span<const float>(m.data() + r * m.cols(), std::size_t(m.cols()));
  };
  Matrix<float> y(x.rows(), w.rows());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index j = 0; j < w.rows(); ++j) y(i, j) = accumulated_dot(row(x, i), row(w, j), rule);
  }
  return y;
}

}  // namespace orrery::reference
