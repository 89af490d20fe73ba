#include "models/transformer/layer_pattern.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace orrery {
namespace {

using nlohmann::json;

/// Keys that change what a layer is or does; any value but null, false, 0 or an empty list is refused.
constexpr std::array<std::string_view, 40> pattern_keys{"alternate_sliding_window",
                                                        "attention_chunk_size",
                                                        "attention_layers",
                                                        "attn_layer_offset",
                                                        "attn_layer_period",
                                                        "attn_type_list",
                                                        "block_configs",
                                                        "compress_ratios",
                                                        "cross_attention_layers",
                                                        "encoder_layers",
                                                        "expert_layer_offset",
                                                        "expert_layer_period",
                                                        "full_attention_interval",
                                                        "global_attn_every_n_layers",
                                                        "hc_mult",
                                                        "hybrid_layer_ids",
                                                        "hybrid_layer_pattern",
                                                        "hybrid_override_pattern",
                                                        "is_encoder_decoder",
                                                        "layer_group_size",
                                                        "layers_block_type",
                                                        "linear_attn_config",
                                                        "linear_num_key_heads",
                                                        "linear_num_value_heads",
                                                        "local_attention",
                                                        "mamba_d_state",
                                                        "mamba_num_heads",
                                                        "moe_layer_end_index",
                                                        "moe_layer_interval",
                                                        "moe_layer_start_index",
                                                        "moe_layers",
                                                        "multi_query",
                                                        "new_decoder_architecture",
                                                        "num_hash_layers",
                                                        "num_kv_shared_layers",
                                                        "parallel_attn",
                                                        "sliding_window_pattern",
                                                        "ssm_cfg",
                                                        "state_size",
                                                        "zero_expert_num"};

bool says_nothing(const json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0.0;
  return value.is_structured() && value.empty();
}

/// A window at least as long as every sequence cuts nothing off.
void refuse_window(ConfigKeys& keys, int positions) {
  const auto use = keys.boolean({"use_sliding_window"});
  const auto window = keys.integer({"sliding_window"}, {0, 1 << 30});
  if (!window || *window == 0 || use == false || (positions > 0 && *window >= positions)) return;
  keys.refuse("sliding_window", "found " + std::to_string(*window) + ": windowed attention is not modelled",
              "null, or use_sliding_window = false");
}

/// Takes one list with an entry a layer; false when it is there and wrong.
template <class Entry>
bool one_a_layer(ConfigKeys& keys, const char* name, const std::vector<Entry>& list, int layers) {
  if (int(list.size()) == layers) return true;
  keys.refuse(name, "found " + std::to_string(list.size()) + " entries",
              std::to_string(layers) + ", one a layer");
  return false;
}

}  // namespace

std::optional<std::vector<bool>> read_moe_layers(ConfigKeys& keys, int layers) {
  const std::size_t before = keys.findings.size();
  std::vector<bool> moe(std::size_t(layers), true);
  const auto keep = [&moe](auto says_yes) {
    for (std::size_t i = 0; i < moe.size(); ++i) moe[i] = moe[i] && says_yes(int(i));
  };

  if (const auto dense = keys.integer({"first_k_dense_replace", "n_dense_layers"}, {0, layers})) {
    keep([&](int i) { return i >= *dense; });
  }
  const json* frequency = keys.find("moe_layer_freq");
  if (frequency && frequency->is_array()) {
    const auto list = keys.integers("moe_layer_freq", {0, 1});
    if (list && one_a_layer(keys, "moe_layer_freq", *list, layers)) {
      keep([&](int i) { return (*list)[std::size_t(i)] == 1; });
    }
  } else if (const auto every = keys.integer({"moe_layer_freq"}, {1, layers})) {
    keep([&](int i) { return i % *every == 0; });
  }
  for (const char* name : {"decoder_sparse_step", "interleave_moe_layer_step"}) {
    if (const auto every = keys.integer({name}, {1, layers}))
      keep([&](int i) { return (i + 1) % *every == 0; });
  }
  if (const auto dense = keys.integers("mlp_only_layers", {0, layers - 1})) {
    for (const int i : *dense) moe[std::size_t(i)] = false;
  }
  if (const auto types = keys.texts("mlp_layer_types")) {
    for (const std::string& type : *types) {
      if (type == "sparse" || type == "dense") continue;
      keys.refuse_value("mlp_layer_types", json(type), "\"sparse\" or \"dense\"");
      break;
    }
    if (one_a_layer(keys, "mlp_layer_types", *types, layers)) {
      keep([&](int i) { return (*types)[std::size_t(i)] == "sparse"; });
    }
  }
  if (keys.findings.size() > before) return std::nullopt;
  return moe;
}

void refuse_unknown_patterns(ConfigKeys& keys, int layers, int positions) {
  for (const std::string_view name : pattern_keys) {
    const json* value = keys.find(name);
    if (value && !says_nothing(*value)) {
      keys.refuse_value(name, *value,
                        "this layer pattern is not modelled; without the key all layers are full attention");
    }
  }
  const auto types = keys.texts("layer_types");
  if (!types) return refuse_window(keys, positions);
  // Where every layer says that its attention is full, a window is left over from a default.
  keys.find("sliding_window");
  keys.find("use_sliding_window");
  one_a_layer(keys, "layer_types", *types, layers);
  for (const std::string& type : *types) {
    if (type == "full_attention") continue;
    keys.refuse_value("layer_types", json(type), "\"full_attention\" alone is modelled");
    break;
  }
}

}  // namespace orrery
