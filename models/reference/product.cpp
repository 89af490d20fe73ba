#include "models/reference/product.hpp"

#include <algorithm>
#include <type_traits>

#include "models/reference/number_format.hpp"
#include "models/reference/scaling.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// A multiple of 24, the widest strip of Eigen's kernel, so that columns are summed alike in every panel; and
/// a panel of the weight, rounded, stays in the second-level cache until it has been multiplied.
constexpr Index panel_columns = 384;
static_assert(panel_columns % 24 == 0 && panel_columns % tile == 0);
/// Below what Eigen would cut the depth into for a first-level cache of 32 KiB: 288 (float), 248 (double).
template <class Real>
constexpr Index panel_depth = std::is_same_v<Real, float> ? 256 : 128;

template <class Real>
using View = Eigen::Map<const Matrix<Real>, 0, Eigen::OuterStride<>>;

template <class Real>
View<Real> block_of(const Matrix<Real>& from, Index row, Index column, Index rows, Index columns) {
  return {from.data() + row * from.cols() + column, rows, columns, Eigen::OuterStride<>(from.cols())};
}

void round_to_bf16(const float* from, float* to, Index count) {
  round_array(bf16, from, to, std::size_t(count));
}
void round_to_bf16(const double* from, double* to, Index count) {
  for (Index i = 0; i < count; ++i) to[i] = rounded(bf16, float(from[i]));
}

/// Rows that follow each other without a gap are rounded as one: short calls cost more than their elements.
template <class Real>
void round_rows(const Real* from, Index from_stride, Real* to, Index to_stride, Index rows, Index columns) {
  if (from_stride == columns && to_stride == columns) {
    round_to_bf16(from, to, rows * columns);
    return;
  }
  for (Index r = 0; r < rows; ++r) round_to_bf16(from + r * from_stride, to + r * to_stride, columns);
}

std::uint64_t operand_bytes(Precision precision) {
  return precision == Precision::Full ? 4 : precision == Precision::Bf16 ? 2 : 1;
}
std::uint64_t result_bytes(Precision precision) { return precision == Precision::Full ? 4 : 2; }

/// `x` in E4M3, its scales counted.
template <class Real>
Matrix<Real> in_fp8(const Matrix<Real>& x, Scaling scaling, Along along, ScaleValue value, Tally& tally) {
  const bool whole = scaling == Scaling::Tensor, square = scaling == Scaling::Block;
  const Index rows = whole ? x.rows() : square || along == Along::Rows ? tile : 1;
  const Index columns = whole ? x.cols() : square || along == Along::Columns ? tile : 1;
  for (Index row = 0; row < x.rows(); row += rows) {
    for (Index column = 0; column < x.cols(); column += columns) tally.bytes_read += 4;
  }
  return quantised(x, e4m3, scaling, along, value);
}

ScaleValue scale_of_input(Operation operation) {
  return operation == Operation::ExpertUp ? ScaleValue::PowerOfTwo : ScaleValue::Exact;
}
ScaleValue scale_of_gradient(Operation operation) {
  return operation == Operation::ExpertDown ? ScaleValue::PowerOfTwo : ScaleValue::Exact;
}

/// Gives out panels of an operand, rounded on the way, so that a large matrix is never written to memory a
/// second time: panels begin at multiples of a tile, which so are the same as in the whole matrix. In Full a
/// panel is a part of the matrix itself.
template <class Real>
class Operand {
 public:
  Operand(const Matrix<Real>& x, Precision precision, Scaling scaling, Along along, ScaleValue value,
          Tally& tally)
      : given_(x), precision_(precision), scaling_(scaling), along_(along), value_(value), tally_(tally) {
    if (has_one_scale()) copy_ = in_fp8(x, scaling, along, value, tally);
  }

  /// Valid until the next one; its elements are counted as read.
  View<Real> panel(Index row, Index column, Index rows, Index columns) {
    tally_.bytes_read += operand_bytes(precision_) * std::uint64_t(rows * columns);
    if (precision_ == Precision::Full) return block_of(given_, row, column, rows, columns);
    if (has_one_scale()) return block_of(copy_, row, column, rows, columns);
    if (precision_ == Precision::Fp8) {
      copy_ = in_fp8<Real>(block_of(given_, row, column, rows, columns), scaling_, along_, value_, tally_);
    } else {
      copy_.resize(rows, columns);
      const Index stride = given_.cols();
      round_rows(given_.data() + row * stride + column, stride, copy_.data(), columns, rows, columns);
    }
    return block_of(copy_, 0, 0, rows, columns);
  }

 private:
  bool has_one_scale() const { return precision_ == Precision::Fp8 && scaling_ == Scaling::Tensor; }

  const Matrix<Real>& given_;
  Precision precision_;
  Scaling scaling_;
  Along along_;
  ScaleValue value_;
  Tally& tally_;
  Matrix<Real> copy_;
};

/// result [rows, columns] += left [rows, depth] right [depth, columns]. `left_panel` (first of depth, depth)
/// and `right_panel` (the same, first column, columns) give panels of the operands; `finish` (first column,
/// columns) is told when these columns of the result are done. Every panel is asked for once.
template <class Real, class LeftPanel, class RightPanel, class Finish>
void add_product(Index total_depth, LeftPanel&& left_panel, RightPanel&& right_panel, Matrix<Real>& result,
                 Tally& tally, Finish&& finish) {
  for (Index first = 0; first < total_depth; first += panel_depth<Real>) {
    const Index depth = std::min(panel_depth<Real>, total_depth - first);
    const auto left = left_panel(first, depth);
    for (Index column = 0; column < result.cols(); column += panel_columns) {
      const Index columns = std::min(panel_columns, result.cols() - column);
      const auto right = right_panel(first, depth, column, columns);
      auto sum = result.middleCols(column, columns);
      sum.noalias() += left * right;
      tally.multiply_adds += std::uint64_t(sum.rows() * sum.cols() * depth);
      if (first + depth == total_depth) finish(column, columns);
    }
  }
}

/// Stores finished columns of a result that is an activation.
template <class Real>
auto store_into(Matrix<Real>& result, Precision precision, Tally& tally) {
  return [&result, precision, &tally](Index column, Index columns) {
    const Index rows = result.rows(), stride = result.cols();
    Real* const at = result.data() + column;
    if (precision != Precision::Full) round_rows<Real>(at, stride, at, stride, rows, columns);
    tally.bytes_written += result_bytes(precision) * std::uint64_t(rows * columns);
  };
}

}  // namespace

template <class Real>
Matrix<Real> product_forward(const Matrix<Real>& x, const Matrix<Real>& w, Precision precision,
                             Operation operation, const Context& context, Pass pass) {
  ORRERY_CHECK(x.cols() == w.cols());
  Tally& tally = context.ledger.at(operation, pass);
  Matrix<Real> y = Matrix<Real>::Zero(x.rows(), w.rows());
  if (y.size() == 0) return y;
  const Fp8Recipe& fp8 = context.numerics.fp8;
  Operand<Real> left(x, precision, fp8.activation, Along::Columns, scale_of_input(operation), tally);
  Operand<Real> right(w, precision, fp8.weight, Along::Columns, ScaleValue::Exact, tally);
  add_product(
      x.cols(), [&](Index first, Index depth) { return left.panel(0, first, x.rows(), depth); },
      [&](Index first, Index depth, Index column, Index columns) {
        return right.panel(column, first, columns, depth).transpose();
      },
      y, tally, store_into(y, precision, tally));
  return y;
}

template <class Real>
Matrix<Real> product_input_gradient(const Matrix<Real>& d_y, const Matrix<Real>& w, Precision precision,
                                    Operation operation, const Context& context) {
  ORRERY_CHECK(d_y.cols() == w.rows());
  Tally& tally = context.ledger.at(operation, Pass::InputGradient);
  Matrix<Real> d_x = Matrix<Real>::Zero(d_y.rows(), w.cols());
  if (d_x.size() == 0) return d_x;
  const Fp8Recipe& fp8 = context.numerics.fp8;
  Operand<Real> left(d_y, precision, fp8.activation_gradient, Along::Columns, scale_of_gradient(operation),
                     tally);
  // Along rows, because these are summed over here; 128x128 blocks are the same either way.
  Operand<Real> right(w, precision, fp8.weight, Along::Rows, ScaleValue::Exact, tally);
  add_product(
      w.rows(), [&](Index first, Index depth) { return left.panel(0, first, d_y.rows(), depth); },
      [&](Index first, Index depth, Index column, Index columns) {
        return right.panel(first, column, depth, columns);
      },
      d_x, tally, store_into(d_x, precision, tally));
  return d_x;
}

template <class Real>
void product_weight_gradient(const Matrix<Real>& d_y, const Matrix<Real>& x, Precision precision,
                             Operation operation, const Context& context, Matrix<Real>& d_w) {
  ORRERY_CHECK(d_y.rows() == x.rows() && d_w.rows() == d_y.cols() && d_w.cols() == x.cols());
  if (x.rows() == 0) return;
  Tally& tally = context.ledger.at(operation, Pass::WeightGradient);
  const Fp8Recipe& fp8 = context.numerics.fp8;
  // Attention's output was kept in E5M6, with power-of-two scales that a second tiling does not disturb.
  const bool in_e5m6 = operation == Operation::AttentionOutput,
             requantised = precision == Precision::Fp8 && !in_e5m6;
  Matrix<Real> kept;
  if (requantised) kept = quantised(x, e4m3, fp8.activation, Along::Columns, scale_of_input(operation));
  Operand<Real> left(d_y, precision, fp8.activation_gradient, Along::Rows, ScaleValue::Exact, tally);
  Operand<Real> right(requantised ? kept : x, precision, fp8.activation, Along::Rows,
                      in_e5m6 ? ScaleValue::PowerOfTwo : ScaleValue::Exact, tally);
  add_product(
      x.rows(), [&](Index first, Index depth) { return left.panel(first, 0, depth, d_y.cols()).transpose(); },
      [&](Index first, Index depth, Index column, Index columns) {
        return right.panel(first, column, depth, columns);
      },
      d_w, tally,
      [&](Index, Index columns) {
        tally.bytes_read += 4 * std::uint64_t(d_w.rows() * columns);
        tally.bytes_written += 4 * std::uint64_t(d_w.rows() * columns);
      });
}

template <class Real>
void store_activation(Matrix<Real>& x, const Context& context) {
  if (context.numerics.other != Precision::Full) round_to_bf16(x.data(), x.data(), x.size());
}

double activation_bytes(const Context& context) { return double(result_bytes(context.numerics.other)); }

double linear_input_bytes(const Context& context) {
  const Precision precision = context.numerics.linear;
  return double(operand_bytes(precision)) + (precision == Precision::Fp8 ? 4.0 / tile : 0);
}

#define ORRERY_INSTANTIATE(Real)                                                                        \
  template Matrix<Real> product_forward(const Matrix<Real>&, const Matrix<Real>&, Precision, Operation, \
                                        const Context&, Pass);                                          \
  template Matrix<Real> product_input_gradient(const Matrix<Real>&, const Matrix<Real>&, Precision,     \
                                               Operation, const Context&);                              \
  template void product_weight_gradient(const Matrix<Real>&, const Matrix<Real>&, Precision, Operation, \
                                        const Context&, Matrix<Real>&);                                 \
  template void store_activation(Matrix<Real>&, const Context&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
