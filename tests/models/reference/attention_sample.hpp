#pragma once

#include <cmath>
#include <string>
#include <utility>

#include "models/reference/attention.hpp"
#include "sim/random.hpp"

namespace orrery::reference {

/// Kinds of attention layers; below, layers of each with random weights, run forward and backward.
enum class LayerKind { Compressed, Uncompressed, Grouped };
inline const std::pair<LayerKind, std::string> layer_kinds[] = {
    {LayerKind::Compressed, "MLA with query compression"},
    {LayerKind::Uncompressed, "MLA without query compression"},
    {LayerKind::Grouped, "GQA"}};

template <class Real>
Matrix<Real> layer_matrix(RandomStream& random, int rows, int columns, double spread = 1) {
  return Matrix<Real>::NullaryExpr(rows, columns, [&] { return Real(spread * random.normal()); });
}

/// Sizes from 1 to a few, YaRN in every second one.
inline ModelShape any_layer(LayerKind kind, RandomStream& random) {
  const auto up_to = [&](int largest) { return int(1 + random.below(std::uint32_t(largest))); };
  ModelShape shape;
  shape.hidden = 1 + up_to(5);
  shape.norm_epsilon = 1e-2;  // Latents of one number would else hardly depend on anything.
  if (kind == LayerKind::Grouped) {
    shape.key_value_heads = up_to(2);
    shape.heads = shape.key_value_heads * up_to(2);
    shape.head_dim = 2 * up_to(2);
  } else {
    shape.heads = up_to(3);
    shape.latent = LatentShape{.query_rank = kind == LayerKind::Compressed ? up_to(4) : 0,
                               .key_value_rank = up_to(4),
                               .nope_dim = up_to(3),
                               .rope_dim = 2 * up_to(2),
                               .value_dim = up_to(3)};
  }
  if (random.below(2) == 0) {
    shape.rotary = {.base = 100, .factor = 4, .original_positions = 8, .beta_fast = 2, .beta_slow = 0.5};
  }
  return shape;
}

/// A layer as wide as a small model's, more than one tile of 128 across.
inline ModelShape small_layer(LayerKind kind) {
  ModelShape shape;
  shape.hidden = 160;
  shape.heads = 4;
  shape.key_value_heads = 2;
  shape.head_dim = 40;
  if (kind != LayerKind::Grouped) {
    shape.latent = LatentShape{.query_rank = kind == LayerKind::Compressed ? 48 : 0,
                               .key_value_rank = 32,
                               .nope_dim = 24,
                               .rope_dim = 8,
                               .value_dim = 40};
  }
  return shape;
}

template <class Real>
AttentionWeights<Real> layer_weights(const ModelShape& shape, RandomStream& random) {
  const auto matrix = [&](int rows, int columns) {
    return layer_matrix<Real>(random, rows, columns, 1 / std::sqrt(double(columns)));
  };
  const auto near_one = [&](int size) -> Vector<Real> {
    return (layer_matrix<Real>(random, 1, size, 0.2).array() + Real(1)).matrix();
  };
  AttentionWeights<Real> w;
  if (shape.latent) {
    const LatentShape& l = *shape.latent;
    if (l.query_rank > 0) {
      w.query_down = matrix(l.query_rank, shape.hidden);
      w.query_norm = near_one(l.query_rank);
    }
    w.query_up =
        matrix(shape.heads * (l.nope_dim + l.rope_dim), l.query_rank > 0 ? l.query_rank : shape.hidden);
    w.key_value_down = matrix(l.key_value_rank + l.rope_dim, shape.hidden);
    w.key_value_norm = near_one(l.key_value_rank);
    w.key_value_up = matrix(shape.heads * (l.nope_dim + l.value_dim), l.key_value_rank);
    w.output = matrix(shape.hidden, shape.heads * l.value_dim);
  } else {
    w.query = matrix(shape.heads * shape.head_dim, shape.hidden);
    w.key = matrix(shape.key_value_heads * shape.head_dim, shape.hidden);
    w.value = matrix(shape.key_value_heads * shape.head_dim, shape.hidden);
    w.output = matrix(shape.hidden, shape.heads * shape.head_dim);
  }
  return w;
}

/// Calls visit(name, tensor, other's tensor) for every tensor that is not empty.
template <class Real, class Visit>
void each_layer_tensor(AttentionWeights<Real>& a, const AttentionWeights<Real>& b, const Visit& visit) {
  const auto one = [&](const char* name, auto& mine, const auto& others) {
    if (mine.size() > 0) visit(name, mine, others);
  };
  one("query_down", a.query_down, b.query_down);
  one("query_norm", a.query_norm, b.query_norm);
  one("query_up", a.query_up, b.query_up);
  one("key_value_down", a.key_value_down, b.key_value_down);
  one("key_value_norm", a.key_value_norm, b.key_value_norm);
  one("key_value_up", a.key_value_up, b.key_value_up);
  one("query", a.query, b.query);
  one("key", a.key, b.key);
  one("value", a.value, b.value);
  one("output", a.output, b.output);
}

template <class Real>
AttentionWeights<Real> layer_zeros(const AttentionWeights<Real>& like) {
  AttentionWeights<Real> zero = like;
  each_layer_tensor(zero, like, [](const char*, auto& tensor, const auto&) { tensor.setZero(); });
  return zero;
}

template <class Real>
struct LayerRun {
  Matrix<Real> y, d_x;
  AttentionWeights<Real> d_w;
  AttentionKept<Real> kept;  ///< As forward left it.
  Ledger ledger;
};

template <class Real>
LayerRun<Real> layer_run(const Matrix<Real>& x, const AttentionWeights<Real>& w, const ModelShape& shape,
                         int length, const Matrix<Real>& d_y, const Numerics& numerics,
                         const Recompute& recompute = {}) {
  LayerRun<Real> run;
  const Context context{numerics, recompute, run.ledger};
  run.y = attention_forward(x, w, shape, length, context, run.kept);
  run.d_w = layer_zeros(w);
  AttentionKept<Real> kept = run.kept;
  kept.x = x;
  run.d_x = attention_backward(d_y, kept, w, shape, length, context, run.d_w);
  return run;
}

}  // namespace orrery::reference
