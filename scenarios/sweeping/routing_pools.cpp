#include "scenarios/sweeping/routing_pools.hpp"

#include <algorithm>

namespace orrery {
namespace {

bool same_gate(const Experts& a, const Experts& b) {
  return a.routed == b.routed && a.per_token == b.per_token && a.groups == b.groups &&
         a.groups_per_token == b.groups_per_token && a.sigmoid == b.sigmoid &&
         a.selection_bias == b.selection_bias;
}

/// Whether both draw the same samples: all that `plan_routing` looks at.
bool draws_alike(const TrainingPlan& a, const TrainingPlan& b) {
  return same_gate(*a.model.experts, *b.model.experts) && a.expert == b.expert &&
         a.node.gpus == b.node.gpus && tokens_to_route(a) == tokens_to_route(b) &&
         a.popularity == b.popularity && a.routing_samples == b.routing_samples && a.seed == b.seed &&
         a.dispatch == b.dispatch && !a.trace && !b.trace;
}

}  // namespace

const RoutingPool* RoutingPools::of(const TrainingPlan& plan) {
  if (!plan.model.experts || plan.expert <= 1) return nullptr;
  Kept* kept = nullptr;
  {
    const std::lock_guard lock(one_);
    const auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const Kept& k) { return draws_alike(k.plan, plan); });
    kept = found != kept_.end() ? &*found : &kept_.emplace_back();
    if (found == kept_.end()) kept->plan = plan;
  }
  std::call_once(kept->drawn, [&] { kept->pool = plan_routing(kept->plan); });
  return &*kept->pool;
}

}  // namespace orrery
