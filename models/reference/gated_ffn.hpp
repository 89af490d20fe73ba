#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// SwiGLU network: y = (silu(x gate^T) * (x up^T)) down^T.
template <class Real>
struct FfnWeights {
  Matrix<Real> gate_up;  ///< [2 width, hidden]: gate rows, then up rows.
  Matrix<Real> down;     ///< [hidden, width]
};

/// What a network's counts are booked under.
struct FfnNames {
  Operation up, activation, down;
  KeptTensor input, gate_up, activated;
};
extern const FfnNames dense_ffn_names, shared_ffn_names, expert_ffn_names;

/// What forward leaves. With `recompute.activation` `activated` is empty and computed again. In the FP8
/// recipe `gate_up` and `activated` are stored in E4M3 with 1x128 tiles.
template <class Real>
struct FfnKept {
  Matrix<Real> x;          ///< [tokens, hidden]
  Matrix<Real> gate_up;    ///< [tokens, 2 width]
  Matrix<Real> activated;  ///< [tokens, width]
};

template <class Real>
Matrix<Real> ffn_forward(const Matrix<Real>& x, const FfnWeights<Real>& w, const FfnNames& names,
                         const Context& context, FfnKept<Real>& kept);
/// Returns d_x, adds to d_w.
template <class Real>
Matrix<Real> ffn_backward(const Matrix<Real>& d_y, const FfnKept<Real>& kept, const FfnWeights<Real>& w,
                          const FfnNames& names, const Context& context, FfnWeights<Real>& d_w);

}  // namespace orrery::reference
