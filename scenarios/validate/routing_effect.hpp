#pragma once

#include "models/training/plan.hpp"
#include "scenarios/validate/study.hpp"

namespace orrery {

/// The choices of a trained gate as a trace for scenarios. `model`: whose gate it stands for.
RoutingTrace routing_trace_of(const reference::TrainingRun& run, const reference::GateShape& gate,
                              std::string model, std::string balancing, std::uint64_t text_hash);

/// What one way of routing does to the plan's step, every other choice being equal.
struct RoutingEffect {
  std::string routing;
  Seconds step{};
  double max_violation = 0;  ///< Mean over the trace's layers; 0 of even routing.
  double nodes_per_token = 0, ranks_per_token = 0;
};

/// Even routing first (every expert equally likely, no spread on top), then the traces, each on the folded
/// step of the plan. Traces that do not fit the plan are left out, with the reason in `notes`.
std::vector<RoutingEffect> routing_effects(const TrainingPlan& plan, const std::vector<RoutingTrace>& traces,
                                           std::vector<std::string>& notes);

/// The same as a picture, a table for files and lines of evidence.
void add_routing_effects(Court& court, const std::vector<RoutingEffect>& effects);

}  // namespace orrery
