#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/number_format.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// Side of tiles and blocks.
inline constexpr int tile = 128;

/// Whether a scale is amax / largest, or the next power of two above it.
enum class ScaleValue { Exact, PowerOfTwo };
/// Along which direction of the matrix a 1 x 128 tile lies.
enum class Along { Columns, Rows };

/// What `x` becomes when it is stored in `format` with one scale for each tile, block or the matrix, and read
/// back: scale * round(x / scale), scale = amax of the part / largest(format) (1 where all are 0).
template <class Real>
Matrix<Real> quantised(const Matrix<Real>& x, const Format& format, Scaling scaling, Along along,
                       ScaleValue value);

}  // namespace orrery::reference
