#pragma once

#include "models/training/plan.hpp"

namespace orrery {

/// One instance of the model that answers: a layout of its own, apart from the one it is trained on.
struct Deployment {
  /// The instance's GPUs and how a layer lies on them: one pipeline rank, tensor groups, all of them together
  /// the expert-parallel group. Its batch and schedule do not matter here.
  TrainingPlan layout;
  int micro_batches = 1;  ///< 2: two halves of the batch take turns where that is faster: one computes while
                          ///< the other's messages travel.
  double acceptance = 0;  ///< Of the token that multi-token prediction drafts; 0: no drafts.
  double memory_share = 1;    ///< Of a GPU's memory, that weights and cache may fill.
  int most_sequences = 1024;  ///< At once in one tensor group, where the cache holds as many.
  Seconds host{};             ///< Between two steps, while the GPUs wait for the next.

  int groups() const { return layout.gpus() / layout.tensor; }  ///< Each with sequences of its own.
  int queries() const { return acceptance > 0 ? 2 : 1; }  ///< Tokens of a sequence that a step computes.
  /// Tokens that a sequence gains in a step.
  double tokens_a_step() const { return 1 + acceptance; }
};

/// What keeps the deployment from answering: sizes, kernels that the family lacks, a cache too small for
/// `longest` tokens of one sequence.
Findings check_deployment(const Deployment& deployment, std::int64_t longest);

/// What a GPU of the instance holds.
struct InstanceMemory {
  Bytes weights{};
  Bytes cache_token{};            ///< One token's cache on one rank of its tensor group.
  std::int64_t cache_tokens = 0;  ///< Of all sequences of a tensor group.
};

/// Memory of one GPU.
///
///   weights  of routed experts and of the matrices that the FP8 recipe multiplies, 1 B and 4 B a 128 x 128
///            block (BF16: 2 B); everything else 2 B; multi-token prediction counted;
///   cache    what is left of `memory_share` of the GPU, over a token's bytes in BF16: latent and rotary key
///            whole on every tensor rank, grouped heads shared out.
/// Leaves out  activations of a step and buffers of the messages: memory_share leaves room for them.
InstanceMemory instance_memory(const Deployment& deployment);

}  // namespace orrery
