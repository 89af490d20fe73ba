#include "models/reference/scaling.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace orrery::reference {
namespace {

using Eigen::Index;

/// What all parts of one matrix have in common.
struct Quantiser {
  Format format;
  ScaleValue value;
  double largest;
};

template <class Real>
Real power_of_two_from(Real scale) {
  using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits fraction = (Bits(1) << (std::numeric_limits<Real>::digits - 1)) - 1;
  return std::bit_cast<Real>(Bits((std::bit_cast<Bits>(scale) + fraction) & ~fraction));
}

template <class Real>
Real scale_from(Real amax, const Quantiser& quantiser) {
  const Real scale = std::max(amax / Real(quantiser.largest), std::numeric_limits<Real>::min());
  return quantiser.value == ScaleValue::PowerOfTwo ? power_of_two_from(scale) : scale;
}

/// to = scale * round(from / scale) for at most `tile` elements. `scale(i)` is that of element i.
template <class Real, class Scale>
void quantise_run(const Real* from, Real* to, Index count, const Format& format, const Scale& scale) {
  std::array<float, tile> quotient;
  for (Index i = 0; i < count; ++i) quotient[std::size_t(i)] = float(from[i] / scale(i));
  round_array(format, quotient.data(), quotient.data(), std::size_t(count));
  for (Index i = 0; i < count; ++i) to[i] = Real(quotient[std::size_t(i)]) * scale(i);
}

/// The rows x columns part at (row, column) with one scale.
template <class Real>
void quantise_part(const Matrix<Real>& x, Index row, Index column, Index rows, Index columns,
                   const Quantiser& quantiser, Matrix<Real>& made) {
  const Real amax = x.block(row, column, rows, columns).cwiseAbs().maxCoeff();
  const Real scale = scale_from(amax, quantiser);
  const auto same = [scale](Index) { return scale; };
  for (Index r = row; r < row + rows; ++r) {
    for (Index c = column; c < column + columns; c += tile) {
      const Index count = std::min<Index>(tile, column + columns - c);
      quantise_run(&x(r, c), &made(r, c), count, quantiser.format, same);
    }
  }
}

/// The same part, but each of its columns, at most `tile` of them, has a scale of its own.
template <class Real>
void quantise_columns(const Matrix<Real>& x, Index row, Index column, Index rows, Index columns,
                      const Quantiser& quantiser, Matrix<Real>& made) {
  std::array<Real, tile> scales{};
  for (Index r = row; r < row + rows; ++r) {
    const Real* from = &x(r, column);
    for (Index c = 0; c < columns; ++c) {
      Real& amax = scales[std::size_t(c)];
      const Real size = std::abs(from[c]);
      amax = size > amax ? size : amax;
    }
  }
  for (Index c = 0; c < columns; ++c) scales[std::size_t(c)] = scale_from(scales[std::size_t(c)], quantiser);
  const auto of_column = [&scales](Index c) { return scales[std::size_t(c)]; };
  for (Index r = row; r < row + rows; ++r) {
    quantise_run(&x(r, column), &made(r, column), columns, quantiser.format, of_column);
  }
}

}  // namespace

template <class Real>
Real scale_of(Real amax, const Format& format, ScaleValue value) {
  return scale_from(amax, Quantiser{format, value, largest(format)});
}

template <class Real>
Matrix<Real> quantised(const Matrix<Real>& x, const Format& format, Scaling scaling, Along along,
                       ScaleValue value) {
  Matrix<Real> made(x.rows(), x.cols());
  if (x.size() == 0) return made;
  const Quantiser quantiser{format, value, largest(format)};
  if (scaling == Scaling::Tensor) {
    quantise_part(x, 0, 0, x.rows(), x.cols(), quantiser, made);
    return made;
  }
  const bool rows_apart = scaling == Scaling::Tile && along == Along::Columns;
  const bool columns_apart = scaling == Scaling::Tile && along == Along::Rows;
  const Index height = rows_apart ? 1 : tile;
  for (Index row = 0; row < x.rows(); row += height) {
    const Index rows = std::min<Index>(height, x.rows() - row);
    for (Index column = 0; column < x.cols(); column += tile) {
      const Index columns = std::min<Index>(tile, x.cols() - column);
      if (columns_apart) {
        quantise_columns(x, row, column, rows, columns, quantiser, made);
      } else {
        quantise_part(x, row, column, rows, columns, quantiser, made);
      }
    }
  }
  return made;
}

template float scale_of<float>(float, const Format&, ScaleValue);
template double scale_of<double>(double, const Format&, ScaleValue);
template Matrix<float> quantised<float>(const Matrix<float>&, const Format&, Scaling, Along, ScaleValue);
template Matrix<double> quantised<double>(const Matrix<double>&, const Format&, Scaling, Along, ScaleValue);

}  // namespace orrery::reference
