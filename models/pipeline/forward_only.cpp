#include <utility>

#include "models/pipeline/walk.hpp"

namespace orrery {

/// Forwards keep their order and lose their company, so a micro-batch still passes the stages one after
/// another.
///
/// Checked    tests/models/pipeline/forward_only_test.cpp: with chunks of one length, N micro-batches take
///            N + P - 1 of them through P ranks.
PipelineSchedule forward_only(PipelineSchedule schedule) {
  for (std::vector<Op>& row : schedule.order) {
    std::vector<Op> kept;
    for (const Op& op : row) {
      if (runs_forward(op.pass)) kept.push_back({Pass::Forward, op.forward, {}});
    }
    row = std::move(kept);
  }
  schedule.name += ", forward only";
  return schedule;
}

}  // namespace orrery
