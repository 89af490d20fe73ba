#pragma once

#include "models/reference/model.hpp"

namespace orrery::reference {

/// What all blocks of one pass share.
struct BlockSetting {
  const ModelShape& shape;
  const BalanceRule& balance;
  int length = 0;  ///< Tokens of a sequence.
};

/// How one block's tokens choose experts; empty and ignored in a dense block.
struct Routing {
  SelectionBias bias;
  const Indices* fixed = nullptr;  ///< Choices to hold, if any.
  std::vector<bool> sampled = {};  ///< [experts] which ones are really computed; empty: all.
};

/// What a block's forward leaves for its backward.
template <class Real>
struct BlockKept {
  Matrix<Real> input;   ///< [tokens, hidden] the residual stream as it comes in.
  Matrix<Real> middle;  ///< [tokens, hidden] the residual stream after attention.
  AttentionKept<Real> attention;
  FfnKept<Real> dense;  ///< One of the two is filled.
  MoeKept<Real> moe;
};

template <class Real>
bool has_experts(const BlockWeights<Real>& w) {
  return w.moe.gate.centroid.size() > 0;
}

/// One pre-norm transformer block: m = x + attention(norm(x)), y = m + network(norm(m)); the network is dense
/// or experts, as the weights are. x, m, y [tokens, hidden] are stored as activations (BF16 where
/// `numerics.other` says so), and so are their gradients.
///
/// Kept     both norms' inputs (NormInput) and, unless `recompute.norm`, their outputs (NormOutput); with it
///          backward computes these again from the stored inputs: the same bits. In the FP8 recipe the gate's
///          input is a second, BF16 copy.
/// Source   DeepSeek-V3 report, arXiv 2412.19437, figure 2 and section 3.2.3.
/// Checked  tests/models/reference/model_test.cpp: gradients of the whole model against central differences
///          in double, at most 1e-6 of each tensor's norm; with and without recomputation bit-equal.
/// Leaves out  bytes of the two sums of the residual stream, which frameworks fuse with the norms.
template <class Real>
Matrix<Real> block_forward(Matrix<Real> x, const BlockWeights<Real>& w, const BlockSetting& setting,
                           const Routing& routing, const Context& context, BlockKept<Real>& kept);
/// Returns d_x, adds to d_w. `kept` is used up.
template <class Real>
Matrix<Real> block_backward(const Matrix<Real>& d_y, BlockKept<Real>& kept, const BlockWeights<Real>& w,
                            const BlockSetting& setting, const Context& context, BlockWeights<Real>& d_w);

}  // namespace orrery::reference
