#pragma once

#include <string>
#include <string_view>

namespace orrery {

/// What a `model_type` implies and no key of its config.json says.
struct Family {
  std::string_view model_type;
  bool gated = true;             ///< Three matrices in a feed-forward layer.
  bool tied = false;             ///< When `tie_word_embeddings` is absent.
  bool qkv_bias = false;         ///< On queries, keys and values, never on the output projection.
  bool all_bias = false;         ///< On every matrix.
  bool layer_norm_bias = false;  ///< LayerNorm instead of RMSNorm.
  bool learned_positions = false;
  bool query_key_norm = false;
  bool sigmoid_router = false;  ///< With a selection bias, when the scoring keys are absent.
};

/// The row of one model type; null when it is not known.
const Family* find_family(std::string_view model_type);

/// Every known type, for messages: "deepseek, deepseek_v2, ...".
std::string known_families();

}  // namespace orrery
