#pragma once

#include <optional>

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// SwiGLU network (Shazeer, arXiv 2002.05202): y = (silu(x gate^T) * (x up^T)) down^T, silu(g) = g / (1 +
/// exp(-g)).
template <class Real>
struct FfnWeights {
  Matrix<Real> gate_up;  ///< [2 width, hidden]: gate rows, then up rows.
  Matrix<Real> down;     ///< [hidden, width]
};

/// What a network's counts are booked under.
struct FfnNames {
  Operation up, activation, down;
  std::optional<KeptTensor> input;  ///< Nothing where x is a norm's output, which the caller keeps and books:
                                    ///< the dense network and the shared expert.
  KeptTensor gate_up, activated;
};
extern const FfnNames dense_ffn_names, shared_ffn_names, expert_ffn_names;

/// What forward leaves. With `recompute.activation` `activated` is empty and computed again. In the FP8
/// recipe `gate_up` and `activated` are stored in E4M3 with 1x128 tiles: `gate_up` is what E4M3 reads back,
/// which forward goes on with too; `activated`, which only products read, is as before its rounding, and they
/// round it.
template <class Real>
struct FfnKept {
  Matrix<Real> x;  ///< [tokens, hidden]; forward fills it for routed experts alone (their gathered rows).
  Matrix<Real> gate_up;    ///< [tokens, 2 width]
  Matrix<Real> activated;  ///< [tokens, width]
};

/// y [tokens, hidden] of x [tokens, hidden]. Counted beside the products: bytes of SwiGLU's elements as they
/// are visited, in the stored format, and what is kept. SwiGLU's own arithmetic is not a product and is not
/// counted.
template <class Real>
Matrix<Real> ffn_forward(const Matrix<Real>& x, const FfnWeights<Real>& w, const FfnNames& names,
                         const Context& context, FfnKept<Real>& kept);
/// Returns d_x, adds to d_w.
/// With s = 1 / (1 + exp(-gate)): d_up = d_activated gate s, d_gate = d_activated up s (1 + gate (1 - s)).
/// Checked against central differences (error at most 1e-6); with and without recomputation the same bits.
template <class Real>
Matrix<Real> ffn_backward(const Matrix<Real>& d_y, const FfnKept<Real>& kept, const FfnWeights<Real>& w,
                          const FfnNames& names, const Context& context, FfnWeights<Real>& d_w);
/// The same with x from elsewhere: the shared expert's is the gate's. `kept.x` is not read.
template <class Real>
Matrix<Real> ffn_backward(const Matrix<Real>& d_y, const Matrix<Real>& x, const FfnKept<Real>& kept,
                          const FfnWeights<Real>& w, const FfnNames& names, const Context& context,
                          FfnWeights<Real>& d_w);

}  // namespace orrery::reference
