#include "models/reference/head.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/reference/norm.hpp"
#include "models/reference/product.hpp"
#include "sim/check.hpp"

namespace orrery::reference {
namespace {

constexpr Eigen::Index chunk_rows = 256;
constexpr std::uint64_t index_bytes = 4, gradient_bytes = 4;

/// Calls `use(first, count)` for chunk after chunk of `rows`.
template <class Use>
void for_chunks(Eigen::Index rows, const Use& use) {
  for (Eigen::Index first = 0; first < rows; first += chunk_rows)
    use(first, std::min(chunk_rows, rows - first));
}

/// The logits of some rows of norm(x), and the sum of their losses.
template <class Real>
struct Chunk {
  Matrix<Real> normed, logits;
  double loss = 0;
};
template <class Real>
Chunk<Real> chunk_forward(const Matrix<Real>& normed, Eigen::Index first, Eigen::Index count,
                          const HeadWeights<Real>& w, Tokens targets, const Context& context) {
  Chunk<Real> chunk;
  chunk.normed = normed.middleRows(first, count);
  chunk.logits = product_forward(chunk.normed, w.output, context.numerics.other, Operation::Head, context);
  context.ledger.at(Operation::Loss, Pass::Forward).bytes_read +=
      std::uint64_t(double(chunk.logits.size()) * activation_bytes(context));
  chunk.loss = cross_entropy_sum(chunk.logits, targets.subspan(std::size_t(first), std::size_t(count)));
  return chunk;
}

}  // namespace

template <class Real>
Matrix<Real> embedding_forward(Tokens tokens, const Matrix<Real>& embedding, const Context& context) {
  Matrix<Real> x(Eigen::Index(tokens.size()), embedding.cols());
  const auto row_bytes = std::uint64_t(double(x.cols()) * activation_bytes(context));
  Tally& tally = context.ledger.at(Operation::Embedding, Pass::Forward);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    ORRERY_CHECK(tokens[t] >= 0 && tokens[t] < embedding.rows());
    x.row(Eigen::Index(t)) = embedding.row(tokens[t]);
    tally.bytes_read += row_bytes + index_bytes;
    tally.bytes_written += row_bytes;
  }
  store_activation(x, context);
  return x;
}

template <class Real>
void embedding_backward(Tokens tokens, const Matrix<Real>& d_x, const Context& context,
                        Matrix<Real>& d_embedding) {
  const auto row_bytes = std::uint64_t(double(d_x.cols()) * activation_bytes(context));
  Tally& tally = context.ledger.at(Operation::Embedding, Pass::WeightGradient);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    d_embedding.row(tokens[t]) += d_x.row(Eigen::Index(t));
    tally.bytes_read += row_bytes + index_bytes + gradient_bytes * std::uint64_t(d_x.cols());
    tally.bytes_written += gradient_bytes * std::uint64_t(d_x.cols());
  }
}

template <class Real>
double cross_entropy_sum(Matrix<Real>& logits, Tokens targets) {
  ORRERY_CHECK(std::size_t(logits.rows()) == targets.size());
  // Each row is worked on in a buffer of whole vectors: so its bits do not depend on its place in memory.
  constexpr Eigen::Index lanes = 8;
  const Eigen::Index width = logits.cols(), padded = (width + lanes - 1) / lanes * lanes;
  Eigen::Array<Real, Eigen::Dynamic, 1> buffer(padded);
  double sum = 0;
  for (Eigen::Index t = 0; t < logits.rows(); ++t) {
    const Eigen::Index target = targets[std::size_t(t)];
    ORRERY_CHECK(target >= 0 && target < width);
    Real* const row = logits.data() + t * width;
    std::copy(row, row + width, buffer.data());
    std::fill(buffer.data() + width, buffer.data() + padded, std::numeric_limits<Real>::lowest());
    const Real largest = buffer.template maxCoeff<Eigen::PropagateNaN>();
    const Real wanted = buffer[target] - largest;
    buffer = (buffer - largest).exp();
    const Real whole = buffer.sum();
    sum += double(std::log(whole) - wanted);
    buffer *= Real(1) / whole;
    buffer[target] -= Real(1);
    std::copy(buffer.data(), buffer.data() + width, row);
  }
  return sum;
}

template <class Real>
Matrix<Real> head_logits(const Matrix<Real>& x, const HeadWeights<Real>& w, const Context& context) {
  return product_forward(norm_forward(x, w.norm, w.epsilon, context), w.output, context.numerics.other,
                         Operation::Head, context);
}

template <class Real>
double head_loss(const Matrix<Real>& x, const HeadWeights<Real>& w, Tokens targets, const Context& context) {
  const Matrix<Real> normed = norm_forward(x, w.norm, w.epsilon, context);
  double sum = 0;
  for_chunks(x.rows(), [&](Eigen::Index first, Eigen::Index count) {
    sum += chunk_forward(normed, first, count, w, targets, context).loss;
  });
  return sum / double(x.rows());
}

template <class Real>
double head_loss_backward(const Matrix<Real>& x, const HeadWeights<Real>& w, Tokens targets, double scale,
                          const Context& context, const HeadGradients<Real>& gradients) {
  const double bytes = activation_bytes(context);
  const Precision precision = context.numerics.other;
  Ledger& ledger = context.ledger;
  const Matrix<Real> normed = norm_forward(x, w.norm, w.epsilon, context);
  ledger.kept(KeptTensor::NormInput) += double(x.size()) * bytes;
  ledger.kept(KeptTensor::HeadInput) += double(normed.size()) * bytes;

  Matrix<Real> d_normed(x.rows(), x.cols());
  const Real each = Real(scale / double(x.rows()));
  double sum = 0;
  for_chunks(x.rows(), [&](Eigen::Index first, Eigen::Index count) {
    Chunk<Real> chunk = chunk_forward(normed, first, count, w, targets, context);
    sum += chunk.loss;
    const double logit_bytes = double(chunk.logits.size()) * bytes;
    ledger.kept(KeptTensor::Logits) += logit_bytes;
    ledger.at(Operation::Loss, Pass::InputGradient).bytes_read += std::uint64_t(logit_bytes);
    ledger.at(Operation::Loss, Pass::InputGradient).bytes_written += std::uint64_t(logit_bytes);
    Matrix<Real>& d_logits = chunk.logits;
    d_logits *= each;
    d_normed.middleRows(first, count) =
        product_input_gradient(d_logits, w.output, precision, Operation::Head, context);
    product_weight_gradient(d_logits, chunk.normed, precision, Operation::Head, context, gradients.d_output);
  });
  gradients.d_x = norm_backward(d_normed, x, w.norm, w.epsilon, context, gradients.d_norm);
  return sum / double(x.rows());
}

#define ORRERY_INSTANTIATE(Real)                                                                    \
  template Matrix<Real> embedding_forward(Tokens, const Matrix<Real>&, const Context&);             \
  template void embedding_backward(Tokens, const Matrix<Real>&, const Context&, Matrix<Real>&);     \
  template double cross_entropy_sum(Matrix<Real>&, Tokens);                                         \
  template Matrix<Real> head_logits(const Matrix<Real>&, const HeadWeights<Real>&, const Context&); \
  template double head_loss(const Matrix<Real>&, const HeadWeights<Real>&, Tokens, const Context&); \
  template double head_loss_backward(const Matrix<Real>&, const HeadWeights<Real>&, Tokens, double, \
                                     const Context&, const HeadGradients<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
