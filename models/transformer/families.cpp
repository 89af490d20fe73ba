#include "models/transformer/families.hpp"

#include <array>
#include <string>

namespace orrery {
namespace {

/// Source: the modeling_*.py of each type in huggingface/transformers 4.57.
constexpr std::array families{
    Family{.model_type = "deepseek"},
    Family{.model_type = "deepseek_v2"},
    Family{.model_type = "deepseek_v3", .sigmoid_router = true},
    Family{.model_type = "deepseek_v32", .sigmoid_router = true},
    Family{.model_type = "glm4_moe", .qkv_bias = true, .sigmoid_router = true},
    Family{.model_type = "gpt2",
           .gated = false,
           .tied = true,
           .all_bias = true,
           .layer_norm_bias = true,
           .learned_positions = true},
    Family{.model_type = "gpt_neox", .gated = false, .all_bias = true, .layer_norm_bias = true},
    Family{.model_type = "kimi_k2", .sigmoid_router = true},
    Family{.model_type = "llama"},
    Family{.model_type = "mistral"},
    Family{.model_type = "mixtral"},
    Family{.model_type = "phi3"},
    Family{.model_type = "qwen2", .qkv_bias = true},
    Family{.model_type = "qwen2_5_vl", .qkv_bias = true},
    Family{.model_type = "qwen2_moe", .qkv_bias = true},
    Family{.model_type = "qwen2_vl", .qkv_bias = true},
    Family{.model_type = "qwen3", .query_key_norm = true},
    Family{.model_type = "qwen3_moe", .query_key_norm = true},
    Family{.model_type = "qwen3_vl", .query_key_norm = true},
    Family{.model_type = "qwen3_vl_moe", .query_key_norm = true},
};

}  // namespace

const Family* find_family(std::string_view model_type) {
  constexpr std::string_view suffix = "_text";  // The language part of a multimodal file.
  if (model_type.ends_with(suffix)) model_type.remove_suffix(suffix.size());
  for (const Family& family : families) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

std::string known_families() {
  std::string names;
  for (const Family& family : families) names += (names.empty() ? "" : ", ") + std::string(family.model_type);
  return names;
}

}  // namespace orrery
