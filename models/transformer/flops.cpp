#include <algorithm>

#include "models/transformer/transformer.hpp"

namespace orrery {

/// Floating-point operations to train one token: three times those of its forward pass.
///
/// 6 * (activated parameters, head counted, input table and routers not)
///   + 3 * layers * 2 * s * heads * (query-key dimension + value dimension), half of it when causal.
///
/// Norms and biases are counted like matrices, as the published figures do (0.002 % of DeepSeek-V3).
///
/// Units      operations a token; sequence s in tokens.
/// Source     the rule that reproduces Insights into DeepSeek-V3, arXiv 2505.09343, table 4: 385 and 432
///            TFLOPS a GPU, 38.94 % and 43.73 %.
/// Checked    DeepSeek-V3 at 4,096: 249.82 (causal) and 280.52 GFLOP; against that paper's table 2, causal:
///            V3 250 (-0.1 %), V2 155 (+0.01 %), LLaMA-405B 2448 (+1.0 %), Qwen-72B 394 (+12.9 %: the
///            printed figure is below six times the 70.2 B parameters of its layers alone, 421).
/// Leaves out prediction modules, recomputation, softmax, routing, the optimizer.
Flops training_flops_per_token(const Transformer& model, int sequence, AttentionCount attention) {
  const std::int64_t moe_layers = std::count(model.is_moe.begin(), model.is_moe.end(), true);
  const std::int64_t multiplied =
      count_parameters(model).activated_no_embedding - moe_layers * router_parameters(model);

  const double query_key = model.latent ? model.latent->nope_dim + model.latent->rope_dim : model.head_dim;
  const double value = model.latent ? model.latent->value_dim : model.head_dim;
  const double seen = attention == AttentionCount::Causal ? 0.5 * sequence : 1.0 * sequence;
  const double scores = 3.0 * model.layers * 2.0 * seen * model.heads * (query_key + value);
  return Flops(6.0 * double(multiplied) + scores);
}

}  // namespace orrery
