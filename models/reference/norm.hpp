#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * weight, a row at a time; sums in the array's own type.
/// x, y [tokens, width]; weight [width]. `pass` says whether forward or recomputation is counted.
template <class Real>
Matrix<Real> norm_forward(const Matrix<Real>& x, const Vector<Real>& weight, double epsilon,
                          const Context& context, Pass pass = Pass::Forward);
/// Returns d_x, adds to d_weight.
template <class Real>
Matrix<Real> norm_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const Vector<Real>& weight,
                           double epsilon, const Context& context, Vector<Real>& d_weight);

}  // namespace orrery::reference
