#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * weight, a row at a time; sums in the array's own type, in
/// eight lanes, so that a row's result does not depend on its place.
/// x, y [tokens, width]; weight [width]. `pass` says whether forward or recomputation is counted.
/// Source: Zhang and Sennrich, arXiv 1910.07467, equation 4, with the epsilon of common implementations.
/// Checked against a plain loop in double, gradients against central differences: error at most 1e-6.
/// Counted: bytes of every row read and written at the width of a stored activation, `weight` once at 4.
template <class Real>
Matrix<Real> norm_forward(const Matrix<Real>& x, const Vector<Real>& weight, double epsilon,
                          const Context& context, Pass pass = Pass::Forward);
/// Returns d_x, adds to d_weight.
/// With r = 1 / sqrt(mean(x^2) + epsilon) and g = d_y * weight: d_x = r g - r^3 mean(g * x) x, d_weight = sum
/// over tokens of d_y * x r.
template <class Real>
Matrix<Real> norm_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const Vector<Real>& weight,
                           double epsilon, const Context& context, Vector<Real>& d_weight);

}  // namespace orrery::reference
