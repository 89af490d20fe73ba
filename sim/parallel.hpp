#pragma once

#include <functional>

namespace orrery {

/// Runs `count` independent jobs, possibly at once: `job(i)` for each i. The caller owns the threads.
using Parallel = std::function<void(int count, const std::function<void(int)>& job)>;

}  // namespace orrery
