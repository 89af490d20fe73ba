#include "models/reference/gate.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "models/reference/largest.hpp"
#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// Experts in an order that their numbers have no part in: that of their centroids' bytes.
template <class Real>
std::vector<Index> centroid_order(const Matrix<Real>& centroid) {
  std::vector<Index> order(std::size_t(centroid.rows()));
  std::iota(order.begin(), order.end(), Index(0));
  const Index width = centroid.cols();
  const std::size_t bytes = sizeof(Real) * std::size_t(width);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return std::memcmp(centroid.data() + a * width, centroid.data() + b * width, bytes) < 0;
  });
  return order;
}

template <class Real>
Matrix<Real> rows_in_order(const Matrix<Real>& x, const std::vector<Index>& order) {
  Matrix<Real> rows(x.rows(), x.cols());
  for (Index i = 0; i < x.rows(); ++i) rows.row(i) = x.row(order[std::size_t(i)]);
  return rows;
}

template <class Real>
void score_logits(Vector<Real>& row, Score score) {
  if (score == Score::Sigmoid) {
    row = Real(1) / (Real(1) + (-row.array()).exp());
  } else {
    row = (row.array() - row.maxCoeff()).exp();
    row /= row.sum();
  }
}

/// Chooses experts for one token after another.
template <class Real>
class Chooser {
 public:
  explicit Chooser(const GateShape& shape)
      : shape_(shape),
        group_size_(shape.experts / shape.groups),
        best_of_group_(shape.selection_bias ? std::min(2, group_size_) : 1),
        best_groups_(shape.groups_per_token),
        best_experts_(shape.per_token),
        open_(std::size_t(shape.groups), 1) {
    ORRERY_CHECK(shape.per_token >= 1 && shape.experts == group_size_ * shape.groups);
    ORRERY_CHECK(shape.groups_per_token <= shape.groups);
    ORRERY_CHECK(shape.groups_per_token * group_size_ >= shape.per_token);
  }

  void choose(const Vector<Real>& biased, std::int32_t* chosen) {
    if (shape_.groups_per_token < shape_.groups) open_groups(biased);
    best_experts_.clear();
    for (int group = 0; group < shape_.groups; ++group) {
      if (open_[std::size_t(group)]) offer_group(biased, group, best_experts_);
    }
    for (int slot = 0; slot < shape_.per_token; ++slot) chosen[slot] = best_experts_.number(slot);
  }

 private:
  void open_groups(const Vector<Real>& biased) {
    best_groups_.clear();
    for (int group = 0; group < shape_.groups; ++group) {
      best_of_group_.clear();
      offer_group(biased, group, best_of_group_);
      best_groups_.offer(best_of_group_.sum(), group);
    }
    std::fill(open_.begin(), open_.end(), 0);
    for (int i = 0; i < shape_.groups_per_token; ++i) open_[std::size_t(best_groups_.number(i))] = 1;
  }
  void offer_group(const Vector<Real>& biased, int group, Largest<Real>& best) {
    for (int i = group * group_size_; i < (group + 1) * group_size_; ++i) best.offer(biased[i], i);
  }

  const GateShape& shape_;
  int group_size_;
  Largest<Real> best_of_group_, best_groups_, best_experts_;
  std::vector<char> open_;
};

template <class Real>
Indices choices(const Matrix<Real>& score, const SelectionBias& bias, const GateShape& shape, Tally& tally) {
  Indices expert(score.rows(), shape.per_token);
  Chooser<Real> chooser(shape);
  Vector<Real> shift = Vector<Real>::Zero(shape.experts), biased(shape.experts);
  if (shape.selection_bias) {
    ORRERY_CHECK(Index(bias.size()) == shape.experts);
    shift = Eigen::Map<const Vector<double>>(bias.data(), shape.experts).cast<Real>();
  }
  for (Index token = 0; token < score.rows(); ++token) {
    biased = score.row(token) + shift;
    chooser.choose(biased, expert.row(token).data());
    tally.bytes_read += 4 * std::uint64_t(biased.size());
  }
  tally.bytes_written += 4 * std::uint64_t(expert.size());
  return expert;
}

template <class Real>
Matrix<Real> chosen_weights(const Matrix<Real>& score, const Indices& expert, const GateShape& shape) {
  Matrix<Real> weight(expert.rows(), expert.cols());
  for (Index token = 0; token < expert.rows(); ++token) {
    Real sum = 0;
    for (Index slot = 0; slot < expert.cols(); ++slot) {
      weight(token, slot) = score(token, expert(token, slot));
      sum += weight(token, slot);
    }
    if (shape.normalised) weight.row(token) /= sum;
    weight.row(token) *= Real(shape.scale);
  }
  return weight;
}

/// d_score += what d_weight says of the chosen scores of one token.
template <class Real>
void add_weight_gradient(const Matrix<Real>& d_weight, const GateResult<Real>& result, const GateShape& shape,
                         Index token, Vector<Real>& d_score) {
  const Real scale = Real(shape.scale);
  Real sum = 0, product = 0;
  for (Index slot = 0; slot < d_weight.cols(); ++slot) {
    const Real score = result.score(token, result.expert(token, slot));
    sum += score;
    product += d_weight(token, slot) * score;
  }
  for (Index slot = 0; slot < d_weight.cols(); ++slot) {
    const Real d = d_weight(token, slot);
    d_score[result.expert(token, slot)] += shape.normalised ? scale * (d - product / sum) / sum : scale * d;
  }
}

}  // namespace

template <class Real>
GateResult<Real> gate_forward(const Matrix<Real>& x, const GateWeights<Real>& w, const SelectionBias& bias,
                              const GateShape& shape, const Context& context, const Indices* fixed) {
  ORRERY_CHECK(w.centroid.rows() == shape.experts);
  Tally& tally = context.ledger.at(Operation::Gate, Pass::Forward);
  const std::vector<Index> order = centroid_order(w.centroid);
  GateResult<Real> result;
  // Logits first, in that order; each row is then scored and put in the order of numbers.
  result.score =
      product_forward(x, rows_in_order(w.centroid, order), Precision::Full, Operation::Gate, context);
  Vector<Real> row;
  for (Index token = 0; token < x.rows(); ++token) {
    row = result.score.row(token);
    score_logits(row, shape.score);
    for (Index i = 0; i < row.size(); ++i) result.score(token, order[std::size_t(i)]) = row[i];
    tally.bytes_read += 4 * std::uint64_t(row.size());
    tally.bytes_written += 4 * std::uint64_t(row.size());
  }
  result.expert = fixed ? *fixed : choices(result.score, bias, shape, tally);
  ORRERY_CHECK(result.expert.rows() == x.rows() && result.expert.cols() == shape.per_token);
  result.weight = chosen_weights(result.score, result.expert, shape);
  tally.bytes_read += 4 * std::uint64_t(result.weight.size());
  tally.bytes_written += 4 * std::uint64_t(result.weight.size());
  context.ledger.kept(KeptTensor::GateScores) += 4.0 * double(result.score.size());
  context.ledger.kept(KeptTensor::GateChoice) += 4.0 * double(result.expert.size() + result.weight.size());
  return result;
}

template <class Real>
Matrix<Real> gate_backward(const Matrix<Real>& d_weight, const Matrix<Real>& d_score,
                           const GateResult<Real>& result, const Matrix<Real>& x, const GateWeights<Real>& w,
                           const GateShape& shape, const Context& context, GateWeights<Real>& d_w) {
  const Index tokens = result.score.rows(), experts = result.score.cols();
  ORRERY_CHECK(x.rows() == tokens && d_weight.rows() == tokens && d_weight.cols() == shape.per_token);
  ORRERY_CHECK(d_score.size() == 0 || (d_score.rows() == tokens && d_score.cols() == experts));
  Tally& tally = context.ledger.at(Operation::Gate, Pass::InputGradient);
  const std::vector<Index> order = centroid_order(w.centroid);
  Matrix<Real> d_logit(tokens, experts);
  Vector<Real> d_numbered(experts), d(experts), score(experts);
  for (Index token = 0; token < tokens; ++token) {
    d_numbered.setZero();
    if (d_score.size() > 0) d_numbered = d_score.row(token);
    add_weight_gradient(d_weight, result, shape, token, d_numbered);
    for (Index i = 0; i < experts; ++i) {
      d[i] = d_numbered[order[std::size_t(i)]];
      score[i] = result.score(token, order[std::size_t(i)]);
    }
    if (shape.score == Score::Sigmoid) {
      d_logit.row(token) = d.array() * score.array() * (Real(1) - score.array());
    } else {
      d_logit.row(token) = (d.array() - d.cwiseProduct(score).sum()) * score.array();
    }
    tally.bytes_read += 4 * std::uint64_t(experts + d_weight.cols() + (d_score.size() > 0 ? experts : 0));
    tally.bytes_written += 4 * std::uint64_t(experts);
  }
  Matrix<Real> d_centroid = rows_in_order(d_w.centroid, order);
  product_weight_gradient(d_logit, x, Precision::Full, Operation::Gate, context, d_centroid);
  for (Index i = 0; i < experts; ++i) d_w.centroid.row(order[std::size_t(i)]) = d_centroid.row(i);
  return product_input_gradient(d_logit, rows_in_order(w.centroid, order), Precision::Full, Operation::Gate,
                                context);
}

#define ORRERY_INSTANTIATE(Real)                                                                         \
  template GateResult<Real> gate_forward(const Matrix<Real>&, const GateWeights<Real>&,                  \
                                         const SelectionBias&, const GateShape&, const Context&,         \
                                         const Indices*);                                                \
  template Matrix<Real> gate_backward(const Matrix<Real>&, const Matrix<Real>&, const GateResult<Real>&, \
                                      const Matrix<Real>&, const GateWeights<Real>&, const GateShape&,   \
                                      const Context&, GateWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
