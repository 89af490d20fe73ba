#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "sim/units.hpp"

namespace orrery {

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).
struct LatentAttention {
  int query_rank = 0;  ///< 0: queries are not compressed.
  int key_value_rank = 0;
  int nope_dim = 0, rope_dim = 0, value_dim = 0;
};

/// Fine-grained routed experts, and shared ones that see every token.
struct Experts {
  int routed = 0, per_token = 0;
  int width = 0;                         ///< Of one routed expert.
  int shared_width = 0;                  ///< Of all shared experts together; 0: none.
  int groups = 1, groups_per_token = 1;  ///< Group-limited (node-limited) choice; 1, 1: none.
  bool sigmoid = false;                  ///< Else softmax.
  bool selection_bias = false;           ///< Adds one parameter an expert; used for choice only.
  bool shared_gate = false;              ///< Qwen-MoE's sigmoid gate on the shared expert.
};

/// One decoder-only transformer as numbers: what a Hugging Face config.json says.
struct Transformer {
  std::string name;
  int layers = 0, hidden = 0;
  int heads = 0, key_value_heads = 0, head_dim = 0;
  std::optional<LatentAttention> latent;
  int dense_width = 0;  ///< Of a dense feed-forward layer.
  bool gated = true;    ///< SwiGLU: three matrices; else two (GPT-3's GELU).
  std::optional<Experts> experts;
  std::vector<bool> is_moe;  ///< One a layer.
  int vocabulary = 0;
  bool tied_embedding = false;
  int predict_layers = 0;  ///< Multi-token-prediction modules after the main model.
  int positions = 0;       ///< Longest sequence, or size of the learned table; 0: not stated.
  bool learned_positions = false;
  bool qkv_bias = false, all_bias = false, layer_norm_bias = false;
  bool output_bias = false;  ///< Of attention's output projection; `all_bias` includes it.
  bool query_key_norm = false;
  std::vector<std::string> warnings;  ///< What the file says that was not understood and may change the cost.
};

/// Reads a Hugging Face config.json (also DeepSeek's native and GPT-2's key names, and the language part
/// of a multimodal file). Never guesses: a layer pattern, activation or size that it does not know comes
/// back as a finding that names the JSON key, what was found and what is allowed. A key that it does not
/// know is a warning in `Transformer::warnings`. Text of up to 4 MiB, nested at most 32 deep.
Checked<Transformer> read_transformer(std::string_view json, std::string_view name);

/// Parameter totals; every count is exact.
struct ParameterCount {
  std::int64_t total = 0;                   ///< Main model, without multi-token-prediction modules.
  std::int64_t activated = 0;               ///< A token, embedding and head counted.
  std::int64_t activated_no_embedding = 0;  ///< A token, head counted, input and position tables not.
  std::int64_t predict_own = 0;             ///< All MTP modules' own weights; embedding and head shared.
  std::int64_t routed_experts = 0;          ///< Of the main model.
  std::int64_t embedding = 0;               ///< Input table (the head is as large unless tied).
};
ParameterCount count_parameters(const Transformer& model);
std::int64_t attention_parameters(const Transformer& model);   ///< One layer, without the two layer norms.
std::int64_t dense_ffn_parameters(const Transformer& model);   ///< One dense layer's.
std::int64_t expert_parameters(const Transformer& model);      ///< One routed expert's.
std::int64_t moe_shared_parameters(const Transformer& model);  ///< Shared experts and gate of one MoE layer.
std::int64_t router_parameters(const Transformer& model);      ///< That gate alone, with its selection bias.

/// Bytes kept per token for generation in BF16, all layers.
Bytes kv_cache_bytes_per_token(const Transformer& model);

enum class AttentionCount { Causal, Full };

/// Floating-point operations to train one token, forward and backward (three times forward).
Flops training_flops_per_token(const Transformer& model, int sequence, AttentionCount attention);

}  // namespace orrery
