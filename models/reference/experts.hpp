#pragma once

#include <optional>
#include <vector>

#include "models/reference/gate.hpp"
#include "models/reference/gated_ffn.hpp"

namespace orrery::reference {

template <class Real>
struct MoeWeights {
  GateWeights<Real> gate;
  std::vector<FfnWeights<Real>>
      expert;               ///< [experts]; one without rows may be empty where it is not sampled.
  FfnWeights<Real> shared;  ///< Empty where there is none.
};

template <class Real>
struct MoeKept {
  Matrix<Real> x;  ///< [tokens, hidden]; empty where the caller recomputes the norm before.
  GateResult<Real> gate;
  std::vector<std::vector<std::int32_t>> token,
      slot;                           ///< [expert][row] where a row came from: no token is dropped.
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

/// y = sum over chosen experts of weight * expert(x) + shared(x). `sampled`: if not empty, [experts] which
/// experts are really computed (all rows routed to them); the others contribute nothing.
template <class Real>
Matrix<Real> moe_forward(const Matrix<Real>& x, const MoeWeights<Real>& w, const SelectionBias& bias,
                         const ExpertShape& shape, const BalanceRule& rule, int length,
                         const Context& context, MoeKept<Real>& kept, const Indices* fixed = nullptr,
                         const std::vector<bool>& sampled = {});
/// Returns d_x (the balance loss's share included), adds to d_w.
template <class Real>
Matrix<Real> moe_backward(const Matrix<Real>& d_y, const MoeKept<Real>& kept, const MoeWeights<Real>& w,
                          const ExpertShape& shape, const Context& context, MoeWeights<Real>& d_w);

}  // namespace orrery::reference
