#pragma once

#include <cmath>

#include "models/reference/attention.hpp"
#include "sim/random.hpp"

namespace orrery::reference {

template <class Real>
Matrix<Real> random_operand(RandomStream& random, Eigen::Index rows, Eigen::Index columns) {
  return Matrix<Real>::NullaryExpr(rows, columns, [&] { return Real(random.normal()); });
}

template <class Real>
struct CoreCase {
  CoreShape shape;
  Matrix<Real> queries, keys, values, d_mixed;
};

template <class Real>
CoreCase<Real> core_case_of(const CoreShape& shape, int sequences, RandomStream& random) {
  const int tokens = sequences * shape.length;
  return {shape, random_operand<Real>(random, tokens, shape.heads * shape.key_dim),
          random_operand<Real>(random, tokens, shape.key_value_heads * shape.key_dim),
          random_operand<Real>(random, tokens, shape.key_value_heads * shape.value_dim),
          random_operand<Real>(random, tokens, shape.heads * shape.value_dim)};
}

/// Lengths around multiples of a panel's 32 rows and of the 16 columns of padding; heads that share keys or
/// do not.
inline CoreShape any_core(RandomStream& random, int longest) {
  CoreShape shape;
  shape.length = int(1 + random.below(std::uint32_t(longest)));
  shape.key_value_heads = int(1 + random.below(3));
  shape.heads = shape.key_value_heads * int(1 + random.below(3));
  shape.key_dim = int(1 + random.below(24));
  shape.value_dim = int(1 + random.below(16));
  shape.scale = 0.1 + random.uniform();
  return shape;
}

/// The definition, entry by entry, in double.
struct PlainCore {
  Matrix<double> mixed, log_sums;
  CoreGradients<double> d;
};
template <class Real>
PlainCore plain_attention(const CoreCase<Real>& given) {
  const CoreShape& s = given.shape;
  const Matrix<double> q = given.queries.template cast<double>(), k = given.keys.template cast<double>();
  const Matrix<double> v = given.values.template cast<double>(), d_m = given.d_mixed.template cast<double>();
  PlainCore plain{Matrix<double>::Zero(d_m.rows(), d_m.cols()),
                  Matrix<double>(d_m.rows(), s.heads),
                  {Matrix<double>::Zero(q.rows(), q.cols()), Matrix<double>::Zero(k.rows(), k.cols()),
                   Matrix<double>::Zero(v.rows(), v.cols())}};
  for (int first = 0; first < q.rows(); first += s.length) {
    for (int h = 0; h < s.heads; ++h) {
      const int shared = h / (s.heads / s.key_value_heads);
      const auto query = [&](auto& x, int i) { return x.row(first + i).segment(h * s.key_dim, s.key_dim); };
      const auto key = [&](auto& x, int i) {
        return x.row(first + i).segment(shared * s.key_dim, s.key_dim);
      };
      const auto value = [&](auto& x, int i) {
        return x.row(first + i).segment(shared * s.value_dim, s.value_dim);
      };
      const auto result = [&](auto& x, int i) {
        return x.row(first + i).segment(h * s.value_dim, s.value_dim);
      };
      for (int i = 0; i < s.length; ++i) {
        Eigen::ArrayXd weight(i + 1), d_weight(i + 1);
        for (int j = 0; j <= i; ++j) weight(j) = std::exp(query(q, i).dot(key(k, j)) * s.scale);
        plain.log_sums(first + i, h) = std::log(weight.sum());
        weight /= weight.sum();
        for (int j = 0; j <= i; ++j) {
          result(plain.mixed, i) += weight(j) * value(v, j);
          value(plain.d.d_values, j) += weight(j) * result(d_m, i);
          d_weight(j) = result(d_m, i).dot(value(v, j));
        }
        const double mean = (weight * d_weight).sum();
        for (int j = 0; j <= i; ++j) {
          const double d_score = weight(j) * (d_weight(j) - mean) * s.scale;
          query(plain.d.d_queries, i) += d_score * key(k, j);
          key(plain.d.d_keys, j) += d_score * query(q, i);
        }
      }
    }
  }
  return plain;
}

}  // namespace orrery::reference
