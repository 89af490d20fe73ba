#include <algorithm>

#include "scenarios/validate/cost_slices.hpp"

namespace orrery {

using reference::ModelShape;

ModelShape reference_shape(const Transformer& model) {
  ModelShape shape;
  shape.vocabulary = model.vocabulary;
  shape.hidden = model.hidden;
  shape.heads = model.heads;
  shape.dense_width = model.dense_width;
  if (model.latent) {
    const LatentAttention& a = *model.latent;
    shape.latent = reference::LatentShape{.query_rank = a.query_rank,
                                          .key_value_rank = a.key_value_rank,
                                          .nope_dim = a.nope_dim,
                                          .rope_dim = a.rope_dim,
                                          .value_dim = a.value_dim};
  } else {
    shape.key_value_heads = model.key_value_heads;
    shape.head_dim = model.head_dim;
  }
  if (model.experts) {
    const Experts& e = *model.experts;
    shape.experts = reference::ExpertShape{
        .gate = {.experts = e.routed,
                 .per_token = e.per_token,
                 .groups = e.groups,
                 .groups_per_token = e.groups_per_token,
                 .score = e.sigmoid ? reference::Score::Sigmoid : reference::Score::Softmax,
                 .selection_bias = e.selection_bias,
                 .normalised = e.sigmoid,
                 .scale = 1},
        .width = e.width,
        .shared_width = e.shared_width};
  }
  shape.predict_layers = std::min(1, model.predict_layers);
  return shape;
}

}  // namespace orrery
