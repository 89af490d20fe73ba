#include "models/reference/gated_ffn.hpp"

#include <algorithm>
#include <utility>

#include "models/reference/product.hpp"
#include "models/reference/scaling.hpp"
#include "sim/check.hpp"

namespace orrery::reference {

const FfnNames dense_ffn_names{.up = Operation::DenseUp,
                               .activation = Operation::DenseActivation,
                               .down = Operation::DenseDown,
                               .input = {},
                               .gate_up = KeptTensor::DenseGateUp,
                               .activated = KeptTensor::DenseActivated};
const FfnNames shared_ffn_names{.up = Operation::SharedUp,
                                .activation = Operation::SharedActivation,
                                .down = Operation::SharedDown,
                                .input = {},
                                .gate_up = KeptTensor::SharedGateUp,
                                .activated = KeptTensor::SharedActivated};
const FfnNames expert_ffn_names{.up = Operation::ExpertUp,
                                .activation = Operation::ExpertActivation,
                                .down = Operation::ExpertDown,
                                .input = KeptTensor::ExpertInput,
                                .gate_up = KeptTensor::ExpertGateUp,
                                .activated = KeptTensor::ExpertActivated};

namespace {

using Eigen::Index;

/// Elements go through the exponential eight at a time, the last ones padded: so each takes the vector path,
/// and the same value gives the same bits wherever it stands.
constexpr Index lanes = 8;
template <class Real>
using Lanes = Eigen::Array<Real, lanes, 1>;

template <class Real>
Lanes<Real> read(const Real* from, Index count) {
  if (count == lanes) return Eigen::Map<const Lanes<Real>>(from);
  Lanes<Real> padded = Lanes<Real>::Zero();
  std::copy(from, from + count, padded.data());
  return padded;
}

template <class Real>
void write(const Lanes<Real>& values, Real* to, Index count) {
  std::copy(values.data(), values.data() + count, to);
}

template <class Real>
Lanes<Real> sigmoid(const Lanes<Real>& x) {
  return Real(1) / (Real(1) + (-x).exp());
}

/// Bytes an element of the kept input of SwiGLU takes: E4M3 with its share of a scale in the FP8 recipe.
double gate_up_bytes(const Context& context) {
  const bool fp8 = context.numerics.linear == Precision::Fp8;
  return fp8 ? linear_input_bytes(context) : activation_bytes(context);
}

/// silu(gate) * up, [tokens, width], of gate_up [tokens, 2 width].
template <class Real>
Matrix<Real> activate(const Matrix<Real>& gate_up, Operation operation, Pass pass, const Context& context) {
  const Index width = gate_up.cols() / 2;
  Matrix<Real> activated(gate_up.rows(), width);
  double elements = 0;
  for (Index row = 0; row < gate_up.rows(); ++row) {
    const Real* const gate_row = gate_up.data() + row * 2 * width;
    Real* const to = activated.data() + row * width;
    for (Index i = 0; i < width; i += lanes) {
      const Index count = std::min(lanes, width - i);
      const Lanes<Real> gate = read(gate_row + i, count), up = read(gate_row + width + i, count);
      write<Real>(gate * sigmoid(gate) * up, to + i, count);
      elements += double(count);
    }
  }
  Tally& tally = context.ledger.at(operation, pass);
  tally.bytes_read += std::uint64_t(2 * elements * gate_up_bytes(context));
  tally.bytes_written += std::uint64_t(elements * linear_input_bytes(context));
  store_activation(activated, context);
  return activated;
}

/// d_gate_up [tokens, 2 width] of d_activated [tokens, width].
template <class Real>
Matrix<Real> activate_backward(const Matrix<Real>& d_activated, const Matrix<Real>& gate_up,
                               Operation operation, const Context& context) {
  const Index width = d_activated.cols();
  Matrix<Real> d_gate_up(gate_up.rows(), 2 * width);
  double elements = 0;
  for (Index row = 0; row < gate_up.rows(); ++row) {
    const Real* const gate_row = gate_up.data() + row * 2 * width;
    const Real* const d_row = d_activated.data() + row * width;
    Real* const to = d_gate_up.data() + row * 2 * width;
    for (Index i = 0; i < width; i += lanes) {
      const Index count = std::min(lanes, width - i);
      const Lanes<Real> gate = read(gate_row + i, count), up = read(gate_row + width + i, count);
      const Lanes<Real> d = read(d_row + i, count), s = sigmoid(gate);
      write<Real>(d * up * s * (Real(1) + gate * (Real(1) - s)), to + i, count);
      write<Real>(d * gate * s, to + width + i, count);
      elements += double(count);
    }
  }
  Tally& tally = context.ledger.at(operation, Pass::InputGradient);
  tally.bytes_read += std::uint64_t(2 * elements * gate_up_bytes(context));
  tally.bytes_read += std::uint64_t(elements * activation_bytes(context));
  tally.bytes_written += std::uint64_t(2 * elements * activation_bytes(context));
  store_activation(d_gate_up, context);
  return d_gate_up;
}

}  // namespace

template <class Real>
Matrix<Real> ffn_forward(const Matrix<Real>& x, const FfnWeights<Real>& w, const FfnNames& names,
                         const Context& context, FfnKept<Real>& kept) {
  ORRERY_CHECK(w.gate_up.rows() == 2 * w.down.cols());
  const Precision precision = context.numerics.linear;
  Ledger& ledger = context.ledger;
  kept = {};
  if (names.input) {
    kept.x = x;
    ledger.kept(*names.input) += double(kept.x.size()) * linear_input_bytes(context);
  }
  kept.gate_up = product_forward(x, w.gate_up, precision, names.up, context);
  if (precision == Precision::Fp8) {
    kept.gate_up =
        quantised(kept.gate_up, e4m3, context.numerics.fp8.activation, Along::Columns, ScaleValue::Exact);
  }
  ledger.kept(names.gate_up) += double(kept.gate_up.size()) * gate_up_bytes(context);
  Matrix<Real> activated = activate(kept.gate_up, names.activation, Pass::Forward, context);
  Matrix<Real> y = product_forward(activated, w.down, precision, names.down, context);
  if (!context.recompute.activation) {
    ledger.kept(names.activated) += double(activated.size()) * linear_input_bytes(context);
    kept.activated = std::move(activated);
  }
  return y;
}

template <class Real>
Matrix<Real> ffn_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const FfnKept<Real>& kept,
                          const FfnWeights<Real>& w, const FfnNames& names, const Context& context,
                          FfnWeights<Real>& d_w) {
  ORRERY_CHECK(x.rows() == d_y.rows() && kept.gate_up.rows() == d_y.rows());
  const Precision precision = context.numerics.linear;
  const Matrix<Real> d_activated = product_input_gradient(d_y, w.down, precision, names.down, context);
  if (context.recompute.activation) {
    const Matrix<Real> again = activate(kept.gate_up, names.activation, Pass::Recompute, context);
    product_weight_gradient(d_y, again, precision, names.down, context, d_w.down);
  } else {
    product_weight_gradient(d_y, kept.activated, precision, names.down, context, d_w.down);
  }
  const Matrix<Real> d_gate_up = activate_backward(d_activated, kept.gate_up, names.activation, context);
  product_weight_gradient(d_gate_up, x, precision, names.up, context, d_w.gate_up);
  return product_input_gradient(d_gate_up, w.gate_up, precision, names.up, context);
}

template <class Real>
Matrix<Real> ffn_backward(const Matrix<Real>& d_y, const FfnKept<Real>& kept, const FfnWeights<Real>& w,
                          const FfnNames& names, const Context& context, FfnWeights<Real>& d_w) {
  return ffn_backward(d_y, kept.x, kept, w, names, context, d_w);
}

#define ORRERY_INSTANTIATE(Real)                                                                         \
  template Matrix<Real> ffn_forward(const Matrix<Real>&, const FfnWeights<Real>&, const FfnNames&,       \
                                    const Context&, FfnKept<Real>&);                                     \
  template Matrix<Real> ffn_backward(const Matrix<Real>&, const FfnKept<Real>&, const FfnWeights<Real>&, \
                                     const FfnNames&, const Context&, FfnWeights<Real>&);                \
  template Matrix<Real> ffn_backward(const Matrix<Real>&, const Matrix<Real>&, const FfnKept<Real>&,     \
                                     const FfnWeights<Real>&, const FfnNames&, const Context&,           \
                                     FfnWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
