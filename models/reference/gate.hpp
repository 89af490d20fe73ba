#pragma once

#include <cstdint>
#include <vector>

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
///   score = sigmoid or softmax of x centroid^T        biased = score + bias
///   weight of a chosen expert = scale * score / (sum of the token's chosen scores, where normalised)
///
/// Group-limited choice: a group's score is the sum of its two largest biased scores (its largest where there
/// is no selection bias: V2); the best `groups_per_token` groups are kept; the `per_token` best in them are
/// chosen. `fixed`: choices to take instead (gradient tests hold routing fixed).
///
/// Products and sums over experts are taken in an order that the centroids decide, so that permuting experts
/// permutes everything bit by bit, gradients included; equal scores and equal centroids excepted.
///
/// Counted    the product; 4 bytes of each score, choice and weight as it is visited and as it is kept.
/// Source     arXiv 2412.19437, equations 12-16; deepseek-ai/DeepSeek-V3, inference/model.py, class Gate.
/// Checked    gate_test.cpp: the same choices as a gate that sorts everything; central differences in double,
///            worst of 100 random shapes 5e-10.
/// Takes      9 ms beside the product for 4,096 tokens and 256 experts.
template <class Real>
GateResult<Real> gate_forward(const Matrix<Real>& x, const GateWeights<Real>& w, const SelectionBias& bias,
                              const GateShape& shape, const Context& context, const Indices* fixed = nullptr);

/// Returns d_x, adds to d_w. d_weight [tokens, per_token]; `d_score` [tokens, experts] from a balance loss,
/// or empty. With s the chosen scores of a token, S their sum, and all that are not chosen left out:
///
///   d_s = d_score + scale * d_weight                                   not normalised
///   d_s = d_score + scale * (d_weight - (d_weight . s) / S) / S        normalised
///   d_logit = d_s s (1 - s)                                            sigmoid
///   d_logit = (d_s - d_s . s over all experts) s                       softmax
template <class Real>
Matrix<Real> gate_backward(const Matrix<Real>& d_weight, const Matrix<Real>& d_score,
                           const GateResult<Real>& result, const Matrix<Real>& x, const GateWeights<Real>& w,
                           const GateShape& shape, const Context& context, GateWeights<Real>& d_w);

/// Balance loss alpha * sum_i f_i P_i with its gradient of the scores, computed for every `length` tokens and
/// averaged; P_i = mean over the tokens of score_i / sum_j score_j.
///
///   sequence-wise   over each sequence; f_i = experts / (per_token length) * tokens that have i among their
///                   `per_token` largest unbiased scores, whatever its group
///   classic         `length` = all tokens of the batch; f_i likewise from the actual choices
///
/// f_i has no gradient. Even use of all experts gives alpha.
/// Source     arXiv 2412.19437, equations 17-20; Switch, arXiv 2101.03961, equations 4-6.
/// Checked    balance_test.cpp: by hand; central differences in double, worst of 100 random shapes 5e-9.
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
/// (largest load - mean load) / mean load; there must be a token.
double max_violation(const std::vector<std::int64_t>& load);

}  // namespace orrery::reference
