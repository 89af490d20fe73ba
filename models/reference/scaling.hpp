#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/number_format.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// Side of tiles and blocks.
inline constexpr int tile = 128;

/// Whether a scale is amax / largest, or the next power of two at or above it.
enum class ScaleValue { Exact, PowerOfTwo };
/// Along which direction of the matrix a 1 x 128 tile lies.
enum class Along { Columns, Rows };

/// What `x` becomes when it is stored in `format` with one scale for each tile, block or the matrix, and read
/// back: scale * round(x / scale), scale = amax of the part / largest(format), at least the array's smallest
/// normal number. Parts at the edges are as small as what is left. An infinity makes its whole part NaN; a
/// NaN stays where it is. In double the quotient goes through float32 to the format.
///
/// Source     arXiv 2412.19437, sections 3.3.2 and 3.3.3.
/// Checked    against the sentence above, written element by element with encode and decode: the same bits;
///            a power-of-two scale changes nothing of numbers that the format has (scaling_test.cpp).
/// Takes      about 0.5 ns an element of a float array in cache, with AVX2.
template <class Real>
Matrix<Real> quantised(const Matrix<Real>& x, const Format& format, Scaling scaling, Along along,
                       ScaleValue value);

/// The scale of a part whose largest magnitude is `amax`.
template <class Real>
Real scale_of(Real amax, const Format& format, ScaleValue value);

}  // namespace orrery::reference
