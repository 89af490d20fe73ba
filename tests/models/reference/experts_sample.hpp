#pragma once

#include "models/reference/experts.hpp"
#include "tests/models/reference/gate_sample.hpp"

namespace orrery::reference {

/// A layer with what goes in.
template <class Real>
struct MoeLayer {
  ExpertShape shape;
  BalanceRule rule;
  SelectionBias bias;
  MoeWeights<Real> w;
  Matrix<Real> x, d_y;
  int length;
};

template <class Real>
FfnWeights<Real> any_network(RandomStream& random, int hidden, int width) {
  return {any_matrix<Real>(random, 2 * width, hidden), any_matrix<Real>(random, hidden, width)};
}

template <class Real>
MoeLayer<Real> any_moe_layer(RandomStream& random, int most_hidden, int most_width) {
  const int hidden = any_size(random, 2, most_hidden);
  MoeLayer<Real> layer{.shape = {.gate = any_gate_shape(random),
                                 .width = any_size(random, 1, most_width),
                                 .shared_width = random.below(2) ? any_size(random, 1, most_width) : 0},
                       .rule = {},
                       .bias = {},
                       .w = {},
                       .x = {},
                       .d_y = {},
                       .length = any_size(random, 2, 6)};
  const int tokens = layer.length * any_size(random, 1, 3);
  layer.bias = any_bias(random, layer.shape.gate.experts);
  layer.w.gate.centroid = any_matrix<Real>(random, layer.shape.gate.experts, hidden);
  for (int e = 0; e < layer.shape.gate.experts; ++e)
    layer.w.expert.push_back(any_network<Real>(random, hidden, layer.shape.width));
  if (layer.shape.shared_width > 0)
    layer.w.shared = any_network<Real>(random, hidden, layer.shape.shared_width);
  if (random.below(2))
    layer.rule = {BalanceLoss::SequenceWise, 0.3};
  else if (random.below(2))
    layer.rule = {BalanceLoss::Classic, 0.3};
  layer.x = any_matrix<Real>(random, tokens, hidden);
  layer.d_y = any_matrix<Real>(random, tokens, hidden);
  return layer;
}

template <class Real>
FfnWeights<Real> zeros_like(const FfnWeights<Real>& w) {
  return {Matrix<Real>::Zero(w.gate_up.rows(), w.gate_up.cols()),
          Matrix<Real>::Zero(w.down.rows(), w.down.cols())};
}
template <class Real>
MoeWeights<Real> zeros_like(const MoeWeights<Real>& w) {
  MoeWeights<Real> zeros{
      {Matrix<Real>::Zero(w.gate.centroid.rows(), w.gate.centroid.cols())}, {}, zeros_like(w.shared)};
  for (const FfnWeights<Real>& expert : w.expert) zeros.expert.push_back(zeros_like(expert));
  return zeros;
}

template <class Real>
struct MoePasses {
  Matrix<Real> y, d_x;
  MoeKept<Real> kept;
  MoeWeights<Real> d_w;
};
template <class Real>
MoePasses<Real> run_layer(const MoeLayer<Real>& layer, const Context& context, const Indices* fixed = nullptr,
                          const std::vector<bool>& sampled = {}) {
  MoePasses<Real> passes{{}, {}, {}, zeros_like(layer.w)};
  passes.y = moe_forward(layer.x, layer.w, layer.bias, layer.shape, layer.rule, layer.length, context,
                         passes.kept, fixed, sampled);
  passes.kept.x = layer.x;
  passes.d_x = moe_backward(layer.d_y, passes.kept, layer.w, layer.shape, context, passes.d_w);
  return passes;
}

inline const Numerics every_numerics[] = {full_numerics, bf16_numerics, fp8_numerics};

}  // namespace orrery::reference
