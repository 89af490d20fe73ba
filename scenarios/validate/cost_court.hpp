#pragma once

#include "scenarios/reading/assemble.hpp"
#include "scenarios/validate/court.hpp"

namespace orrery {

/// How much of the model is really computed.
struct CostSample {
  int tokens = 256;           ///< Of the projections, norms, networks, router.
  int experts = 4;            ///< Routed experts that are computed with all rows routed to them.
  int routing_tokens = 8192;  ///< Through the full gate over all experts, for copies and rows.
  int heads = 1;              ///< Of the attention core at the scenario's full sequence.
  std::uint64_t seed = 1;
};

/// Court 1. Layers of each kind that the model has, at their true dimensions, forward and backward; counts
/// scaled up to one micro-batch of the plan and held against the simulator's own figures, operation by
/// operation.
Court cost_court(const TrainingPlan& plan, const CostSample& sample, const Share& share);

}  // namespace orrery
