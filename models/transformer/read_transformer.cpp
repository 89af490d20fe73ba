#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "models/transformer/config_keys.hpp"
#include "models/transformer/families.hpp"
#include "models/transformer/harmless_keys.hpp"
#include "models/transformer/json_text.hpp"
#include "models/transformer/layer_pattern.hpp"
#include "models/transformer/read_parts.hpp"
#include "models/transformer/transformer.hpp"

namespace orrery {
namespace {

using nlohmann::json;

constexpr double most_parameters = 1e15;

constexpr ConfigKeys::Names dense_width_names{"intermediate_size", "intermediate_size_mlp", "inter_dim",
                                              "n_inner"};
constexpr ConfigKeys::Names activation_names{"hidden_act", "activation_function", "hidden_activation"};
constexpr ConfigKeys::Names position_names{"max_position_embeddings", "n_positions", "n_ctx"};

/// Matrices of a feed-forward layer: implied by a known family, or by an activation that has a gate.
bool read_gated(ConfigKeys& keys, const Family* family) {
  const auto activation = keys.text(activation_names);
  if (family) return family->gated;
  constexpr std::array<std::string_view, 4> gates{"silu", "swish", "swiglu", "silu_and_mul"};
  if (activation && std::find(gates.begin(), gates.end(), *activation) == gates.end()) {
    keys.refuse_value(
        keys.spelling(activation_names), json(*activation),
        "silu, swish or swiglu; or a known model_type, which says how many matrices there are: " +
            known_families());
  }
  return true;
}

/// An upper bound in floating point, before any whole-number product could overflow.
double rough_parameters(const Transformer& model) {
  const double head = std::max(model.head_dim, model.latent ? model.latent->value_dim : 0);
  const double ranks = model.latent ? model.latent->query_rank + model.latent->key_value_rank : 0;
  const double attention = 4 * (model.hidden + ranks) * (double(model.heads) * 2 * head + ranks + head);
  const double expert_width = model.experts ? double(model.experts->routed) * (model.experts->width + 1.0) +
                                                  model.experts->shared_width
                                            : 0.0;
  const double ffn = 4 * (model.hidden + 1.0) * (model.dense_width + expert_width);
  const double layers = model.layers + double(model.predict_layers);
  return layers * (attention + ffn + 8.0 * model.hidden * model.hidden) +
         double(model.hidden) * (2.0 * model.vocabulary + model.positions);
}

void warn_of_unread_keys(const ConfigKeys& keys, Transformer& model) {
  constexpr std::size_t most = 32;
  std::size_t unknown = 0;
  for (const std::string& key : keys.unread()) {
    if (is_harmless_key(key)) continue;
    if (++unknown > most) continue;
    const std::string name = json(key).dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60);
    model.warnings.push_back(name + " is not known: it may change the cost");
  }
  if (unknown > most) model.warnings.push_back(std::to_string(unknown - most) + " more keys are not known");
}

void warn_of_sparse_attention(ConfigKeys& keys, Transformer& model) {
  for (const char* name : {"index_topk", "index_n_heads", "index_head_dim"}) {
    if (keys.find(name)) {
      model.warnings.push_back(std::string(name) +
                               ": sparse attention is not modelled; its indexer is left out and "
                               "attention is counted as full");
    }
  }
}

/// What the model type implies; two kinds of files have names of their own instead of a type.
const Family* read_family(ConfigKeys& keys, Transformer& model) {
  const auto type = keys.text({"model_type"});
  if (!type && keys.find("dim")) return find_family("deepseek_v2");  // The files in DeepSeek's repositories.
  if (!type && keys.find("n_embd")) return find_family("gpt2");
  const Family* family = find_family(type.value_or(""));
  if (!family) {
    const std::string shown =
        json(type.value_or("").substr(0, 60)).dump(-1, ' ', true, json::error_handler_t::replace);
    model.warnings.push_back("model_type " + shown +
                             " is not known: read by its keys, with a Llama's biases and norms");
  }
  return family;
}

void read_feed_forward(ConfigKeys& keys, const Family* known, Transformer& model) {
  const Family family = known ? *known : Family{};
  model.gated = read_gated(keys, known);
  const auto dense_width = keys.integer(dense_width_names, width_range);
  const std::int64_t gpt2_default = std::min<std::int64_t>(4 * std::int64_t(model.hidden), width_range.most);
  model.dense_width = dense_width.value_or(family.learned_positions ? int(gpt2_default) : 0);

  model.experts = read_experts(keys, family, model.dense_width);
  model.is_moe.assign(std::size_t(model.layers), false);
  if (model.experts) {
    if (auto moe = read_moe_layers(keys, model.layers)) model.is_moe = std::move(*moe);
  }
  const auto moe_layers = std::count(model.is_moe.begin(), model.is_moe.end(), true);
  if (model.experts && moe_layers == 0 && keys.findings.empty()) {
    model.warnings.push_back("no layer is left for the experts: read as a dense model");
    model.experts.reset();
  }
  if (moe_layers < model.layers && model.dense_width == 0)
    keys.required_integer(dense_width_names, width_range);
}

/// Multimodal files may keep this one key outside of the language part, in `outer`.
void read_tied(ConfigKeys& keys, const json& outer, const Family* known, Transformer& model) {
  auto tied = keys.boolean({"tie_word_embeddings"});
  if (!keys.find("tie_word_embeddings")) {
    ConfigKeys outer_keys(outer, "");
    tied = outer_keys.boolean({"tie_word_embeddings"});
    keys.findings.insert(keys.findings.end(), outer_keys.findings.begin(), outer_keys.findings.end());
  }
  if (!tied && !known) model.warnings.push_back("tie_word_embeddings is missing: taken as false");
  model.tied_embedding = tied.value_or(known && known->tied);
}

Transformer read_model(ConfigKeys& keys, std::string_view name, const json& outer) {
  Transformer model;
  model.name = name;
  const Family* known = read_family(keys, model);
  const Family family = known ? *known : Family{};

  const auto layers = keys.required_integer(layer_names, layer_range);
  const auto hidden = keys.required_integer(hidden_names, width_range);
  const auto heads = keys.required_integer(head_names, head_range);
  model.vocabulary = keys.required_integer({"vocab_size"}, vocabulary_range).value_or(1);
  model.learned_positions = family.learned_positions;
  model.positions = (family.learned_positions ? keys.required_integer(position_names, position_range)
                                              : keys.integer(position_names, position_range))
                        .value_or(0);
  read_tied(keys, outer, known, model);
  if (!layers || !hidden || !heads) return model;  // Whatever follows is measured against these three.

  model.layers = *layers;
  model.hidden = *hidden;
  model.heads = *heads;
  read_attention(keys, family, model);
  refuse_unknown_patterns(keys, model.layers, model.positions);
  read_feed_forward(keys, known, model);
  model.predict_layers =
      keys.integer({"num_nextn_predict_layers", "mtp_num_hidden_layers"}, {0, 16}).value_or(0);
  warn_of_sparse_attention(keys, model);
  warn_of_unread_keys(keys, model);
  return model;
}

}  // namespace

Checked<Transformer> read_transformer(std::string_view text, std::string_view name) {
  Checked<Transformer> result;
  result.findings = check_json_text(text);
  if (!result.ok()) return result;
  const json root = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    result.findings.push_back({"", "the text is JSON, but not an object", "{ \"hidden_size\": ... }"});
    return result;
  }

  const json* language = &root;
  std::string prefix;
  for (const char* wrapper : {"text_config", "language_config", "llm_config"}) {
    const auto at = root.find(wrapper);
    if (at == root.end() || !at->is_object()) continue;
    language = &*at;
    prefix = std::string(wrapper) + ".";
    break;
  }

  ConfigKeys keys(*language, prefix);
  result.value = read_model(keys, name, root);
  if (!prefix.empty())
    result.value.warnings.push_back("only " + prefix.substr(0, prefix.size() - 1) +
                                    " is read: other parts, such as vision, are left out");
  result.findings = std::move(keys.findings);
  if (result.ok() && rough_parameters(result.value) > most_parameters) {
    result.findings.push_back({prefix + "hidden_size", "the sizes multiply to more than 10^15 parameters",
                               "check layers, widths and experts for a digit too many"});
  }
  return result;
}

}  // namespace orrery
