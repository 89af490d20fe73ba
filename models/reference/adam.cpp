#include "models/reference/adam.hpp"

#include <algorithm>
#include <cmath>

#include "models/reference/number_format.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Values = Eigen::Map<Eigen::ArrayXf>;
/// Elements that are worked on at once: few enough that five arrays of them stay in the first-level cache.
constexpr Eigen::Index span = 1024;

/// base to the power of a whole number by squaring: the same bits everywhere.
double whole_power(double base, std::int64_t exponent) {
  double power = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) power *= base;
  }
  return power;
}

/// One step's factors, rounded to float once.
struct Factors {
  float shrink;  ///< Of the gradient, for its global norm.
  float keep_first, keep_second;
  float take_first, take_second;
  float rate, unbias_second;  ///< rate / (1 - beta1^step); 1 / (1 - beta2^step).
  float epsilon;
};

double global_norm(const std::vector<NamedTensor<float>>& gradients) {
  double squares = 0;
  for (const NamedTensor<float>& tensor : gradients) {
    // Spans in float, their sum in double: quick, and right to 1e-7 whatever the size.
    for (Eigen::Index first = 0; first < tensor.values.size(); first += span) {
      const Eigen::Index count = std::min(span, tensor.values.size() - first);
      squares += double(tensor.values.segment(first, count).squaredNorm());
    }
  }
  return std::sqrt(squares);
}

Factors factors_of(const AdamRule& rule, double rate, double norm, std::int64_t step) {
  return {.shrink = norm > rule.largest_norm ? float(rule.largest_norm / norm) : 1.0f,
          .keep_first = float(rule.beta1),
          .keep_second = float(rule.beta2),
          .take_first = float(1 - rule.beta1),
          .take_second = float(1 - rule.beta2),
          .rate = float(rate / (1 - whole_power(rule.beta1, step))),
          .unbias_second = float(1 / (1 - whole_power(rule.beta2, step))),
          .epsilon = float(rule.epsilon)};
}

void move_span(const Factors& f, float keep, Values w, Values g, Values first, Values second) {
  g *= f.shrink;
  first = f.keep_first * first + f.take_first * g;
  second = f.keep_second * second + f.take_second * g.square();
  w = keep * w - f.rate * first / ((second * f.unbias_second).sqrt() + f.epsilon);
  g.setZero();
}

}  // namespace

AdamState initial_state(ModelWeights<float>& weights) {
  AdamState state;
  for (const NamedTensor<float>& tensor : tensors_of(weights)) {
    state.first.push_back(Vector<float>::Zero(tensor.values.size()));
    state.second.push_back(Vector<float>::Zero(tensor.values.size()));
  }
  return state;
}

void adam_step(const AdamRule& rule, double rate, ModelWeights<float>& weights, ModelWeights<float>& gradient,
               AdamState& state) {
  std::vector<NamedTensor<float>> values = tensors_of(weights), gradients = tensors_of(gradient);
  ORRERY_CHECK(values.size() == gradients.size() && values.size() == state.first.size());
  ++state.step;
  const Factors factors = factors_of(rule, rate, global_norm(gradients), state.step);
  for (std::size_t t = 0; t < values.size(); ++t) {
    const Eigen::Index size = values[t].values.size();
    ORRERY_CHECK(gradients[t].values.size() == size && state.first[t].size() == size);
    const float keep = values[t].decays ? float(1 - rate * rule.decay) : 1.0f;
    for (Eigen::Index at = 0; at < size; at += span) {
      const Eigen::Index count = std::min(span, size - at);
      float* const first = state.first[t].data() + at;
      float* const second = state.second[t].data() + at;
      move_span(factors, keep, Values(values[t].values.data() + at, count),
                Values(gradients[t].values.data() + at, count), Values(first, count), Values(second, count));
      if (rule.moments == AdamRule::Moments::Bf16) {
        round_array(bf16, first, first, std::size_t(count));
        round_array(bf16, second, second, std::size_t(count));
      }
    }
  }
}

}  // namespace orrery::reference
