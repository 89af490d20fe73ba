#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/shape.hpp"

namespace orrery::reference {

/// Angles of every position and pair, with YaRN's interpolation; and the factor that YaRN puts on the softmax
/// scale.
template <class Real>
struct RotaryTable {
  Matrix<Real> cosine, sine;  ///< [positions, dim / 2]
};
template <class Real>
RotaryTable<Real> rotary_table(const RotaryShape& shape, int positions, int dim);
double yarn_softmax_factor(const RotaryShape& shape);

/// Rotates neighbouring pairs (2i, 2i+1) of columns first .. first + dim of each row by its position (row %
/// length). `Direction::Back` is the transpose, for gradients.
enum class Direction { Forth, Back };
template <class Real>
void rotate(Matrix<Real>& x, int first, int dim, int length, const RotaryTable<Real>& table,
            Direction direction);

}  // namespace orrery::reference
