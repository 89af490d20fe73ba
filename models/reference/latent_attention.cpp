#include "models/reference/attention_kinds.hpp"
#include "models/reference/norm.hpp"
#include "models/reference/product.hpp"

namespace orrery::reference {
namespace {

template <class Real>
struct NormedLatents {
  Matrix<Real> query;      ///< [tokens, query_rank]; empty without query compression.
  Matrix<Real> key_value;  ///< [tokens, key_value_rank]
};

template <class Real>
NormedLatents<Real> norm_latents(const Matrix<Real>& query_latent, const Matrix<Real>& key_value_latent,
                                 const AttentionWeights<Real>& w, const ModelShape& shape,
                                 const Context& context, Pass pass) {
  NormedLatents<Real> normed;
  if (shape.latent->query_rank > 0) {
    normed.query = norm_forward(query_latent, w.query_norm, shape.norm_epsilon, context, pass);
  }
  const Matrix<Real> latent = key_value_latent.leftCols(shape.latent->key_value_rank);
  normed.key_value = norm_forward(latent, w.key_value_norm, shape.norm_epsilon, context, pass);
  return normed;
}

ColumnGroups rotary_of_queries(const ModelShape& shape) {
  const LatentShape& latent = *shape.latent;
  return {latent.nope_dim, latent.rope_dim, shape.heads, latent.nope_dim + latent.rope_dim};
}

/// `input`: the normed query latent, or x where queries are not compressed.
template <class Real>
Matrix<Real> project_queries(const Matrix<Real>& input, const AttentionWeights<Real>& w,
                             const ModelShape& shape, int length, const Context& context, Pass pass) {
  Matrix<Real> queries =
      product_forward(input, w.query_up, context.numerics.linear, Operation::QueryUp, context, pass);
  rotate_groups(queries, rotary_of_queries(shape), shape.rotary, length, Direction::Forth, context, pass);
  return queries;
}

/// Keys and values of every head from the normed latent and the shared rotary key, which is still unrotated.
template <class Real>
void project_keys_and_values(const Matrix<Real>& normed, const Matrix<Real>& key_value_latent,
                             const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                             const Context& context, Pass pass, Matrix<Real>& keys, Matrix<Real>& values) {
  const LatentShape& latent = *shape.latent;
  const int nope = latent.nope_dim, rope = latent.rope_dim, value = latent.value_dim;
  const Matrix<Real> both =  // [tokens, heads (nope + value)]
      product_forward(normed, w.key_value_up, context.numerics.linear, Operation::KeyValueUp, context, pass);
  Matrix<Real> shared = key_value_latent.rightCols(rope);  // [tokens, rope]
  rotate_groups(shared, {.dim = rope}, shape.rotary, length, Direction::Forth, context, pass);
  keys.resize(both.rows(), shape.heads * (nope + rope));
  values.resize(both.rows(), shape.heads * value);
  for (int h = 0; h < shape.heads; ++h) {
    keys.middleCols(h * (nope + rope), nope) = both.middleCols(h * (nope + value), nope);
    keys.middleCols(h * (nope + rope) + nope, rope) = shared;
    values.middleCols(h * value, value) = both.middleCols(h * (nope + value) + nope, value);
  }
}

}  // namespace

template <class Real>
HeadOperands<Real> latent_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                                  const ModelShape& shape, int length, const Context& context,
                                  AttentionKept<Real>& kept) {
  const Precision linear = context.numerics.linear;
  const bool compressed = shape.latent->query_rank > 0;
  if (compressed) {
    kept.query_latent = product_forward(x, w.query_down, linear, Operation::QueryDown, context);
  }
  kept.key_value_latent = product_forward(x, w.key_value_down, linear, Operation::KeyValueDown, context);
  NormedLatents<Real> normed =
      norm_latents(kept.query_latent, kept.key_value_latent, w, shape, context, Pass::Forward);

  HeadOperands<Real> heads;
  heads.queries = project_queries(compressed ? normed.query : x, w, shape, length, context, Pass::Forward);
  project_keys_and_values(normed.key_value, kept.key_value_latent, w, shape, length, context, Pass::Forward,
                          heads.keys, heads.values);

  Ledger& ledger = context.ledger;
  const double activation = activation_bytes(context);
  ledger.kept(KeptTensor::QueryLatent) += activation * double(kept.query_latent.size());
  ledger.kept(KeptTensor::KeyValueLatent) += activation * double(kept.key_value_latent.size());
  if (!context.recompute.norm && !context.recompute.up_projection) {
    kept.query_normed = std::move(normed.query);
    kept.key_value_normed = std::move(normed.key_value);
    ledger.kept(KeptTensor::LatentOutput) +=
        linear_input_bytes(context) * double(kept.query_normed.size() + kept.key_value_normed.size());
  }
  return heads;
}

template <class Real>
AttentionKept<Real> latent_again(const AttentionKept<Real>& kept, const AttentionWeights<Real>& w,
                                 const ModelShape& shape, int length, const Context& context) {
  AttentionKept<Real> again;
  if (kept.key_value_normed.size() == 0) {
    NormedLatents<Real> normed =
        norm_latents(kept.query_latent, kept.key_value_latent, w, shape, context, Pass::Recompute);
    again.query_normed = std::move(normed.query);
    again.key_value_normed = std::move(normed.key_value);
  }
  if (kept.queries.size() == 0) {
    const Matrix<Real>& input = kept_or(kept.query_normed, again.query_normed);
    again.queries = project_queries(input, w, shape, length, context, Pass::Recompute);
  }
  if (kept.keys.size() == 0) {
    const Matrix<Real>& input = kept_or(kept.key_value_normed, again.key_value_normed);
    project_keys_and_values(input, kept.key_value_latent, w, shape, length, context, Pass::Recompute,
                            again.keys, again.values);
  }
  return again;
}

template <class Real>
Matrix<Real> latent_backward(CoreGradients<Real> d, const AttentionKept<Real>& kept,
                             const AttentionKept<Real>& again, const AttentionWeights<Real>& w,
                             const ModelShape& shape, int length, const Context& context,
                             AttentionWeights<Real>& d_w) {
  const LatentShape& latent = *shape.latent;
  const int nope = latent.nope_dim, rope = latent.rope_dim, value = latent.value_dim;
  const Precision linear = context.numerics.linear;

  // Keys and values. The rotary key served every head, so its gradient is their sum.
  Matrix<Real> d_both(d.d_keys.rows(), shape.heads * (nope + value));  // [tokens, heads (nope + value)]
  Matrix<Real> d_shared = Matrix<Real>::Zero(d.d_keys.rows(), rope);   // [tokens, rope]
  for (int h = 0; h < shape.heads; ++h) {
    d_both.middleCols(h * (nope + value), nope) = d.d_keys.middleCols(h * (nope + rope), nope);
    d_both.middleCols(h * (nope + value) + nope, value) = d.d_values.middleCols(h * value, value);
    d_shared += d.d_keys.middleCols(h * (nope + rope) + nope, rope);
  }
  rotate_groups(d_shared, {.dim = rope}, shape.rotary, length, Direction::Back, context, Pass::InputGradient);

  const Matrix<Real>& normed = kept_or(kept.key_value_normed, again.key_value_normed);
  product_weight_gradient(d_both, normed, linear, Operation::KeyValueUp, context, d_w.key_value_up);
  const Matrix<Real> d_normed =
      product_input_gradient(d_both, w.key_value_up, linear, Operation::KeyValueUp, context);
  const Matrix<Real> before_norm = kept.key_value_latent.leftCols(latent.key_value_rank);
  Matrix<Real> d_latent(d_both.rows(), latent.key_value_rank + rope);  // [tokens, key_value_rank + rope]
  d_latent.leftCols(latent.key_value_rank) =
      norm_backward(d_normed, before_norm, w.key_value_norm, shape.norm_epsilon, context, d_w.key_value_norm);
  d_latent.rightCols(rope) = d_shared;
  product_weight_gradient(d_latent, kept.x, linear, Operation::KeyValueDown, context, d_w.key_value_down);
  Matrix<Real> d_x =
      product_input_gradient(d_latent, w.key_value_down, linear, Operation::KeyValueDown, context);

  // Queries.
  Matrix<Real>& d_queries = d.d_queries;
  rotate_groups(d_queries, rotary_of_queries(shape), shape.rotary, length, Direction::Back, context,
                Pass::InputGradient);
  const bool compressed = latent.query_rank > 0;
  const Matrix<Real>& input = compressed ? kept_or(kept.query_normed, again.query_normed) : kept.x;
  product_weight_gradient(d_queries, input, linear, Operation::QueryUp, context, d_w.query_up);
  Matrix<Real> d_input = product_input_gradient(d_queries, w.query_up, linear, Operation::QueryUp, context);
  if (compressed) {
    const Matrix<Real> d_query_latent =
        norm_backward(d_input, kept.query_latent, w.query_norm, shape.norm_epsilon, context, d_w.query_norm);
    product_weight_gradient(d_query_latent, kept.x, linear, Operation::QueryDown, context, d_w.query_down);
    d_input = product_input_gradient(d_query_latent, w.query_down, linear, Operation::QueryDown, context);
  }
  d_x += d_input;
  store_activation(d_x, context);
  return d_x;
}

#define ORRERY_LATENT(Real)                                                                                 \
  template HeadOperands<Real> latent_forward(const Matrix<Real>&, const AttentionWeights<Real>&,            \
                                             const ModelShape&, int, const Context&, AttentionKept<Real>&); \
  template AttentionKept<Real> latent_again(const AttentionKept<Real>&, const AttentionWeights<Real>&,      \
                                            const ModelShape&, int, const Context&);                        \
  template Matrix<Real> latent_backward(CoreGradients<Real>, const AttentionKept<Real>&,                    \
                                        const AttentionKept<Real>&, const AttentionWeights<Real>&,          \
                                        const ModelShape&, int, const Context&, AttentionWeights<Real>&);
ORRERY_LATENT(float)
ORRERY_LATENT(double)
#undef ORRERY_LATENT

}  // namespace orrery::reference
