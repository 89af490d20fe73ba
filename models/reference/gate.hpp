#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"
#include "models/reference/shape.hpp"

namespace orrery::reference {

template <class Real>
struct GateWeights {
  Matrix<Real> centroid;  ///< [experts, hidden]
};

/// Added to scores for the choice alone, never to weights, no gradient; moved by `move_bias`. [experts]
using SelectionBias = std::vector<double>;

template <class Real>
struct GateResult {
  Matrix<Real> score;   ///< [tokens, experts] sigmoid or softmax, unbiased.
  Indices expert;       ///< [tokens, per_token], largest biased score first; of equals the lower expert.
  Matrix<Real> weight;  ///< [tokens, per_token] unbiased scores, normalised and scaled as the shape says.
};

/// Scores, choice and weights of every token; always in the array's own type.
///
/// Group-limited choice: a group's score is the sum of its two largest biased scores (its largest where there
/// is no selection bias: V2); the best `groups_per_token` groups are kept; the `per_token` best in them are
/// chosen. `fixed`: choices to take instead (gradient tests hold routing fixed).
template <class Real>
GateResult<Real> gate_forward(const Matrix<Real>& x, const GateWeights<Real>& w, const SelectionBias& bias,
                              const GateShape& shape, const Context& context, const Indices* fixed = nullptr);

/// Returns d_x, adds to d_w. d_weight [tokens, per_token]; `d_score` [tokens, experts] from a balance loss,
/// or empty.
template <class Real>
Matrix<Real> gate_backward(const Matrix<Real>& d_weight, const Matrix<Real>& d_score,
                           const GateResult<Real>& result, const Matrix<Real>& x, const GateWeights<Real>& w,
                           const GateShape& shape, const Context& context, GateWeights<Real>& d_w);

/// Balance loss alpha * sum_i f_i P_i with its gradient of the scores, added up over groups of tokens and
/// averaged.
///   sequence-wise (V3 eq. 17-20)  over each sequence: f_i = experts / (per_token T) * tokens whose top
///   per_token of
///                                 the unbiased scores contain i; P_i = mean of score_i / sum_j score_j
///   classic (Switch, V2)          `length` = all tokens of the batch; f_i from the actual choices
enum class BalanceLoss { SequenceWise, Classic };
template <class Real>
struct BalanceResult {
  double loss = 0;
  Matrix<Real> d_score;  ///< [tokens, experts]
};
template <class Real>
BalanceResult<Real> balance_loss(const GateResult<Real>& result, const GateShape& shape, BalanceLoss kind,
                                 int length, double alpha);

/// Loss-free balancing (arXiv 2408.15664, algorithm 1): bias_i += speed * sign(mean load - load_i).
void move_bias(SelectionBias& bias, const std::vector<std::int64_t>& load, double speed);

/// Tokens of each expert, from the index lists. [experts]
std::vector<std::int64_t> expert_load(const Indices& expert, int experts);
/// (largest load - mean load) / mean load.
double max_violation(const std::vector<std::int64_t>& load);

}  // namespace orrery::reference
