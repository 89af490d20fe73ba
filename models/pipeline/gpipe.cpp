#include "models/pipeline/kinds.hpp"

namespace orrery {

/// All forwards, then all backwards (Huang et al., GPipe, NeurIPS 2019), with the backwards in the
/// order in which Narayanan et al., SC 2021, Figure 3, draw them: micro-batch 0 first.
///
/// Bubble     (P-1)(F+B); every rank holds the activations of all N micro-batches.
/// Checked    Bubble and peak on 240 shapes with random times; every order of the small sizes.
/// Leaves out Recomputation, which GPipe brought with it: that is a property of the layer work.
PipelineSchedule gpipe(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("gpipe", shape, shape.ranks);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    std::vector<Op>& row = schedule.order[rank];
    for (int m = 0; m < shape.micro_batches; ++m) row.push_back({Pass::Forward, {rank, m}, {}});
    for (int m = 0; m < shape.micro_batches; ++m) row.push_back({Pass::Backward, {}, {rank, m}});
  }
  return schedule;
}

}  // namespace orrery
