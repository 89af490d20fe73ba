#include "scenarios/validate/cost_slices.hpp"

#include <algorithm>
#include <cmath>

#include "models/reference/head.hpp"
#include "models/reference/norm.hpp"
#include "models/reference/product.hpp"
#include "models/reference/random_weights.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using reference::AttentionWeights;
using reference::BlockKept;
using reference::BlockSetting;
using reference::BlockWeights;
using reference::Context;
using reference::FfnWeights;
using reference::Indices;
using reference::Matrix;
using reference::ModelShape;
using reference::ModelWeights;
using reference::MoeWeights;
using reference::Operation;

using reference::Vector;

/// Random inputs and weights, each with a seed of its own.
class Filler {
 public:
  explicit Filler(std::uint64_t seed) : random_(seed, {.owner = "cost court", .purpose = "numbers"}) {}

  Matrix<float> matrix(Eigen::Index rows, Eigen::Index columns, double spread) {
    return reference::random_weights(rows, columns, spread, random_.bits());
  }
  /// Of a matrix whose rows each sum over `columns`: results are as large as inputs.
  Matrix<float> weight(Eigen::Index rows, Eigen::Index columns) {
    return matrix(rows, columns, 1 / std::sqrt(double(columns)));
  }

 private:
  RandomStream random_;
};

AttentionWeights<float> filled_attention(const ModelShape& shape, Filler& fill) {
  AttentionWeights<float> w;
  const int heads = shape.heads, hidden = shape.hidden;
  if (!shape.latent) {
    w.query = fill.weight(heads * shape.head_dim, hidden);
    w.key = fill.weight(shape.key_value_heads * shape.head_dim, hidden);
    w.value = fill.weight(shape.key_value_heads * shape.head_dim, hidden);
    w.output = fill.weight(hidden, heads * shape.head_dim);
    return w;
  }
  const reference::LatentShape& a = *shape.latent;
  if (a.query_rank > 0) {
    w.query_down = fill.weight(a.query_rank, hidden);
    w.query_norm = Vector<float>::Ones(a.query_rank);
  }
  w.query_up = fill.weight(heads * (a.nope_dim + a.rope_dim), a.query_rank > 0 ? a.query_rank : hidden);
  w.key_value_down = fill.weight(a.key_value_rank + a.rope_dim, hidden);
  w.key_value_norm = Vector<float>::Ones(a.key_value_rank);
  w.key_value_up = fill.weight(heads * (a.nope_dim + a.value_dim), a.key_value_rank);
  w.output = fill.weight(hidden, heads * a.value_dim);
  return w;
}

FfnWeights<float> filled_network(int hidden, int width, Filler& fill) {
  return {fill.weight(2 * width, hidden), fill.weight(hidden, width)};
}

std::int64_t attention_weights(const ModelShape& s) {
  if (!s.latent) return std::int64_t(2) * s.hidden * (s.heads + s.key_value_heads) * s.head_dim;
  const reference::LatentShape& a = *s.latent;
  const std::int64_t query_in = a.query_rank > 0 ? a.query_rank : s.hidden;
  return std::int64_t(s.hidden) * (a.query_rank + a.key_value_rank + a.rope_dim + s.heads * a.value_dim) +
         s.heads * (query_in * (a.nope_dim + a.rope_dim) +
                    std::int64_t(a.key_value_rank) * (a.nope_dim + a.value_dim));
}

std::int64_t network_weights(int hidden, int width) { return std::int64_t(3) * hidden * width; }

bool halves_heads(const ModelShape& s) {
  return s.heads % 2 == 0 && (s.latent || s.key_value_heads % 2 == 0);
}
void halve_heads(ModelShape& s, Thinning& thinning) {
  s.heads /= 2;
  s.key_value_heads /= 2;
  thinning.heads *= 2;
}

/// The larger part of what does not fit loses halves.
Thinning thin_dense(ModelShape& s, std::int64_t most) {
  Thinning thinning;
  for (;;) {
    const std::int64_t attention = attention_weights(s), network = network_weights(s.hidden, s.dense_width);
    const bool can_width = s.dense_width % 2 == 0, can_heads = halves_heads(s);
    if (attention + network <= most || (!can_width && !can_heads)) return thinning;
    if (can_width && (network >= attention || !can_heads)) {
      s.dense_width /= 2;
      thinning.width *= 2;
    } else {
      halve_heads(s, thinning);
    }
  }
}

Thinning thin_attention(ModelShape& s, std::int64_t most) {
  Thinning thinning;
  while (attention_weights(s) > most && halves_heads(s)) halve_heads(s, thinning);
  return thinning;
}

/// As much of the vocabulary as fits, a whole part of it.
Thinning thin_vocabulary(ModelShape& s, int most) {
  int parts = 1;
  while (s.vocabulary / parts > most || s.vocabulary % parts != 0) ++parts;
  s.vocabulary /= parts;
  return {.vocabulary = parts};
}

/// A model of one block.
ModelWeights<float> one_block(BlockWeights<float> block) {
  ModelWeights<float> weights;
  weights.block.push_back(std::move(block));
  return weights;
}

BlockWeights<float> filled_block(const ModelShape& shape, Filler& fill) {
  return {Vector<float>::Ones(shape.hidden),
          filled_attention(shape, fill),
          Vector<float>::Ones(shape.hidden),
          {},
          {}};
}

/// Evenly spread over all, so that every group has some.
std::vector<bool> sampled_experts(const SliceRequest& request, int experts) {
  std::vector<bool> sampled(std::size_t(experts), false);
  const int wanted = std::min(request.sample.experts, experts);
  for (int i = 0; i < wanted; ++i) sampled[std::size_t(std::int64_t(i) * experts / wanted)] = true;
  return sampled;
}

MoeWeights<float> filled_experts(const ModelShape& shape, const std::vector<bool>& sampled, Filler& fill) {
  MoeWeights<float> w;
  w.gate.centroid = fill.weight(shape.experts->gate.experts, shape.hidden);
  w.expert.resize(sampled.size());
  for (std::size_t e = 0; e < sampled.size(); ++e) {
    if (sampled[e]) w.expert[e] = filled_network(shape.hidden, shape.experts->width, fill);
  }
  if (shape.experts->shared_width > 0)
    w.shared = filled_network(shape.hidden, shape.experts->shared_width, fill);
  return w;
}

reference::SelectionBias no_bias(const ModelShape& shape) {
  return reference::SelectionBias(std::size_t(shape.experts->gate.experts), 0.0);
}

/// Forward and backward; the weights' gradients are made and dropped. Returns what forward kept of the
/// choice: [expert] rows.
std::vector<std::int64_t> run_block(const SliceRequest& request, const ModelShape& shape,
                                    const ModelWeights<float>& weights, const reference::Routing& routing,
                                    Filler& fill, reference::Ledger& ledger) {
  const int tokens = request.sample.tokens;
  const Context context{request.numerics, request.recompute, ledger};
  const reference::BalanceRule no_balance;
  const BlockSetting setting{shape, no_balance, tokens};
  BlockKept<float> kept;
  const Matrix<float> y = block_forward(fill.matrix(tokens, shape.hidden, 1), weights.block.front(), setting,
                                        routing, context, kept);
  std::vector<std::int64_t> rows;
  for (const std::vector<std::int32_t>& tokens_of_expert : kept.moe.token)
    rows.push_back(std::int64_t(tokens_of_expert.size()));
  ModelWeights<float> gradient = zeros_like(weights);
  block_backward(y, kept, weights.block.front(), setting, context, gradient.block.front());
  return rows;
}

std::vector<std::int32_t> some_tokens(const SliceRequest& request, int vocabulary) {
  RandomStream random(request.sample.seed, {.owner = "cost court", .purpose = "tokens"});
  std::vector<std::int32_t> tokens(std::size_t(request.sample.tokens));
  for (std::int32_t& token : tokens) token = std::int32_t(random.below(std::uint32_t(vocabulary)));
  return tokens;
}

}  // namespace

CostSlice dense_slice(const SliceRequest& request) {
  ModelShape shape = reference_shape(*request.model);
  CostSlice slice{.tokens = request.sample.tokens};
  slice.thinning = thin_dense(shape, request.sample.weights);
  Filler fill(request.sample.seed);
  BlockWeights<float> block = filled_block(shape, fill);
  block.dense = filled_network(shape.hidden, shape.dense_width, fill);
  run_block(request, shape, one_block(std::move(block)), {}, fill, slice.ledger);
  return slice;
}

CostSlice experts_slice(const SliceRequest& request) {
  ModelShape shape = reference_shape(*request.model);
  const std::int64_t expert = network_weights(shape.hidden, shape.experts->width);
  const std::int64_t others = shape.experts->gate.experts * std::int64_t(shape.hidden) +
                              network_weights(shape.hidden, shape.experts->shared_width);
  SliceRequest fitting = request;
  const std::int64_t left = request.sample.weights - others - attention_weights(shape);
  fitting.sample.experts = int(std::clamp<std::int64_t>(left / expert, 1, request.sample.experts));
  CostSlice slice{.tokens = request.sample.tokens};
  slice.thinning = thin_attention(shape, request.sample.weights - others - expert * fitting.sample.experts);
  const std::vector<bool> sampled = sampled_experts(fitting, shape.experts->gate.experts);
  // Few tokens may leave the sampled experts without a row: other numbers then.
  for (std::uint64_t seed = request.sample.seed; slice.expert_rows == 0; ++seed) {
    Filler fill(seed);
    BlockWeights<float> block = filled_block(shape, fill);
    block.moe = filled_experts(shape, sampled, fill);
    slice.ledger = {};
    const std::vector<std::int64_t> rows = run_block(request, shape, one_block(std::move(block)),
                                                     {no_bias(shape), nullptr, sampled}, fill, slice.ledger);
    for (std::size_t e = 0; e < sampled.size(); ++e) slice.expert_rows += sampled[e] ? rows[e] : 0;
  }
  return slice;
}

CostSlice projection_slice(const SliceRequest& request) {
  CostSlice slice{.tokens = request.sample.tokens};
  const int hidden = request.model->hidden, tokens = request.sample.tokens;
  const Context context{request.numerics, request.recompute, slice.ledger};
  const auto linear = request.numerics.linear;
  Filler fill(request.sample.seed);
  const Matrix<float> x = fill.matrix(tokens, 2 * hidden, 1), w = fill.weight(hidden, 2 * hidden);
  const Matrix<float> y = product_forward(x, w, linear, Operation::PredictProjection, context);
  Matrix<float> d_w = Matrix<float>::Zero(w.rows(), w.cols());
  product_input_gradient(y, w, linear, Operation::PredictProjection, context);
  product_weight_gradient(y, x, linear, Operation::PredictProjection, context, d_w);
  return slice;
}

CostSlice ends_slice(const SliceRequest& request) {
  ModelShape shape = reference_shape(*request.model);
  CostSlice slice{.tokens = request.sample.tokens};
  // The embedding, the head and the gradients of both.
  slice.thinning =
      thin_vocabulary(shape, int(std::min<std::int64_t>(8192, request.sample.weights / 4 / shape.hidden)));
  const Context context{request.numerics, request.recompute, slice.ledger};
  Filler fill(request.sample.seed);
  const Matrix<float> embedding = fill.matrix(shape.vocabulary, shape.hidden, 1);
  const std::vector<std::int32_t> tokens = some_tokens(request, shape.vocabulary);
  const Matrix<float> x = embedding_forward<float>(tokens, embedding, context);
  const Vector<float> norm = Vector<float>::Ones(shape.hidden);
  Vector<float> d_norm = Vector<float>::Zero(shape.hidden);
  Matrix<float> d_output = Matrix<float>::Zero(shape.vocabulary, shape.hidden), d_x, d_embedding = d_output;
  const reference::HeadWeights<float> head{norm, embedding, 1e-6};
  head_loss_backward<float>(x, head, tokens, 1, context, {d_norm, d_output, d_x});
  embedding_backward<float>(tokens, d_x, context, d_embedding);
  return slice;
}

CostSlice core_slice(const SliceRequest& request, int length) {
  CostSlice slice{.tokens = length};
  const Context context{request.numerics, request.recompute, slice.ledger};
  reference::CoreShape shape = core_shape(reference_shape(*request.model), length);
  // Whole groups of query heads with their key-value head.
  const int group = shape.heads / shape.key_value_heads;
  const int key_value_heads = std::clamp(request.sample.heads / group, 1, shape.key_value_heads);
  slice.thinning.heads = shape.key_value_heads / key_value_heads;
  shape.heads = group * key_value_heads;
  shape.key_value_heads = key_value_heads;
  Filler fill(request.sample.seed);
  const Matrix<float> queries = fill.matrix(length, shape.heads * shape.key_dim, 1);
  const Matrix<float> keys = fill.matrix(length, shape.key_value_heads * shape.key_dim, 1);
  const Matrix<float> values = fill.matrix(length, shape.key_value_heads * shape.value_dim, 1);
  const reference::CoreResult<float> result = core_forward(queries, keys, values, shape, context);
  core_backward(result.mixed, result.mixed, result.log_sums, queries, keys, values, shape, context);
  return slice;
}

Indices routed_choices(const SliceRequest& request, int tokens) {
  const ModelShape shape = reference_shape(*request.model);
  const reference::GateShape& gate = shape.experts->gate;
  Filler fill(request.sample.seed);
  const reference::GateWeights<float> w{fill.weight(gate.experts, shape.hidden)};
  Indices choices(tokens, gate.per_token);
  constexpr int at_once = 1024;
  for (int first = 0; first < tokens; first += at_once) {
    const int count = std::min(at_once, tokens - first);
    reference::Ledger unread;
    const Context context{request.numerics, request.recompute, unread};
    choices.middleRows(first, count) =
        gate_forward(fill.matrix(count, shape.hidden, 1), w, no_bias(shape), gate, context).expert;
  }
  return choices;
}

}  // namespace orrery
