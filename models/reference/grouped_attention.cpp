#include "models/reference/attention_kinds.hpp"
#include "models/reference/product.hpp"

namespace orrery::reference {
namespace {

ColumnGroups whole_heads(const ModelShape& shape, int heads) {
  return {.first = 0, .dim = shape.head_dim, .count = heads, .stride = shape.head_dim};
}

}  // namespace

template <class Real>
HeadOperands<Real> grouped_forward(const Matrix<Real>& x, const AttentionWeights<Real>& w,
                                   const ModelShape& shape, int length, const Context& context) {
  const auto project = [&](const Matrix<Real>& weight) {
    return product_forward(x, weight, context.numerics.linear, Operation::QueryKeyValue, context);
  };
  HeadOperands<Real> heads{project(w.query), project(w.key), project(w.value)};
  rotate_groups(heads.queries, whole_heads(shape, shape.heads), shape.rotary, length, Direction::Forth,
                context, Pass::Forward);
  rotate_groups(heads.keys, whole_heads(shape, shape.key_value_heads), shape.rotary, length, Direction::Forth,
                context, Pass::Forward);
  return heads;
}

template <class Real>
Matrix<Real> grouped_backward(CoreGradients<Real> d, const AttentionKept<Real>& kept,
                              const AttentionWeights<Real>& w, const ModelShape& shape, int length,
                              const Context& context, AttentionWeights<Real>& d_w) {
  rotate_groups(d.d_queries, whole_heads(shape, shape.heads), shape.rotary, length, Direction::Back, context,
                Pass::InputGradient);
  rotate_groups(d.d_keys, whole_heads(shape, shape.key_value_heads), shape.rotary, length, Direction::Back,
                context, Pass::InputGradient);
  const auto back = [&](const Matrix<Real>& d_y, const Matrix<Real>& weight, Matrix<Real>& d_weight) {
    const Precision linear = context.numerics.linear;
    product_weight_gradient(d_y, kept.x, linear, Operation::QueryKeyValue, context, d_weight);
    return product_input_gradient(d_y, weight, linear, Operation::QueryKeyValue, context);
  };
  Matrix<Real> d_x = back(d.d_queries, w.query, d_w.query);
  d_x += back(d.d_keys, w.key, d_w.key);
  d_x += back(d.d_values, w.value, d_w.value);
  store_activation(d_x, context);
  return d_x;
}

#define ORRERY_GROUPED(Real)                                                                      \
  template HeadOperands<Real> grouped_forward(const Matrix<Real>&, const AttentionWeights<Real>&, \
                                              const ModelShape&, int, const Context&);            \
  template Matrix<Real> grouped_backward(CoreGradients<Real>, const AttentionKept<Real>&,         \
                                         const AttentionWeights<Real>&, const ModelShape&, int,   \
                                         const Context&, AttentionWeights<Real>&);
ORRERY_GROUPED(float)
ORRERY_GROUPED(double)
#undef ORRERY_GROUPED

}  // namespace orrery::reference
