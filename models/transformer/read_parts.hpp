#pragma once

#include <optional>

#include "models/transformer/config_keys.hpp"
#include "models/transformer/families.hpp"
#include "models/transformer/transformer.hpp"

namespace orrery {

// What a published model comes near of, times at least ten; above, a digit slipped.
inline constexpr Range layer_range{1, 10'000};
inline constexpr Range width_range{1, 1 << 20};
inline constexpr Range head_range{1, 16'384};
inline constexpr Range head_dim_range{1, 16'384};
inline constexpr Range rank_range{1, 1 << 18};
inline constexpr Range vocabulary_range{1, 1 << 24};
inline constexpr Range position_range{1, 1 << 28};
inline constexpr Range expert_range{0, 65'536};

/// Names of one thing in Hugging Face's, DeepSeek's and GPT-2's files, in this order.
inline constexpr ConfigKeys::Names layer_names{"num_hidden_layers", "n_layers", "n_layer"};
inline constexpr ConfigKeys::Names hidden_names{"hidden_size", "dim", "n_embd"};
inline constexpr ConfigKeys::Names head_names{"num_attention_heads", "n_heads", "n_head"};

/// Fills in key-value heads, head dimensions, biases and norms of queries and keys. `model.hidden` and
/// `model.heads` are read already.
void read_attention(ConfigKeys& keys, const Family& family, Transformer& model);

/// The experts, or nothing for a dense model; `dense_width` stands in for a missing width of their own.
std::optional<Experts> read_experts(ConfigKeys& keys, const Family& family, int dense_width);

}  // namespace orrery
