#pragma once

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "models/transformer/transformer.hpp"

namespace orrery {

inline constexpr std::array<std::string_view, 18> built_in_names{
    "deepseek-67b", "deepseek-v2", "deepseek-v2-lite", "deepseek-v3",  "gpt-1.5b",       "gpt-14.6b",
    "gpt-22b",      "gpt-3-175b",  "gpt-6.2b",         "kimi-k2",      "llama-3.1-405b", "llama-3.1-70b",
    "llama-3.1-8b", "megatron-1t", "mixtral-8x22b",    "mixtral-8x7b", "qwen2.5-72b",    "qwen3-235b-a22b"};

inline std::string built_in_text(std::string_view name) {
  std::ifstream file(std::string(ORRERY_SOURCE) + "/models/transformer/configs/" + std::string(name) +
                     ".json");
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Transformer built_in(std::string_view name) {
  return read_transformer(built_in_text(name), name).value;
}

}  // namespace orrery
