#pragma once

#include "models/reference/block.hpp"
#include "models/transformer/transformer.hpp"
#include "scenarios/validate/cost_court.hpp"

namespace orrery {

/// What of a slice stands for more than itself: counts of these are multiplied.
struct Thinning {
  int heads = 1, width = 1, vocabulary = 1;
};

/// What the reference counted over one slice.
struct CostSlice {
  reference::Ledger ledger{};
  Thinning thinning{};
  int tokens = 0;
  std::int64_t expert_rows = 0;  ///< Of the sampled experts.
};

/// Everything that a slice is computed from.
struct SliceRequest {
  const Transformer* model = nullptr;
  reference::Numerics numerics;
  reference::Recompute recompute;
  CostSample sample;
};

/// The model's own dimensions for the reference, one layer; rotary positions are plain, which costs the same.
reference::ModelShape reference_shape(const Transformer& model);

/// One block of `tokens` random inputs, forward and backward: attention with all its projections and a dense
/// network, or the gate over all experts, the shared one and `experts` routed ones with all their rows.
/// Weights are uniform random numbers. A block of more than `weights` of them loses halves of its heads and
/// of its dense width until it fits.
CostSlice dense_slice(const SliceRequest& request);
CostSlice experts_slice(const SliceRequest& request);
/// The MTP module's projection alone; its block is that of experts_slice.
CostSlice projection_slice(const SliceRequest& request);
/// Embedding, final norm, output head and loss over a part of the vocabulary.
CostSlice ends_slice(const SliceRequest& request);
/// The attention core of `heads` heads over one sequence of `length` tokens.
CostSlice core_slice(const SliceRequest& request, int length);

/// Choices of `tokens` random inputs by the full gate. [tokens, per_token]
reference::Indices routed_choices(const SliceRequest& request, int tokens);

}  // namespace orrery
