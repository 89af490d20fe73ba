#include "models/pipeline/dual_pipe.hpp"
#include "models/pipeline/kinds.hpp"

namespace orrery {

Findings check_dual_pipe_v(const PipelineShape& shape) {
  Findings findings = check_size(shape, 2);
  const int least = 2 * shape.ranks;
  if (findings.empty() && shape.micro_batches < least) {
    findings.push_back(
        {"plan.global_batch",
         "dualpipev needs at least 2 micro-batches a rank (" + std::to_string(least) + "); found " +
             std::to_string(shape.micro_batches),
         "try " + std::to_string(least) + " micro-batches, or schedule = \"zb1p\", which takes any number"});
  }
  return findings;
}

/// DualPipeV (deepseek-ai/DualPipe, dualpipev.py): one half of DualPipe. 2R stages in a V: rank r holds
/// stage r on the way out and stage 2R-1-r on the way back, so that every micro-batch passes every rank
/// twice and the last rank turns it round without a message.
///
/// Bubble     (R-1)(F&B + B - 3W) in chunks of 2R stages, on R ranks where DualPipe needs 2R.
/// Memory     2R+1 chunks on every rank; every stage's weights once (two stages a rank).
/// Checked    R = 4, N = 20: makespan 126 and idle 6 on every rank, exact; counts of each pass.
PipelineSchedule dual_pipe_v(const PipelineShape& shape) {
  const int stages = dual_pipe_v_stages(shape);
  PipelineSchedule schedule = empty_schedule("dualpipev", shape, stages);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    schedule.paths[0][rank] = schedule.paths[0][stages - 1 - rank] = rank;
    schedule.order[rank] = eight_steps({.phase = {{{rank, 0}, {stages - 1 - rank, 0}}},
                                        .distance = rank,
                                        .last = shape.ranks - 1,
                                        .main_repeats = shape.micro_batches - stages + rank + 1});
  }
  return schedule;
}

int dual_pipe_v_stages(const PipelineShape& shape) { return 2 * shape.ranks; }

}  // namespace orrery
