#include <algorithm>

#include "models/transformer/transformer.hpp"

namespace orrery {
namespace {

std::int64_t norm_parameters(const Transformer& model, std::int64_t width) {
  return model.layer_norm_bias ? 2 * width : width;
}

/// A matrix of `in` x `out` and, where the model has them, its biases.
std::int64_t linear(std::int64_t in, std::int64_t out, bool has_bias) {
  return in * out + (has_bias ? out : 0);
}

std::int64_t feed_forward(const Transformer& model, std::int64_t width) {
  const std::int64_t up = linear(model.hidden, width, model.all_bias);
  return (model.gated ? 2 : 1) * up + linear(width, model.hidden, model.all_bias);
}

std::int64_t latent_attention(const Transformer& model, const LatentAttention& latent) {
  const std::int64_t hidden = model.hidden, heads = model.heads;
  const std::int64_t query_width = heads * (latent.nope_dim + latent.rope_dim);
  const std::int64_t query = latent.query_rank == 0
                                 ? hidden * query_width
                                 : hidden * latent.query_rank + norm_parameters(model, latent.query_rank) +
                                       latent.query_rank * query_width;
  const std::int64_t rank = latent.key_value_rank;
  const std::int64_t key_value = hidden * (rank + latent.rope_dim) + norm_parameters(model, rank) +
                                 rank * heads * (latent.nope_dim + latent.value_dim);
  return query + key_value + heads * latent.value_dim * hidden;
}

std::int64_t grouped_attention(const Transformer& model) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t query_width = std::int64_t(model.heads) * model.head_dim;
  const std::int64_t key_width = std::int64_t(model.key_value_heads) * model.head_dim;
  const bool bias = model.qkv_bias || model.all_bias;
  const std::int64_t norms = model.query_key_norm ? 2 * norm_parameters(model, model.head_dim) : 0;
  return linear(hidden, query_width, bias) + 2 * linear(hidden, key_width, bias) +
         linear(query_width, hidden, model.output_bias || model.all_bias) + norms;
}

std::int64_t moe_layer_extra(const Transformer& model) {
  return model.experts->routed * expert_parameters(model) + moe_shared_parameters(model);
}

}  // namespace

/// Parameters of one attention block, its inner norms included and the two layer norms not.
///
/// Latent (MLA): d*q + q + q*h*(n+r) + d*(c+r) + c + c*h*(n+v) + h*v*d with hidden d, heads h, ranks q and
/// c, head dimensions n (nope), r (rope), v (value); without query compression the first three terms are
/// d*h*(n+r). Grouped: d*h*e + 2*d*k*e + h*e*d with k key-value heads of dimension e, and biases.
///
/// Units      parameters.
/// Source     DeepSeek-V2, arXiv 2405.04434, section 2.1; Ainslie et al., arXiv 2305.13245.
/// Checked    DeepSeek-V3: 187,107,328; against a list of every tensor by name for all built-in models.
std::int64_t attention_parameters(const Transformer& model) {
  return model.latent ? latent_attention(model, *model.latent) : grouped_attention(model);
}

/// Parameters of one dense feed-forward layer: 3*d*f when gated (SwiGLU), else 2*d*f, and biases.
std::int64_t dense_ffn_parameters(const Transformer& model) { return feed_forward(model, model.dense_width); }

/// Parameters of one routed expert: 3*d*f when gated, else 2*d*f. Zero for a dense model.
std::int64_t expert_parameters(const Transformer& model) {
  return model.experts ? feed_forward(model, model.experts->width) : 0;
}

/// Parameters of one layer's router: d a routed expert, and one more with a selection bias.
std::int64_t router_parameters(const Transformer& model) {
  if (!model.experts) return 0;
  return std::int64_t(model.experts->routed) * (model.hidden + (model.experts->selection_bias ? 1 : 0));
}

/// What every token meets in one MoE layer besides its routed experts: shared experts, their gate, router.
std::int64_t moe_shared_parameters(const Transformer& model) {
  if (!model.experts) return 0;
  const std::int64_t shared =
      model.experts->shared_width > 0 ? feed_forward(model, model.experts->shared_width) : 0;
  return shared + (model.experts->shared_gate ? model.hidden : 0) + router_parameters(model);
}

/// Parameters of a whole model.
///
/// Sum over layers of attention, two norms, and the feed-forward network or the experts; two tables of
/// vocabulary x hidden (one when tied), learned positions where the model has them, one last norm.
/// A prediction module adds a projection of 2d x d, one layer like the last, and three norms.
///
/// Units      parameters.
/// Source     DeepSeek-V3, arXiv 2412.19437, sections 2.1, 2.2; the models' published totals.
/// Checked    all built-in models: equal to the list of tensors; exact where a total is published to the
///            digit; within 0.1 % elsewhere.
/// Leaves out buffers that are not trained (rotary tables, quantization scales).
ParameterCount count_parameters(const Transformer& model) {
  const std::int64_t norms = 2 * norm_parameters(model, model.hidden);
  const std::int64_t moe_layers = std::count(model.is_moe.begin(), model.is_moe.end(), true);
  const std::int64_t dense_layers = model.layers - moe_layers;

  ParameterCount count;
  count.embedding = std::int64_t(model.vocabulary) * model.hidden;
  const std::int64_t positions = model.learned_positions ? std::int64_t(model.positions) * model.hidden : 0;
  const std::int64_t head = model.tied_embedding ? 0 : count.embedding;

  count.total = model.layers * (attention_parameters(model) + norms) +
                dense_layers * dense_ffn_parameters(model) + norm_parameters(model, model.hidden) +
                count.embedding + head + positions;
  std::int64_t idle = 0;  // Of routed experts that a token does not visit.
  if (model.experts) {
    count.total += moe_layers * moe_layer_extra(model);
    count.routed_experts = moe_layers * model.experts->routed * expert_parameters(model);
    idle = moe_layers * (model.experts->routed - model.experts->per_token) * expert_parameters(model);
  }
  count.activated = count.total - idle;
  count.activated_no_embedding = count.activated - head - positions;  // A tied table serves as the head.

  if (model.predict_layers > 0) {
    const bool moe = model.experts && !model.is_moe.empty() && model.is_moe.back();
    const std::int64_t ffn = moe ? moe_layer_extra(model) : dense_ffn_parameters(model);
    const std::int64_t projection = 2 * std::int64_t(model.hidden) * model.hidden;
    const std::int64_t module =
        projection + attention_parameters(model) + norms + ffn + 3 * norm_parameters(model, model.hidden);
    count.predict_own = model.predict_layers * module;
  }
  return count;
}

/// Bytes that generation keeps for each token of context, in BF16 over all layers of the main model.
///
/// Latent: 2 * layers * (c + r), one vector for all heads. Grouped: 2 * layers * 2 * k * e.
///
/// Units      bytes.
/// Source     DeepSeek-V2, arXiv 2405.04434, table 1.
/// Checked    Insights into DeepSeek-V3, arXiv 2505.09343, table 1, all three models exactly: 70,272 B
///            (DeepSeek-V3), 327,680 B (Qwen2.5-72B), 516,096 B (LLaMA-3.1-405B).
/// Leaves out prediction modules, page rounding, scales of a quantized cache.
Bytes kv_cache_bytes_per_token(const Transformer& model) {
  constexpr std::int64_t bf16 = 2;
  const std::int64_t numbers = model.latent ? model.latent->key_value_rank + model.latent->rope_dim
                                            : 2 * std::int64_t(model.key_value_heads) * model.head_dim;
  return Bytes(bf16 * model.layers * numbers);
}

}  // namespace orrery
