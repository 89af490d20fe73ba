#include "models/reference/trunk.hpp"

#include <utility>

#include "sim/check.hpp"

namespace orrery::reference {

Routing PassSetting::routing(std::size_t layer) const {
  ORRERY_CHECK(layer < biases.size() && (fixed == nullptr || layer < fixed->size()));
  return {biases[layer], fixed == nullptr ? nullptr : &(*fixed)[layer]};
}

template <class Real>
Matrix<Real> noted_block_forward(Matrix<Real> x, const BlockWeights<Real>& w, const PassSetting& setting,
                                 BlockKept<Real>& kept, PassResult& result) {
  if (!has_experts(w)) return block_forward(std::move(x), w, setting.block, {}, setting.context, kept);
  const Routing routing = setting.routing(result.choice.size());
  Matrix<Real> y = block_forward(std::move(x), w, setting.block, routing, setting.context, kept);
  result.choice.push_back(kept.moe.gate.expert);
  result.balance_loss += kept.moe.balance.loss;
  return y;
}

template <class Real>
Matrix<Real> trunk_forward(Tokens tokens, const ModelWeights<Real>& weights, const PassSetting& setting,
                           std::vector<BlockKept<Real>>* kept, PassResult& result) {
  if (kept != nullptr) kept->resize(weights.block.size());
  Matrix<Real> x = embedding_forward(tokens, weights.embedding, setting.context);
  for (std::size_t layer = 0; layer < weights.block.size(); ++layer) {
    BlockKept<Real> dropped;
    x = noted_block_forward(std::move(x), weights.block[layer], setting,
                            kept == nullptr ? dropped : (*kept)[layer], result);
  }
  return x;
}

template <class Real>
void trunk_backward(Matrix<Real> d_hidden, Tokens tokens, const ModelWeights<Real>& weights,
                    const PassSetting& setting, std::vector<BlockKept<Real>>& kept,
                    ModelWeights<Real>& gradient) {
  for (std::size_t layer = weights.block.size(); layer-- > 0;) {
    d_hidden = block_backward(d_hidden, kept[layer], weights.block[layer], setting.block, setting.context,
                              gradient.block[layer]);
  }
  embedding_backward(tokens, d_hidden, setting.context, gradient.embedding);
}

#define ORRERY_INSTANTIATE(Real)                                                                         \
  template Matrix<Real> noted_block_forward(Matrix<Real>, const BlockWeights<Real>&, const PassSetting&, \
                                            BlockKept<Real>&, PassResult&);                              \
  template Matrix<Real> trunk_forward(Tokens, const ModelWeights<Real>&, const PassSetting&,             \
                                      std::vector<BlockKept<Real>>*, PassResult&);                       \
  template void trunk_backward(Matrix<Real>, Tokens, const ModelWeights<Real>&, const PassSetting&,      \
                               std::vector<BlockKept<Real>>&, ModelWeights<Real>&)
ORRERY_INSTANTIATE(float);
ORRERY_INSTANTIATE(double);
#undef ORRERY_INSTANTIATE

}  // namespace orrery::reference
