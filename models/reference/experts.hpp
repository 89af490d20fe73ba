#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/reference/gate.hpp"
#include "models/reference/gated_ffn.hpp"

namespace orrery::reference {

template <class Real>
struct MoeWeights {
  GateWeights<Real> gate;
  /// [experts]; one without rows may be empty where it is not sampled.
  std::vector<FfnWeights<Real>> expert;
  FfnWeights<Real> shared;  ///< Empty where there is none.
};

template <class Real>
struct MoeKept {
  /// [tokens, hidden]. The caller's to fill after forward, or to compute again from its norm before backward.
  Matrix<Real> x;
  GateResult<Real> gate;
  /// [expert][row] where a row came from, in the order of tokens: no token is dropped.
  std::vector<std::vector<std::int32_t>> token, slot;
  std::vector<FfnKept<Real>> expert;  ///< [experts] (x of each: its gathered rows)
  std::vector<Matrix<Real>> result;   ///< [experts][rows, hidden] before weighting; what d_weight needs.
  FfnKept<Real> shared;
  BalanceResult<Real> balance;
};

/// How balance is kept in training.
struct BalanceRule {
  std::optional<BalanceLoss> loss;
  double alpha = 0;
};

/// y = sum over chosen experts of weight * expert(x) + shared(x), x and y [tokens, hidden]. `sampled`: if not
/// empty, [experts] which experts are really computed (all rows routed to them); the others contribute
/// nothing. `length`: tokens of a sequence, for the sequence-wise balance loss.
///
/// Rows are gathered for each expert, travel, and come back to be added up in the order of the token's slots.
/// What travels is what experts compute with: E4M3 with power-of-two scales in the FP8 recipe, both x and, in
/// backward, the weighted d_y; results and their gradients come back in BF16.
///
/// Counted    Dispatch: every row that is copied, read and written, in the format it travels in (E4M3: one
///            byte an element and 4 of scale each 128), and every row added up on its way back. No
///            multiply-adds: weighting is not a product.
/// Kept       what the gate and the networks keep, and 4 bytes for each of `token` and `slot`. `result` is
/// not
///            booked: kernels that weight SwiGLU's output have d_weight without it.
/// Source     arXiv 2412.19437, equation 12 and section 3.3.3.
/// Checked    experts_test.cpp: token by token from the definition; central differences in double with
/// routing
///            held fixed, worst of 100 random shapes 3e-8; permuting experts permutes every result and
///            gradient bit by bit; a row of V3 is 7,392 bytes out and 14,336 back.
template <class Real>
Matrix<Real> moe_forward(const Matrix<Real>& x, const MoeWeights<Real>& w, const SelectionBias& bias,
                         const ExpertShape& shape, const BalanceRule& rule, int length,
                         const Context& context, MoeKept<Real>& kept, const Indices* fixed = nullptr,
                         const std::vector<bool>& sampled = {});
/// Returns d_x (the balance loss's share included), adds to d_w; that of an expert without rows is not read.
/// `kept.x` must be there.
template <class Real>
Matrix<Real> moe_backward(const Matrix<Real>& d_y, const MoeKept<Real>& kept, const MoeWeights<Real>& w,
                          const ExpertShape& shape, const Context& context, MoeWeights<Real>& d_w);

}  // namespace orrery::reference
