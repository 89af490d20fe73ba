#include <algorithm>

#include "models/pipeline/kinds.hpp"

namespace orrery {

/// Zero-bubble schedule H1 (Qi et al., arXiv 2401.10241, Figure 3, top): 1F1B whose backward gives the
/// input gradients at once and owes those of the weights.
///
/// Rank r owes r of them, paid first in, first out: so every rank holds P micro-batches, where 1F1B
/// lets late ranks hold fewer, and the debts are paid where 1F1B idles at the end.
///
/// Bubble     (P-1)(F+I-W), met exactly for N >= P, F >= W, I >= W; I is the input backward alone.
/// Checked    Bubble and peak on random shapes and times within and without those conditions.
PipelineSchedule zb_h1(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("zb-h1", shape, shape.ranks);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    std::vector<Op>& row = schedule.order[rank];
    const int warm_up = std::min(shape.ranks - 1 - rank, shape.micro_batches);
    for (int m = 0; m < warm_up; ++m) row.push_back({Pass::Forward, {rank, m}, {}});
    for (int m = 0; m < shape.micro_batches; ++m) {
      if (warm_up + m < shape.micro_batches) row.push_back({Pass::Forward, {rank, warm_up + m}, {}});
      row.push_back({Pass::InputBackward, {}, {rank, m}});
      if (m >= rank) row.push_back({Pass::WeightBackward, {}, {rank, m - rank}});
    }
    for (int m = std::max(0, shape.micro_batches - rank); m < shape.micro_batches; ++m) {
      row.push_back({Pass::WeightBackward, {}, {rank, m}});
    }
  }
  return schedule;
}

}  // namespace orrery
