#pragma once

#include "models/reference/model.hpp"

namespace orrery::reference {

/// AdamW (arXiv 1711.05101) with FP32 master weights and moments in FP32 or BF16 (V3 section 3.3.3).
struct AdamRule {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, decay = 0.1;
  double largest_norm = 1;  ///< Gradients are scaled down to this global norm.
  enum class Moments { Full, Bf16 } moments = Moments::Full;
};
struct AdamState {
  std::vector<Vector<float>> first, second;  ///< One of each tensor, in the order of tensors_of.
  std::int64_t step = 0;
};
AdamState initial_state(ModelWeights<float>& weights);
/// Moves `weights` by one step of `rate` against `gradient`, which is set to 0 after. With g the gradient
/// times largest_norm / norm where its norm over all tensors is larger, t counted from 1:
///
///   first  = beta1 first + (1 - beta1) g        second = beta2 second + (1 - beta2) g^2
///   weight = (1 - rate decay) weight - rate first / (1 - beta1^t) / (sqrt(second / (1 - beta2^t)) + epsilon)
///
/// without decay for norm weights. BF16 moments are rounded, nearest even, after they have served the step.
/// Checked  tests/models/reference/adam_test.cpp: a plain scalar twin in double.
/// Takes    30 ms for 10 M weights.
void adam_step(const AdamRule& rule, double rate, ModelWeights<float>& weights, ModelWeights<float>& gradient,
               AdamState& state);

}  // namespace orrery::reference
