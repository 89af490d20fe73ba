#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// The three products of a linear layer y = x w^T, w [out, in]. Operands are rounded as `precision` says:
///   Full  not at all
///   Bf16  to bfloat16
///   Fp8   to E4M3: x by 1x128 tiles along `in`, w by 128x128 blocks, d_y by 1x128 tiles along `out`; for the
///         weight gradient both by 128x1 tiles along `tokens`, x after its 1x128 tiles, in which it was kept
///         (attention's output, kept in E5M6, excepted).
///         The tiles are those of context.numerics.fp8. Scales are amax / 448, or the next power of two where
///         the rows travel to experts: x of ExpertUp, d_y of ExpertDown (arXiv 2412.19437, section 3.3.3)
/// and multiplied in the array's own type by Eigen, in panels of all rows x 384 columns x 256 deep (double:
/// 128). The depth is below Eigen's own on every cache of 32 KiB or more, so that a sum's order and bits are
/// the same on every machine. Permuting the rows of w permutes y exactly where their number is 8, or leaves 0
/// or 16 after strips of 24. Summing in float32 is what promotion to FP32 every 128 elements comes near; the
/// tensor core's short accumulator between promotions is left out here.
///
/// Counted: rows x columns x depth of every panel when it is multiplied; each operand's elements at 1, 2 or 4
/// bytes when first multiplied, 4 bytes of scale when a tile is made; result elements when they are stored.
/// Checked against a plain triple loop: multiply-adds equal, values within rounding (product_test.cpp).
/// Leaves out: the traffic of casts between formats, and of operands read more than once.

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
