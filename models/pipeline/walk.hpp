#pragma once

#include <functional>
#include <vector>

#include "models/pipeline/schedule.hpp"

namespace orrery {

/// When the ops of an order run, as far as they can.
struct Replay {
  std::vector<std::vector<Seconds>> start;  ///< [rank][op]; shorter than the row where a rank waits forever.
  std::vector<Seconds> end;                 ///< [rank] of its last op that ran.
};

/// What an op takes.
using OpTime = std::function<Seconds(const Op&)>;

/// The rules of `walk`. Precondition: chunks lie within the schedule's stages and micro-batches; ops may
/// be missing or wait for each other.
Replay replay(const PipelineSchedule& schedule, const PassTimes& times);
Replay replay(const PipelineSchedule& schedule, const OpTime& time);

Seconds time_of(Pass pass, const PassTimes& times);
bool runs_forward(Pass pass);
bool runs_backward(Pass pass);  ///< Passes that hand an input gradient to the stage before.

}  // namespace orrery
