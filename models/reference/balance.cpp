#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/reference/gate.hpp"
#include "models/reference/largest.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// The sum, the same bits in any order: in whole numbers, after each term has been rounded to 2^-51 of the
/// largest. 4,096 terms stay within 64 bits.
double sum_in_any_order(const Vector<double>& terms) {
  ORRERY_CHECK(terms.size() <= 4096);
  const double largest = terms.cwiseAbs().maxCoeff();
  if (!terms.allFinite() || largest == 0) return terms.sum();
  std::int64_t sum = 0;
  for (const double term : terms) sum += std::llrint(term / largest * 0x1p50);
  return largest * (double(sum) * 0x1p-50);
}

}  // namespace

template <class Real>
BalanceResult<Real> balance_loss(const GateResult<Real>& result, const GateShape& shape, BalanceLoss kind,
                                 int length, double alpha) {
  const Index tokens = result.score.rows(), experts = result.score.cols();
  ORRERY_CHECK(length > 0 && tokens % length == 0);
  ORRERY_CHECK(experts == shape.experts && shape.per_token >= 1 && shape.per_token <= experts);
  const double part = double(length) / double(tokens);
  BalanceResult<Real> balance;
  balance.d_score.resize(tokens, experts);
  Largest<double> largest(shape.per_token);
  Vector<double> score(experts), total(length);
  for (Index first = 0; first < tokens; first += length) {
    Vector<double> often = Vector<double>::Zero(experts), share = Vector<double>::Zero(experts);
    for (Index t = 0; t < length; ++t) {
      const Index token = first + t;
      score = result.score.row(token).template cast<double>();
      total[t] = sum_in_any_order(score);
      share += score / total[t];
      if (kind == BalanceLoss::SequenceWise) {
        largest.clear();
        for (Index i = 0; i < experts; ++i) largest.offer(score[i], std::int32_t(i));
        for (int place = 0; place < shape.per_token; ++place) often[largest.number(place)] += 1;
      } else {
        for (const std::int32_t expert : result.expert.row(token)) often[expert] += 1;
      }
    }
    often *= double(experts) / (double(shape.per_token) * length);
    share /= length;
    balance.loss += alpha * part * sum_in_any_order(often.cwiseProduct(share));
    for (Index t = 0; t < length; ++t) {
      // Of score_i / total: 1 / total itself, and -score_j / total^2 for every share that total is part of.
      score = result.score.row(first + t).template cast<double>() / total[t];
      const double mean = sum_in_any_order(often.cwiseProduct(score));
      const double factor = alpha * part / length / total[t];
      balance.d_score.row(first + t) = (factor * (often.array() - mean)).template cast<Real>();
    }
  }
  return balance;
}

void move_bias(SelectionBias& bias, const std::vector<std::int64_t>& load, double speed) {
  ORRERY_CHECK(bias.size() == load.size());
  const std::int64_t sum = std::accumulate(load.begin(), load.end(), std::int64_t(0));
  // In whole numbers, so that a load at the mean moves nothing.
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const std::int64_t times_experts = load[i] * std::int64_t(load.size());
    bias[i] += speed * double((times_experts < sum) - (times_experts > sum));
  }
}

std::vector<std::int64_t> expert_load(const Indices& expert, int experts) {
  std::vector<std::int64_t> load(std::size_t(experts), 0);
  for (const std::int32_t* e = expert.data(); e != expert.data() + expert.size(); ++e) {
    ORRERY_CHECK(*e >= 0 && *e < experts);
    ++load[std::size_t(*e)];
  }
  return load;
}

double max_violation(const std::vector<std::int64_t>& load) {
  const std::int64_t sum = std::accumulate(load.begin(), load.end(), std::int64_t(0));
  ORRERY_CHECK(sum > 0);
  const double mean = double(sum) / double(load.size());
  return (double(*std::max_element(load.begin(), load.end())) - mean) / mean;
}

template BalanceResult<float> balance_loss(const GateResult<float>&, const GateShape&, BalanceLoss, int,
                                           double);
template BalanceResult<double> balance_loss(const GateResult<double>&, const GateShape&, BalanceLoss, int,
                                            double);

}  // namespace orrery::reference
