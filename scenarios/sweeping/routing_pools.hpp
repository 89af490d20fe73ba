#pragma once

#include <list>
#include <mutex>
#include <optional>

#include "models/training/step.hpp"

namespace orrery {

/// Routing samples for many plans: drawn once for all that would draw the same. They take longer than a step
/// of lockstep. For several threads.
class RoutingPools {
 public:
  /// The pool that `plan_routing(plan)` would draw; none without experts. It lives as long as this.
  const RoutingPool* of(const TrainingPlan& plan);

 private:
  /// The plan stays beside its samples, which point to its model.
  struct Kept {
    TrainingPlan plan;
    std::optional<RoutingPool> pool;
    std::once_flag drawn;
  };
  std::mutex one_;
  std::list<Kept> kept_;
};

}  // namespace orrery
