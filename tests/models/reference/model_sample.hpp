#pragma once

#include "models/reference/model.hpp"
#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {

enum class ModelKind { DeepSeekV3, DeepSeekV2Lite, Mixtral, Llama };
constexpr ModelKind model_kinds[] = {ModelKind::DeepSeekV3, ModelKind::DeepSeekV2Lite, ModelKind::Mixtral,
                                     ModelKind::Llama};

/// A tiny model of each kind: MLA with query compression, sigmoid gate with a selection bias and groups,
/// shared expert, dense first layer, MTP; MLA without query compression and a softmax gate; grouped queries
/// with a softmax gate; grouped queries and no experts.
inline ModelShape tiny_shape(ModelKind kind, RandomStream& random) {
  ModelShape shape;
  shape.vocabulary = 11;
  shape.hidden = 8;
  shape.heads = 2;
  shape.dense_width = any_size(random, 3, 9);
  shape.is_moe = {false, true, true};
  const bool latent = kind == ModelKind::DeepSeekV3 || kind == ModelKind::DeepSeekV2Lite;
  if (latent) {
    shape.latent = LatentShape{.query_rank = kind == ModelKind::DeepSeekV3 ? 5 : 0,
                               .key_value_rank = 4,
                               .nope_dim = 3,
                               .rope_dim = 2,
                               .value_dim = any_size(random, 2, 4)};
  } else {
    shape.heads = 4;
    shape.key_value_heads = 2;
    shape.head_dim = 4;
  }
  if (kind != ModelKind::Llama) {
    const bool v3 = kind == ModelKind::DeepSeekV3;
    shape.experts = ExpertShape{.gate = {.experts = 8,
                                         .per_token = any_size(random, 1, 3),
                                         .groups = v3 ? 4 : 1,
                                         .groups_per_token = v3 ? 2 : 1,
                                         .score = v3 ? Score::Sigmoid : Score::Softmax,
                                         .selection_bias = v3,
                                         .normalised = kind != ModelKind::DeepSeekV2Lite,
                                         .scale = v3 ? 2.5 : 1},
                                .width = any_size(random, 2, 5),
                                .shared_width = kind == ModelKind::Mixtral ? 0 : 4};
  } else {
    shape.is_moe = {false, false};
  }
  if (kind == ModelKind::Mixtral) shape.is_moe = {true, true};
  shape.predict_layers = kind == ModelKind::DeepSeekV3 ? 1 : 0;
  return shape;
}

/// A tiny model, a batch for it and what its loss is made of.
template <class Real>
struct ModelSample {
  ModelShape shape;
  ModelWeights<Real> weights;
  Biases biases;
  std::vector<std::int32_t> tokens;
  Batch batch;
  LossRule rule;

  ModelSample(ModelKind kind, std::uint64_t seed, int sequences = 2, int length = 5) {
    RandomStream random(seed, {.owner = "test", .purpose = "model", .index = std::uint64_t(kind)});
    shape = tiny_shape(kind, random);
    weights = initial_weights<Real>(shape, 0.4, seed);
    for (NamedTensor<Real>& tensor : tensors_of(weights)) {
      if (tensor.decays) continue;  // Norms' weights, 1 at first.
      for (Eigen::Index i = 0; i < tensor.values.size(); ++i)
        tensor.values[i] += Real(0.4 * random.uniform() - 0.2);
    }
    biases = zero_biases(shape);
    for (SelectionBias& bias : biases)
      for (double& value : bias) value = 0.2 * random.uniform();
    for (int t = 0; t < sequences * (length + 2); ++t)
      tokens.push_back(std::int32_t(random.below(std::uint32_t(shape.vocabulary))));
    batch = {tokens, sequences, length};
    rule.predict_weight = shape.predict_layers > 0 ? 0.3 : 0;
    // Large, so that a wrong gradient of it would be seen.
    if (kind == ModelKind::DeepSeekV3) rule.balance = {BalanceLoss::SequenceWise, 0.1};
    if (kind == ModelKind::DeepSeekV2Lite || kind == ModelKind::Mixtral)
      rule.balance = {BalanceLoss::Classic, 0.1};
  }
  ModelSample(const ModelSample&) = delete;  // `batch` points into `tokens`.

  double total(const PassResult& result) const {
    return result.loss + rule.predict_weight * result.predict_loss + result.balance_loss;
  }
};

}  // namespace orrery::reference
