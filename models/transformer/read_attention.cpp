#include <string>

#include "models/transformer/read_parts.hpp"

namespace orrery {
namespace {

void read_latent_attention(ConfigKeys& keys, Transformer& model) {
  LatentAttention latent;
  latent.query_rank = keys.integer({"q_lora_rank"}, {0, rank_range.most}).value_or(0);
  latent.key_value_rank = keys.required_integer({"kv_lora_rank"}, rank_range).value_or(1);
  latent.nope_dim = keys.required_integer({"qk_nope_head_dim"}, head_dim_range).value_or(1);
  latent.rope_dim = keys.required_integer({"qk_rope_head_dim"}, head_dim_range).value_or(1);
  latent.value_dim = keys.required_integer({"v_head_dim"}, head_dim_range).value_or(1);
  // Both are in such files, but the latent one replaces what they mean elsewhere.
  keys.find("num_key_value_heads");
  keys.find("head_dim");
  model.key_value_heads = model.heads;
  model.head_dim = latent.nope_dim + latent.rope_dim;
  model.latent = latent;
}

void read_grouped_attention(ConfigKeys& keys, Transformer& model) {
  const std::string heads = std::string(keys.spelling(head_names));
  const auto dim = keys.integer({"head_dim", "kv_channels"}, head_dim_range);
  model.head_dim = dim.value_or(model.hidden / model.heads);
  if (!dim && model.hidden % model.heads != 0) {
    keys.refuse(heads, "found " + std::to_string(model.heads) + ", and no head_dim",
                "a divisor of " + std::string(keys.spelling(hidden_names)) + ", " +
                    std::to_string(model.hidden) + ", or head_dim");
  }
  model.key_value_heads = keys.integer({"num_key_value_heads"}, head_range).value_or(model.heads);
  if (model.heads % model.key_value_heads != 0) {
    keys.refuse("num_key_value_heads", "found " + std::to_string(model.key_value_heads),
                "a divisor of " + heads + ", " + std::to_string(model.heads));
  }
}

void read_biases(ConfigKeys& keys, const Family& family, Transformer& model) {
  const auto attention = keys.boolean({"attention_bias"});
  const auto mlp = keys.boolean({"mlp_bias"});
  model.all_bias = family.all_bias || (attention == true && mlp == true);
  model.qkv_bias = attention.value_or(keys.boolean({"qkv_bias"}).value_or(family.qkv_bias));
  model.output_bias = attention == true && !family.qkv_bias;
  model.layer_norm_bias = family.layer_norm_bias;
  model.query_key_norm =
      keys.boolean({"use_qk_norm", "qk_norm", "qk_layernorm"}).value_or(family.query_key_norm);
  if (mlp == true && !model.all_bias) {
    keys.refuse("mlp_bias", "found true without attention_bias",
                "biases on attention, or on all matrices, are modelled");
  }
  if (model.latent && (attention == true || model.all_bias)) {
    keys.refuse("attention_bias", "found true beside kv_lora_rank",
                "false: latent attention with biases is not modelled");
  }
}

}  // namespace

void read_attention(ConfigKeys& keys, const Family& family, Transformer& model) {
  if (keys.find("kv_lora_rank")) {
    read_latent_attention(keys, model);
  } else {
    read_grouped_attention(keys, model);
  }
  read_biases(keys, family, model);
}

}  // namespace orrery
