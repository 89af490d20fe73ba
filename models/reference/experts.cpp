#include "models/reference/experts.hpp"

#include "models/reference/product.hpp"
#include "models/reference/scaling.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// Bytes of one row on its way to an expert: its elements, and in E4M3 a scale for each tile that it fills.
std::uint64_t sent_row_bytes(Index columns, const Context& context) {
  switch (context.numerics.linear) {
    case Precision::Full:
      return 4 * std::uint64_t(columns);
    case Precision::Bf16:
      return 2 * std::uint64_t(columns);
    case Precision::Fp8:
      break;
  }
  return std::uint64_t(columns) + 4 * std::uint64_t((columns + tile - 1) / tile);
}

std::uint64_t returned_row_bytes(Index columns, const Context& context) {
  return std::uint64_t(activation_bytes(context)) * std::uint64_t(columns);
}

/// What the other side reads of the rows it is sent.
template <class Real>
void arrive(Matrix<Real>& rows, Scaling scaling, const Context& context) {
  if (context.numerics.linear == Precision::Fp8) {
    rows = quantised(rows, e4m3, scaling, Along::Columns, ScaleValue::PowerOfTwo);
  } else {
    store_activation(rows, context);
  }
}

/// Fills `token` and `slot`.
template <class Real>
void list_rows(int experts, const Context& context, MoeKept<Real>& kept) {
  const Indices& chosen = kept.gate.expert;
  const std::vector<std::int64_t> load = expert_load(chosen, experts);
  kept.token.resize(load.size());
  kept.slot.resize(load.size());
  for (std::size_t e = 0; e < load.size(); ++e) {
    kept.token[e].reserve(std::size_t(load[e]));
    kept.slot[e].reserve(std::size_t(load[e]));
  }
  for (Index token = 0; token < chosen.rows(); ++token) {
    for (Index slot = 0; slot < chosen.cols(); ++slot) {
      const auto e = std::size_t(chosen(token, slot));
      kept.token[e].push_back(std::int32_t(token));
      kept.slot[e].push_back(std::int32_t(slot));
      context.ledger.kept(KeptTensor::GateChoice) += 4 + 4;
    }
  }
}

template <class Real>
Matrix<Real> gathered(const Matrix<Real>& x, const std::vector<std::int32_t>& token, const Context& context,
                      Tally& tally) {
  const std::uint64_t bytes = sent_row_bytes(x.cols(), context);
  Matrix<Real> rows(Index(token.size()), x.cols());
  for (std::size_t row = 0; row < token.size(); ++row) {
    rows.row(Index(row)) = x.row(token[row]);
    tally.bytes_read += bytes;
    tally.bytes_written += bytes;
  }
  return rows;
}

/// sum_token += factor(token, slot) * its expert's row, slot by slot: so that numbers of experts play no part
/// in the order. An expert's rows lie in the order of tokens; one without rows adds nothing.
template <class Real, class Factor>
void add_rows(const std::vector<Matrix<Real>>& rows, const Indices& expert, Factor&& factor,
              const Context& context, Tally& tally, Matrix<Real>& sum) {
  const std::uint64_t bytes = returned_row_bytes(sum.cols(), context);
  std::vector<Index> next(rows.size(), 0);
  for (Index token = 0; token < expert.rows(); ++token) {
    for (Index slot = 0; slot < expert.cols(); ++slot) {
      const auto e = std::size_t(expert(token, slot));
      if (rows[e].rows() == 0) continue;
      sum.row(token) += factor(token, slot) * rows[e].row(next[e]++);
      tally.bytes_read += bytes;
    }
    tally.bytes_written += bytes;
  }
}

}  // namespace

template <class Real>
Matrix<Real> moe_forward(const Matrix<Real>& x, const MoeWeights<Real>& w, const SelectionBias& bias,
                         const ExpertShape& shape, const BalanceRule& rule, int length,
                         const Context& context, MoeKept<Real>& kept, const Indices* fixed,
                         const std::vector<bool>& sampled) {
  const auto experts = std::size_t(shape.gate.experts);
  ORRERY_CHECK(w.expert.size() == experts && (sampled.empty() || sampled.size() == experts));
  Tally& tally = context.ledger.at(Operation::Dispatch, Pass::Forward);
  kept = {};
  kept.gate = gate_forward(x, w.gate, bias, shape.gate, context, fixed);
  if (rule.loss) {
    const int span = *rule.loss == BalanceLoss::Classic ? int(x.rows()) : length;
    kept.balance = balance_loss(kept.gate, shape.gate, *rule.loss, span, rule.alpha);
  }
  list_rows(shape.gate.experts, context, kept);
  kept.expert.resize(experts);
  kept.result.resize(experts);
  for (std::size_t e = 0; e < experts; ++e) {
    if (kept.token[e].empty() || (!sampled.empty() && !sampled[e])) continue;
    Matrix<Real> rows = gathered(x, kept.token[e], context, tally);
    arrive(rows, context.numerics.fp8.activation, context);
    kept.result[e] = ffn_forward(rows, w.expert[e], expert_ffn_names, context, kept.expert[e]);
  }
  Matrix<Real> y = Matrix<Real>::Zero(x.rows(), x.cols());
  const auto weight = [&](Index token, Index slot) { return kept.gate.weight(token, slot); };
  add_rows(kept.result, kept.gate.expert, weight, context, tally, y);
  if (shape.shared_width > 0) y += ffn_forward(x, w.shared, shared_ffn_names, context, kept.shared);
  store_activation(y, context);
  return y;
}

template <class Real>
Matrix<Real> moe_backward(const Matrix<Real>& d_y, const MoeKept<Real>& kept, const MoeWeights<Real>& w,
                          const ExpertShape& shape, const Context& context, MoeWeights<Real>& d_w) {
  ORRERY_CHECK(kept.x.rows() == d_y.rows() && d_w.expert.size() == w.expert.size());
  Tally& tally = context.ledger.at(Operation::Dispatch, Pass::InputGradient);
  const Matrix<Real>& weight = kept.gate.weight;
  Matrix<Real> d_weight = Matrix<Real>::Zero(weight.rows(), weight.cols());
  std::vector<Matrix<Real>> d_rows(kept.result.size());
  for (std::size_t e = 0; e < kept.result.size(); ++e) {
    if (kept.result[e].rows() == 0) continue;
    Matrix<Real> d_result = gathered(d_y, kept.token[e], context, tally);
    for (Index row = 0; row < d_result.rows(); ++row) {
      const Index token = kept.token[e][std::size_t(row)], slot = kept.slot[e][std::size_t(row)];
      d_weight(token, slot) = kept.result[e].row(row).dot(d_result.row(row));
      d_result.row(row) *= weight(token, slot);
    }
    arrive(d_result, context.numerics.fp8.activation_gradient, context);
    d_rows[e] = ffn_backward(d_result, kept.expert[e], w.expert[e], expert_ffn_names, context, d_w.expert[e]);
  }
  Matrix<Real> d_x = Matrix<Real>::Zero(d_y.rows(), d_y.cols());
  add_rows(
      d_rows, kept.gate.expert, [](Index, Index) { return Real(1); }, context, tally, d_x);
  d_x +=
      gate_backward(d_weight, kept.balance.d_score, kept.gate, kept.x, w.gate, shape.gate, context, d_w.gate);
  if (shape.shared_width > 0)
    d_x += ffn_backward(d_y, kept.x, kept.shared, w.shared, shared_ffn_names, context, d_w.shared);
  store_activation(d_x, context);
  return d_x;
}

#define ORRERY_INSTANTIATE(Real)                                                                         \
  template Matrix<Real> moe_forward(const Matrix<Real>&, const MoeWeights<Real>&, const SelectionBias&,  \
                                    const ExpertShape&, const BalanceRule&, int, const Context&,         \
                                    MoeKept<Real>&, const Indices*, const std::vector<bool>&);           \
  template Matrix<Real> moe_backward(const Matrix<Real>&, const MoeKept<Real>&, const MoeWeights<Real>&, \
                                     const ExpertShape&, const Context&, MoeWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
