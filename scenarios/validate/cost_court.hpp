#pragma once

#include <cstdint>

#include "models/training/plan.hpp"
#include "scenarios/validate/court.hpp"

namespace orrery {

/// How much of the model is really computed.
struct CostSample {
  int tokens = 256;           ///< Of a block: projections, norms, networks, gate.
  int experts = 4;            ///< Routed experts that are computed, with all rows routed to them.
  int routing_tokens = 8192;  ///< Through the full gate over all experts, for copies and rows.
  int heads = 1;              ///< Of the attention core.
  int core_length = 4096;     ///< Longest sequence that the core is run at.
  /// Of one slice (8 bytes each, with gradients): wider blocks lose heads, width or vocabulary by halves, and
  /// the counts of what they lost are scaled.
  std::int64_t weights = 450'000'000;
  std::uint64_t seed = 1;
};

/// Court 1. One block of each kind that the model has, at its true dimensions, forward and backward in the
/// reference; the counts scaled up to one micro-batch of the plan and held against the simulator's own
/// figures, operation by operation:
///
///   FLOPs      forward (F), input gradient (B), weight gradient (W), computed again (R): equal. The
///   attention
///              core within 1 / sequence, the diagonal that a half of the square leaves out
///   bytes      norms' backward and the embedding within what weights and token numbers take; SwiGLU and the
///              loss beside, where kernels fuse otherwise
///   kept       for backward, by kind of tensor: equal; router and logits, whose formats differ, beside
///   routing    rows are conserved; nodes and ranks a token and the fullest expert's rows within four
///   standard
///              errors of both samples
///
/// The ranks that share a layer's matrices or sequence count together. Parts that the reference does not have
/// (networks that are not gated, unfused attention) are left out.
Court cost_court(const TrainingPlan& plan, const CostSample& sample, const ShareDone& share);

}  // namespace orrery
