#include "scenarios/validate/small_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"

namespace orrery {
namespace {

using reference::ExpertShape;
using reference::GateShape;
using reference::LatentShape;
using reference::ModelShape;
using reference::TrainingRequest;

/// The scenario's groups where they still divide the experts and leave enough to choose from.
GateShape gate_of(const Experts& experts, const SmallModelSizes& sizes) {
  GateShape gate;
  gate.experts = sizes.experts.value_or(std::min(64, experts.routed));
  gate.per_token = sizes.per_token.value_or(std::min(6, experts.per_token));
  gate.groups = sizes.groups.value_or(experts.groups);
  gate.groups_per_token = sizes.groups_per_token.value_or(std::min(experts.groups_per_token, gate.groups));
  gate.score = experts.sigmoid ? reference::Score::Sigmoid : reference::Score::Softmax;
  gate.selection_bias = true;
  gate.scale = experts.sigmoid ? 2.5 : 1.0;
  return gate;
}

ModelShape shape_of(const Transformer& model, const SmallModelSizes& sizes) {
  ModelShape shape;
  shape.vocabulary = sizes.vocabulary.value_or(1024);
  shape.hidden = sizes.hidden.value_or(64);
  shape.heads = 4;
  if (model.latent) {
    shape.latent = LatentShape{.query_rank = model.latent->query_rank > 0 ? shape.hidden / 2 : 0,
                               .key_value_rank = shape.hidden / 4,
                               .nope_dim = shape.hidden / 4,
                               .rope_dim = shape.hidden / 8,
                               .value_dim = shape.hidden / 4};
  } else {
    shape.key_value_heads = model.key_value_heads < model.heads ? 2 : 4;
    shape.head_dim = shape.hidden / 4;
  }
  shape.dense_width = 3 * shape.hidden;
  shape.is_moe.assign(std::size_t(sizes.layers.value_or(3)), model.experts.has_value());
  if (!model.is_moe.empty() && !model.is_moe.front()) shape.is_moe.front() = false;
  if (model.experts) {
    const int width = shape.hidden / 4;
    shape.experts = ExpertShape{.gate = gate_of(*model.experts, sizes),
                                .width = width,
                                .shared_width = model.experts->shared_width > 0 ? width : 0};
  }
  shape.predict_layers = std::min(1, model.predict_layers);
  return shape;
}

Findings check_gate(const GateShape& gate) {
  if (gate.experts % gate.groups != 0) {
    return {{"--experts", fmt::format("{} experts do not make {} equal groups", gate.experts, gate.groups),
             fmt::format("a multiple of {}, or other --groups", gate.groups)}};
  }
  if (gate.groups_per_token > gate.groups) {
    return {{"--groups-per-token",
             fmt::format("a token cannot reach {} of {} groups", gate.groups_per_token, gate.groups),
             fmt::format("up to {}", gate.groups)}};
  }
  const int reachable = gate.experts / gate.groups * gate.groups_per_token;
  if (gate.per_token > reachable) {
    return {{"--per-token",
             fmt::format("a token cannot choose {} of the {} experts in {} groups of {}", gate.per_token,
                         reachable, gate.groups_per_token, gate.experts / gate.groups),
             fmt::format("up to {}", reachable)}};
  }
  return {};
}

/// Sizes that the command line gives and this model has no use for.
Findings check_use(const Transformer& model, const SmallModelSizes& sizes) {
  if (model.experts || !(sizes.experts || sizes.per_token || sizes.groups || sizes.groups_per_token))
    return {};
  return {{"--experts", "the scenario's model has no experts", "leave the sizes of a gate out"}};
}

}  // namespace

Checked<TrainingRequest> small_training(const Transformer& model, const SmallModelSizes& sizes,
                                        Effort effort) {
  Checked<TrainingRequest> checked;
  const bool whole = effort == Effort::Whole;
  TrainingRequest& request = checked.value;
  request.shape = shape_of(model, sizes);
  request.steps = sizes.steps.value_or(whole ? 400 : 24);
  request.warm_up = request.steps / 4;
  request.sequences = sizes.sequences.value_or(64);
  request.length = sizes.length.value_or(32);
  request.held_out_tokens = sizes.held_out.value_or(whole ? 131'072 : 32'768);
  request.rate = 4e-3;
  request.bias_speed = whole ? 0.01 : 0.05;
  request.seed = 1;
  if (request.shape.hidden % 16 != 0) {
    checked.findings.push_back({"--hidden", fmt::format("{} is not a multiple of 16", request.shape.hidden),
                                fmt::format("{}", (request.shape.hidden + 15) / 16 * 16)});
  }
  Findings more = check_use(model, sizes);
  if (more.empty() && request.shape.experts) more = check_gate(request.shape.experts->gate);
  checked.findings.insert(checked.findings.end(), more.begin(), more.end());
  return checked;
}

SmallModelSizes with_own_gate(const Transformer& model, SmallModelSizes sizes) {
  const Experts& experts = *model.experts;
  sizes.experts = experts.routed;
  sizes.per_token = experts.per_token;
  sizes.groups = experts.groups;
  sizes.groups_per_token = experts.groups_per_token;
  return sizes;
}

bool same_gate(const GateShape& gate, const Experts& experts) {
  return gate.experts == experts.routed && gate.per_token == experts.per_token &&
         gate.groups == experts.groups && gate.groups_per_token == experts.groups_per_token;
}

std::string describe(const ModelShape& shape) {
  std::string text;
  if (shape.experts) {
    const GateShape& gate = shape.experts->gate;
    text = fmt::format("{} experts, {} a token", gate.experts, gate.per_token);
    if (gate.groups > 1) text += fmt::format(" in {} of {} groups", gate.groups_per_token, gate.groups);
    text += "; ";
  }
  return text + fmt::format("hidden {}, {} layers, vocabulary {}", shape.hidden, shape.is_moe.size(),
                            grouped(shape.vocabulary));
}

}  // namespace orrery
