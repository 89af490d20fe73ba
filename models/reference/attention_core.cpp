#include <algorithm>
#include <limits>

#include "models/reference/attention.hpp"
#include "models/reference/number_format.hpp"
#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

constexpr int panel_rows = 32;
/// Rows of panels are padded to whole vector registers, so that exponentials never fall to a scalar remainder
/// with other last bits.
constexpr int padding = 16;
int padded(int columns) { return (columns + padding - 1) / padding * padding; }

template <class Real>
using View = Eigen::Map<const Matrix<Real>, 0, Eigen::OuterStride<>>;

void round_to_bf16(const float* from, float* to, int count) {
  round_array(bf16, from, to, std::size_t(count));
}
void round_to_bf16(const double* from, double* to, int count) {
  for (int i = 0; i < count; ++i) to[i] = rounded(bf16, float(from[i]));
}

/// One head of one sequence of `from`: a view, or a copy in BF16.
template <class Real>
class Operand {
 public:
  Operand(const Matrix<Real>& from, int length, int dim, Precision precision)
      : from_(from), length_(length), dim_(dim), rounds_(precision != Precision::Full) {}

  View<Real> of(int first, int head) {
    const Real* const at = &from_(first, head * dim_);
    if (!rounds_) return {at, length_, dim_, Eigen::OuterStride<>(from_.cols())};
    rounded_.resize(length_, dim_);
    for (int row = 0; row < length_; ++row) {
      round_to_bf16(at + row * from_.cols(), rounded_.data() + row * dim_, dim_);
    }
    return {rounded_.data(), length_, dim_, Eigen::OuterStride<>(dim_)};
  }

 private:
  const Matrix<Real>& from_;
  int length_, dim_;
  bool rounds_;
  Matrix<Real> rounded_;
};

/// One query head of one sequence, and the key-value head that it reads.
struct Head {
  int sequence_first;  ///< Row of the sequence's first token.
  int query, key_value;
  bool first_reader;  ///< The first of the heads that share the key-value head.
};

template <class Visit>
void each_head(const CoreShape& shape, Eigen::Index tokens, const Visit& visit) {
  const int group = shape.heads / shape.key_value_heads;
  for (int first = 0; first < tokens; first += shape.length) {
    for (int head = 0; head < shape.heads; ++head) {
      visit(Head{first, head, head / group, head % group == 0});
    }
  }
}

/// Consecutive queries of a sequence, and every key that any of them may see.
struct Panel {
  int first, rows;
  int keys() const { return first + rows; }
  int visible(int row) const { return first + row + 1; }  ///< Keys at or before a query's own position.
};

template <class Visit>
void each_panel(const CoreShape& shape, const Visit& visit) {
  for (int first = 0; first < shape.length; first += panel_rows) {
    visit(Panel{first, std::min(panel_rows, shape.length - first)});
  }
}

template <class Real>
using Row = Eigen::Map<Eigen::Array<Real, 1, Eigen::Dynamic>, Eigen::Aligned32>;

template <class Real>
void check_shapes(const Matrix<Real>& queries, const Matrix<Real>& keys, const Matrix<Real>& values,
                  const CoreShape& shape) {
  ORRERY_CHECK(shape.length > 0 && shape.scale > 0 && queries.rows() % shape.length == 0);
  ORRERY_CHECK(shape.key_value_heads > 0 && shape.heads % shape.key_value_heads == 0);
  ORRERY_CHECK(keys.rows() == queries.rows() && values.rows() == queries.rows());
  ORRERY_CHECK(queries.cols() == shape.heads * shape.key_dim);
  ORRERY_CHECK(keys.cols() == shape.key_value_heads * shape.key_dim);
  ORRERY_CHECK(values.cols() == shape.key_value_heads * shape.value_dim);
}

}  // namespace

template <class Real>
CoreResult<Real> core_forward(const Matrix<Real>& queries, const Matrix<Real>& keys,
                              const Matrix<Real>& values, const CoreShape& shape, const Context& context) {
  check_shapes(queries, keys, values, shape);
  const Precision precision = context.numerics.other;
  const int length = shape.length, key_dim = shape.key_dim, value_dim = shape.value_dim;
  Operand<Real> query_operand(queries, length, key_dim, precision);
  Operand<Real> key_operand(keys, length, key_dim, precision);
  Operand<Real> value_operand(values, length, value_dim, precision);
  Tally& scores_tally = context.ledger.at(Operation::AttentionScores, Pass::Forward);
  Tally& mix_tally = context.ledger.at(Operation::AttentionMix, Pass::Forward);
  Tally& softmax_tally = context.ledger.at(Operation::Softmax, Pass::Forward);
  const auto bytes = std::uint64_t(activation_bytes(context));

  CoreResult<Real> result{Matrix<Real>(queries.rows(), shape.heads * value_dim),
                          Matrix<Real>(queries.rows(), shape.heads)};
  Matrix<Real> scores(panel_rows, padded(length));  // [queries of a panel, keys], then softmax weights.
  Eigen::Array<Real, panel_rows, 1> largest, sum;
  largest.setZero();
  sum.setOnes();
  each_head(shape, queries.rows(), [&](const Head& head) {
    const View<Real> q = query_operand.of(head.sequence_first, head.query);
    const View<Real> k = key_operand.of(head.sequence_first, head.key_value);
    const View<Real> v = value_operand.of(head.sequence_first, head.key_value);
    auto mixed = result.mixed.block(head.sequence_first, head.query * value_dim, length, value_dim);
    auto log_sums = result.log_sums.col(head.query).segment(head.sequence_first, length);
    each_panel(shape, [&](const Panel& panel) {
      auto seen = scores.topLeftCorner(panel.rows, panel.keys());
      seen.noalias() = q.middleRows(panel.first, panel.rows) * k.topRows(panel.keys()).transpose();
      const int width = padded(panel.keys());
      for (int r = 0; r < panel.rows; ++r) {
        const int visible = panel.visible(r);
        Row<Real> row(&scores(r, 0), width);
        row.tail(width - visible).setConstant(std::numeric_limits<Real>::lowest());
        largest(r) = row.maxCoeff();
        row = ((row - largest(r)) * Real(shape.scale)).exp();
        row.tail(width - visible).setZero();
        sum(r) = row.sum();
        if (precision != Precision::Full) round_to_bf16(row.data(), row.data(), visible);
        scores_tally.multiply_adds += std::uint64_t(visible) * std::uint64_t(key_dim);
        mix_tally.multiply_adds += std::uint64_t(visible) * std::uint64_t(value_dim);
        scores_tally.bytes_read += bytes * std::uint64_t(key_dim) * (head.first_reader ? 2 : 1);
        mix_tally.bytes_read += bytes * std::uint64_t(value_dim) * (head.first_reader ? 1 : 0);
        mix_tally.bytes_written += bytes * std::uint64_t(value_dim);
        softmax_tally.bytes_written += sizeof(float);
      }
      auto rows = mixed.middleRows(panel.first, panel.rows);
      rows.noalias() = seen * v.topRows(panel.keys());
      rows.array().colwise() /= sum.head(panel.rows);
      const Eigen::Array<Real, panel_rows, 1> log_sum = largest * Real(shape.scale) + sum.log();
      log_sums.segment(panel.first, panel.rows) = log_sum.head(panel.rows).matrix();
    });
  });
  store_activation(result.mixed, context);
  return result;
}

template <class Real>
CoreGradients<Real> core_backward(const Matrix<Real>& d_mixed, const Matrix<Real>& mixed,
                                  const Matrix<Real>& log_sums, const Matrix<Real>& queries,
                                  const Matrix<Real>& keys, const Matrix<Real>& values,
                                  const CoreShape& shape, const Context& context) {
  check_shapes(queries, keys, values, shape);
  ORRERY_CHECK(d_mixed.rows() == queries.rows() && mixed.rows() == queries.rows());
  ORRERY_CHECK(log_sums.rows() == queries.rows() && log_sums.cols() == shape.heads);
  const Precision precision = context.numerics.other;
  const int length = shape.length, key_dim = shape.key_dim, value_dim = shape.value_dim;
  Operand<Real> query_operand(queries, length, key_dim, precision);
  Operand<Real> key_operand(keys, length, key_dim, precision);
  Operand<Real> value_operand(values, length, value_dim, precision);
  Operand<Real> d_mixed_operand(d_mixed, length, value_dim, precision);
  Tally& again_tally = context.ledger.at(Operation::AttentionScores, Pass::Recompute);
  Tally& scores_tally = context.ledger.at(Operation::AttentionScores, Pass::InputGradient);
  Tally& mix_tally = context.ledger.at(Operation::AttentionMix, Pass::InputGradient);
  Tally& softmax_tally = context.ledger.at(Operation::Softmax, Pass::InputGradient);
  const auto key_bytes = std::uint64_t(activation_bytes(context) * key_dim);
  const auto value_bytes = std::uint64_t(activation_bytes(context) * value_dim);

  CoreGradients<Real> d{Matrix<Real>(queries.rows(), queries.cols()),
                        Matrix<Real>::Zero(keys.rows(), keys.cols()),
                        Matrix<Real>::Zero(values.rows(), values.cols())};
  Matrix<Real> weights(panel_rows, padded(length));    // [queries of a panel, keys]
  Matrix<Real> d_weights(panel_rows, padded(length));  // The same, then the gradient of the scores.
  each_head(shape, queries.rows(), [&](const Head& head) {
    const View<Real> q = query_operand.of(head.sequence_first, head.query);
    const View<Real> k = key_operand.of(head.sequence_first, head.key_value);
    const View<Real> v = value_operand.of(head.sequence_first, head.key_value);
    const View<Real> d_m = d_mixed_operand.of(head.sequence_first, head.query);
    const auto result = mixed.block(head.sequence_first, head.query * value_dim, length, value_dim);
    auto d_q = d.d_queries.block(head.sequence_first, head.query * key_dim, length, key_dim);
    auto d_k = d.d_keys.block(head.sequence_first, head.key_value * key_dim, length, key_dim);
    auto d_v = d.d_values.block(head.sequence_first, head.key_value * value_dim, length, value_dim);
    each_panel(shape, [&](const Panel& panel) {
      const auto q_rows = q.middleRows(panel.first, panel.rows);
      const auto d_m_rows = d_m.middleRows(panel.first, panel.rows);
      auto seen = weights.topLeftCorner(panel.rows, panel.keys());
      auto d_seen = d_weights.topLeftCorner(panel.rows, panel.keys());
      seen.noalias() = q_rows * k.topRows(panel.keys()).transpose();
      d_seen.noalias() = d_m_rows * v.topRows(panel.keys()).transpose();
      const int width = padded(panel.keys());
      for (int r = 0; r < panel.rows; ++r) {
        const int visible = panel.visible(r);
        Row<Real> row(&weights(r, 0), width), d_row(&d_weights(r, 0), width);
        const Real log_sum = log_sums(head.sequence_first + panel.first + r, head.query);
        // The softmax's own gradient needs sum_j weight_j d_weight_j, which is d_mixed . mixed.
        const Real along = d_m_rows.row(r).dot(result.row(panel.first + r));
        row.tail(width - visible).setZero();
        d_row.tail(width - visible).setZero();
        row = (row * Real(shape.scale) - log_sum).exp();
        row.tail(width - visible).setZero();
        d_row = row * (d_row - along) * Real(shape.scale);
        if (precision != Precision::Full) {
          round_to_bf16(row.data(), row.data(), visible);
          round_to_bf16(d_row.data(), d_row.data(), visible);
        }
        again_tally.multiply_adds += std::uint64_t(visible) * std::uint64_t(key_dim);
        mix_tally.multiply_adds += std::uint64_t(visible) * std::uint64_t(2 * value_dim);   // d_weights, d_v.
        scores_tally.multiply_adds += std::uint64_t(visible) * std::uint64_t(2 * key_dim);  // d_q, d_k.
        again_tally.bytes_read += key_bytes * (head.first_reader ? 2 : 1);
        mix_tally.bytes_read += value_bytes * (head.first_reader ? 3 : 2);  // d_mixed, mixed; values.
        mix_tally.bytes_written += value_bytes * (head.first_reader ? 1 : 0);
        scores_tally.bytes_written += key_bytes * (head.first_reader ? 2 : 1);
        softmax_tally.bytes_read += sizeof(float);
      }
      d_v.topRows(panel.keys()).noalias() += seen.transpose() * d_m_rows;
      d_q.middleRows(panel.first, panel.rows).noalias() = d_seen * k.topRows(panel.keys());
      d_k.topRows(panel.keys()).noalias() += d_seen.transpose() * q_rows;
    });
  });
  store_activation(d.d_queries, context);
  store_activation(d.d_keys, context);
  store_activation(d.d_values, context);
  return d;
}

#define ORRERY_CORE(Real)                                                                                   \
  template CoreResult<Real> core_forward(const Matrix<Real>&, const Matrix<Real>&, const Matrix<Real>&,     \
                                         const CoreShape&, const Context&);                                 \
  template CoreGradients<Real> core_backward(const Matrix<Real>&, const Matrix<Real>&, const Matrix<Real>&, \
                                             const Matrix<Real>&, const Matrix<Real>&, const Matrix<Real>&, \
                                             const CoreShape&, const Context&);
ORRERY_CORE(float)
ORRERY_CORE(double)
#undef ORRERY_CORE

}  // namespace orrery::reference
