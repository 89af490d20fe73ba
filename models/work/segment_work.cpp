#include <type_traits>

#include "models/work/parts.hpp"
#include "models/work/work.hpp"

namespace orrery {
namespace {

DenseFfn dense_ffn(const WorkShape& s) { return {s.tokens(), s.model->dense_width / s.tensor}; }
DenseFfn shared_ffn(const WorkShape& s) { return {s.tokens(), s.model->experts->shared_width / s.tensor}; }
bool has_shared(const WorkShape& s) { return s.model->experts->shared_width > 0; }

/// The input of a dense network is cast once before it; experts' input was cast before the dispatch.
void enter_dense(Calls& calls, const WorkShape& s) {
  cast_tokens(calls, s, "cast x", s.tokens() * s.model->hidden);
}

Calls embedding_work(const WorkShape& s, Segment segment) {
  Calls calls;
  const std::int64_t elements = s.tokens() / s.tensor * s.model->hidden;
  if (segment == Segment::FfnForward) move_bytes(calls, "embedding", Traffic::Embedding, moved(elements, 4));
  // Sum with the position's row (6 bytes an element), and dropout (5).
  if (segment == Segment::FfnForward && s.attention == AttentionKernel::Unfused) {
    move_bytes(calls, "position, dropout", Traffic::Elementwise, moved(elements, 11));
  }
  // BF16 gradients are read and added to FP32 rows, read and written.
  if (segment == Segment::FfnWeight)
    move_bytes(calls, "embedding gradient", Traffic::Embedding, moved(elements, 2 + 4 + 4));
  return calls;
}

Calls head_work(const WorkShape& s, Segment segment) {
  if (segment == Segment::FfnForward) return head_forward(s);
  if (segment == Segment::FfnBackward) return head_backward(s);
  if (segment == Segment::FfnWeight) return head_weight(s);
  return {};
}

/// A dense block without latent attention is Llama's or GPT's: its network has a residual of its own.
Calls grouped_dense_work(const WorkShape& s, Segment segment) {
  switch (segment) {
    case Segment::AttentionForward:
      return grouped_attention_forward(s);
    case Segment::FfnForward:
      return network_forward(s);
    case Segment::FfnBackward:
      return network_backward(s);
    case Segment::AttentionBackward:
      return grouped_attention_backward(s);
    case Segment::FfnWeight:
      return network_weight(s);
    case Segment::AttentionWeight:
      return grouped_attention_weight(s);
    case Segment::Count:
      break;
  }
  return {};
}

Calls dense_work(const WorkShape& s, Segment segment) {
  if (!s.model->latent) return grouped_dense_work(s, segment);
  Calls calls;
  switch (segment) {
    case Segment::AttentionForward:
      return attention_forward(s);
    case Segment::FfnForward:
      enter_dense(calls, s);
      append(calls, dense_forward(s, dense_ffn(s)));
      return calls;
    case Segment::FfnBackward:
      return dense_backward(s, dense_ffn(s));
    case Segment::AttentionBackward:
      return attention_backward(s);
    case Segment::FfnWeight:
      return dense_weight(s, dense_ffn(s));
    case Segment::AttentionWeight:
      return attention_weight(s);
    case Segment::Count:
      break;
  }
  return {};
}

Calls moe_work(const WorkShape& s, Segment segment, std::int64_t rows) {
  Calls calls;
  switch (segment) {
    case Segment::AttentionForward:
      calls = attention_forward(s);
      append(calls, router_forward(s));
      return calls;
    case Segment::FfnForward:
      if (has_shared(s)) append(calls, dense_forward(s, shared_ffn(s)));
      append(calls, experts_forward(s, rows));
      return calls;
    case Segment::FfnBackward:
      calls = experts_backward(s, rows);
      if (has_shared(s)) append(calls, dense_backward(s, shared_ffn(s)));
      return calls;
    case Segment::AttentionBackward:
      calls = router_backward(s);
      append(calls, attention_backward(s));
      return calls;
    case Segment::FfnWeight:
      calls = experts_weight(s, rows);
      if (has_shared(s)) append(calls, dense_weight(s, shared_ffn(s)));
      return calls;
    case Segment::AttentionWeight:
      return attention_weight(s);
    case Segment::Count:
      break;
  }
  return {};
}

Calls predict_work(const WorkShape& s, Segment segment, std::int64_t rows) {
  Calls calls;
  if (segment == Segment::AttentionForward) calls = projection_forward(s);
  append(calls, moe_work(s, segment, rows));
  if (segment == Segment::AttentionBackward) append(calls, projection_backward(s));
  if (segment == Segment::AttentionWeight) append(calls, projection_weight(s));
  return calls;
}

}  // namespace

std::vector<KernelCall> segment_work(const WorkShape& shape, BlockKind kind, Segment segment,
                                     std::int64_t rows) {
  switch (kind) {
    case BlockKind::Embedding:
      return embedding_work(shape, segment);
    case BlockKind::Dense:
      return dense_work(shape, segment);
    case BlockKind::Moe:
      return moe_work(shape, segment, rows);
    case BlockKind::Predict:
      return predict_work(shape, segment, rows);
    case BlockKind::Head:
      return head_work(shape, segment);
  }
  return {};
}

std::string_view segment_name(Segment segment) {
  switch (segment) {
    case Segment::AttentionForward:
      return "attn(F)";
    case Segment::FfnForward:
      return "mlp(F)";
    case Segment::FfnBackward:
      return "mlp(B)";
    case Segment::AttentionBackward:
      return "attn(B)";
    case Segment::FfnWeight:
      return "mlp(W)";
    case Segment::AttentionWeight:
      return "attn(W)";
    case Segment::Count:
      break;
  }
  return "";
}

Flops executed_flops(const KernelCall& call) {
  double flops = 0;
  if (const auto* gemm = std::get_if<Gemm>(&call.work)) {
    flops = 2.0 * double(gemm->m) * double(gemm->n) * double(gemm->k);
  } else if (const auto* a = std::get_if<Attention>(&call.work)) {
    // Forward: two products; backward: five, of which three contract over the key width.
    const double width =
        a->backward ? 3.0 * a->query_key_dim + 2.0 * a->value_dim : a->query_key_dim + a->value_dim;
    flops = 2.0 * a->batch * a->heads * double(a->queries) * a->keys * width * (a->causal ? 0.5 : 1.0);
  }
  if (const auto* a = std::get_if<DecodeAttention>(&call.work))
    flops = 2.0 * double(a->keys) * a->queries * a->heads * (double(a->query_key_dim) + a->value_dim);
  return Flops(flops * call.times);
}

std::int64_t balanced_rows(const WorkShape& shape) {
  if (!shape.model->experts) return 0;
  const Experts& e = *shape.model->experts;
  const std::int64_t local = e.routed / shape.expert;
  const std::int64_t tokens = shape.tokens() / shape.tensor * shape.expert;
  const std::int64_t each = tokens * e.per_token / e.routed;
  return local * ((each + 127) / 128 * 128);
}

}  // namespace orrery
