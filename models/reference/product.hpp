#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// The three products of a linear layer y = x w^T, w [out, in]. Operands are rounded as `precision` says:
///   Fp8   x by 1x128 tiles along `in`, w by 128x128 blocks, d_y by 1x128 tiles along `out`; for the weight
///   gradient
///         both operands by 128x1 tiles along `tokens`.
/// Counted: multiply-adds of every panel that is multiplied, operand and result bytes as rounding and storing
/// visit the elements.

/// y [tokens, out] = x [tokens, in] w^T; stored in BF16 unless Full.
template <class Real>
Matrix<Real> product_forward(const Matrix<Real>& x, const Matrix<Real>& w, Precision precision,
                             Operation operation, const Context& context, Pass pass = Pass::Forward);

/// d_x [tokens, in] = d_y [tokens, out] w; stored in BF16 unless Full.
template <class Real>
Matrix<Real> product_input_gradient(const Matrix<Real>& d_y, const Matrix<Real>& w, Precision precision,
                                    Operation operation, const Context& context);

/// d_w [out, in] += d_y^T x, in the array's own type.
template <class Real>
void product_weight_gradient(const Matrix<Real>& d_y, const Matrix<Real>& x, Precision precision,
                             Operation operation, const Context& context, Matrix<Real>& d_w);

/// Rounds what is stored as an activation: nothing in Full, BF16 else.
template <class Real>
void store_activation(Matrix<Real>& x, const Context& context);

/// Bytes an element of a stored activation takes (4 or 2), and of an operand kept for a linear layer's weight
/// gradient (4, 2, or 1 + 4/128).
double activation_bytes(const Context& context);
double linear_input_bytes(const Context& context);

}  // namespace orrery::reference
