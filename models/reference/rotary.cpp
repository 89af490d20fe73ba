#include "models/reference/rotary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// The pair, as a real number, that turns `turns` times over the original positions.
double pair_of_turns(const RotaryShape& shape, double turns, int dim) {
  return dim * std::log(shape.original_positions / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(shape.base));
}

/// Share of pair i that keeps its frequency: 1 up to the pair that turns `beta_fast` times, 0 from
/// `beta_slow`.
double kept_share(const RotaryShape& shape, int pair, int dim) {
  if (shape.factor <= 1) return 1;
  const double low = std::max(std::floor(pair_of_turns(shape, shape.beta_fast, dim)), 0.0);
  double high = std::min(std::ceil(pair_of_turns(shape, shape.beta_slow, dim)), dim - 1.0);
  if (high == low) high += 0.001;  // As model.py does, so that the ramp stays finite.
  return 1 - std::clamp((pair - low) / (high - low), 0.0, 1.0);
}

}  // namespace

template <class Real>
RotaryTable<Real> rotary_table(const RotaryShape& shape, int positions, int dim) {
  ORRERY_CHECK(positions > 0 && dim > 0 && dim % 2 == 0);
  RotaryTable<Real> table{Matrix<Real>(positions, dim / 2), Matrix<Real>(positions, dim / 2)};
  for (int pair = 0; pair < dim / 2; ++pair) {
    const double kept = kept_share(shape, pair, dim);
    const double plain = std::pow(shape.base, -2.0 * pair / dim);
    const double frequency = plain * kept + plain / shape.factor * (1 - kept);
    for (int position = 0; position < positions; ++position) {
      table.cosine(position, pair) = Real(std::cos(position * frequency));
      table.sine(position, pair) = Real(std::sin(position * frequency));
    }
  }
  return table;
}

double yarn_softmax_factor(const RotaryShape& shape) {
  if (shape.factor <= 1) return 1;
  const double root = 0.1 * shape.mscale * std::log(shape.factor) + 1;
  return root * root;
}

template <class Real>
void rotate(Matrix<Real>& x, int first, int dim, int length, const RotaryTable<Real>& table,
            Direction direction) {
  ORRERY_CHECK(first >= 0 && first + dim <= x.cols() && table.cosine.cols() == dim / 2);
  ORRERY_CHECK(length > 0 && length <= table.cosine.rows());
  const Real sign = direction == Direction::Forth ? Real(1) : Real(-1);
  for (Eigen::Index row = 0; row < x.rows(); ++row) {
    const Eigen::Index position = row % length;
    const Real* cosine = &table.cosine(position, 0);
    const Real* sine = &table.sine(position, 0);
    Real* at = &x(row, first);
    for (int pair = 0; pair < dim / 2; ++pair) {
      const Real even = at[2 * pair], odd = at[2 * pair + 1];
      const Real turn = sign * sine[pair];
      at[2 * pair] = even * cosine[pair] - odd * turn;
      at[2 * pair + 1] = even * turn + odd * cosine[pair];
    }
  }
}

template RotaryTable<float> rotary_table(const RotaryShape&, int, int);
template RotaryTable<double> rotary_table(const RotaryShape&, int, int);
template void rotate(Matrix<float>&, int, int, int, const RotaryTable<float>&, Direction);
template void rotate(Matrix<double>&, int, int, int, const RotaryTable<double>&, Direction);

}  // namespace orrery::reference
