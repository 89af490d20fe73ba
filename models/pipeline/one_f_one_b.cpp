#include <algorithm>

#include "models/pipeline/kinds.hpp"

namespace orrery {

/// One forward, one backward (Narayanan et al., SC 2021, Figure 4, top).
///
/// A rank warms up with just enough forwards to keep the ranks after it busy, then alternates. So it
/// never holds the activations of more than P - rank micro-batches.
///
/// Bubble     (P-1)(F+B), as GPipe.
/// Checked    The published figure as text; bubble and peak on 240 shapes with random times.
PipelineSchedule one_f_one_b(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("1f1b", shape, shape.ranks);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    std::vector<Op>& row = schedule.order[rank];
    const int warm_up = std::min(shape.ranks - 1 - rank, shape.micro_batches);
    for (int m = 0; m < warm_up; ++m) row.push_back({Pass::Forward, {rank, m}, {}});
    for (int m = 0; m < shape.micro_batches; ++m) {
      if (warm_up + m < shape.micro_batches) row.push_back({Pass::Forward, {rank, warm_up + m}, {}});
      row.push_back({Pass::Backward, {}, {rank, m}});
    }
  }
  return schedule;
}

}  // namespace orrery
