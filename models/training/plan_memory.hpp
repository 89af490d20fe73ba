#pragma once

#include "models/memory/memory.hpp"
#include "models/training/plan.hpp"

namespace orrery {

/// The plan as the memory model sees it; it points into the plan. Precondition: the plan was checked.
MemoryRequest memory_request(const TrainingPlan& plan);

}  // namespace orrery
