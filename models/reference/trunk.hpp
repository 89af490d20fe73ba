#pragma once

#include "models/reference/block.hpp"
#include "models/reference/head.hpp"

namespace orrery::reference {

/// What one pass over a batch shares: everything but weights and tokens.
struct PassSetting {
  BlockSetting block;
  const Biases& biases;
  const std::vector<Indices>* fixed = nullptr;  ///< Choices to hold, one of each MoE layer.
  const Context& context;

  /// Of the `layer`-th MoE layer.
  Routing routing(std::size_t layer) const;
};

/// A block's forward; what an MoE block chose and its balance loss go into `result`.
template <class Real>
Matrix<Real> noted_block_forward(Matrix<Real> x, const BlockWeights<Real>& w, const PassSetting& setting,
                                 BlockKept<Real>& kept, PassResult& result);

/// [tokens, hidden]: the embedding and all main blocks, before the final norm. `kept` [layer]: filled unless
/// null; then a layer's is dropped after it.
template <class Real>
Matrix<Real> trunk_forward(Tokens tokens, const ModelWeights<Real>& weights, const PassSetting& setting,
                           std::vector<BlockKept<Real>>* kept, PassResult& result);
/// Adds to the gradients of the embedding and of all main blocks; `kept` is used up.
template <class Real>
void trunk_backward(Matrix<Real> d_hidden, Tokens tokens, const ModelWeights<Real>& weights,
                    const PassSetting& setting, std::vector<BlockKept<Real>>& kept,
                    ModelWeights<Real>& gradient);

}  // namespace orrery::reference
