#pragma once

#include <numeric>
#include <vector>

#include "models/reference/gate.hpp"
#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {

/// A gate of 2 to 24 experts in up to 4 groups, of either score, with or without bias and normalisation.
inline GateShape any_gate_shape(RandomStream& random) {
  GateShape shape;
  shape.groups = any_size(random, 1, 4);
  const int group_size = any_size(random, shape.groups == 1 ? 2 : 1, 6);
  shape.experts = shape.groups * group_size;
  shape.groups_per_token = any_size(random, 1, shape.groups);
  shape.per_token = any_size(random, 1, std::min(4, shape.groups_per_token * group_size));
  shape.score = random.below(2) ? Score::Sigmoid : Score::Softmax;
  shape.selection_bias = random.below(2) == 1;
  shape.normalised = random.below(2) == 1;
  shape.scale = 0.5 + 2 * random.uniform();
  return shape;
}

inline SelectionBias any_bias(RandomStream& random, int experts) {
  SelectionBias bias(std::size_t(experts), 0.0);
  for (double& b : bias) b = 0.5 * random.uniform();
  return bias;
}

/// New numbers of experts: groups change places, and experts within their group.
inline std::vector<int> any_renumbering(RandomStream& random, const GateShape& shape) {
  const int size = shape.experts / shape.groups;
  const auto shuffled = [&](int count) {
    std::vector<int> order(std::size_t(count), 0);
    std::iota(order.begin(), order.end(), 0);
    for (int i = count - 1; i > 0; --i)
      std::swap(order[std::size_t(i)], order[random.below(std::uint32_t(i + 1))]);
    return order;
  };
  std::vector<int> renumbered;
  const std::vector<int> groups = shuffled(shape.groups);
  for (int group = 0; group < shape.groups; ++group) {
    for (const int place : shuffled(size)) renumbered.push_back(groups[std::size_t(group)] * size + place);
  }
  return renumbered;
}

template <class Real>
Matrix<Real> renumber_rows(const Matrix<Real>& x, const std::vector<int>& renumbered) {
  Matrix<Real> y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) y.row(renumbered[std::size_t(i)]) = x.row(i);
  return y;
}
template <class Real>
Matrix<Real> renumber_columns(const Matrix<Real>& x, const std::vector<int>& renumbered) {
  Matrix<Real> y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.cols(); ++i) y.col(renumbered[std::size_t(i)]) = x.col(i);
  return y;
}
template <class Value>
std::vector<Value> renumber_all(const std::vector<Value>& x, const std::vector<int>& renumbered) {
  std::vector<Value> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[std::size_t(renumbered[i])] = x[i];
  return y;
}
inline Indices renumber_choice(const Indices& x, const std::vector<int>& renumbered) {
  Indices y(x.rows(), x.cols());
  for (Eigen::Index i = 0; i < x.size(); ++i) y.data()[i] = renumbered[std::size_t(x.data()[i])];
  return y;
}

}  // namespace orrery::reference
