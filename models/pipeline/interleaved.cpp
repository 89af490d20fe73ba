#include <algorithm>

#include "models/pipeline/kinds.hpp"

namespace orrery {
namespace {

/// The k-th forward of any rank: P micro-batches go through the rank's first stage, the same P through
/// its second, and so on; then come the next P. `stage` counts the rank's own stages.
Chunk kth_forward(const PipelineShape& shape, int k) {
  const int round = shape.ranks * shape.virtual_stages;
  return {.stage = k % round / shape.ranks, .micro_batch = k / round * shape.ranks + k % shape.ranks};
}

}  // namespace

/// Asks for P to divide N, as Megatron-LM does, and for two stages a rank: with one it would be a 1F1B
/// that holds twice the activations.
Findings check_interleaved(const PipelineShape& shape) {
  if (shape.virtual_stages < 2) {
    return {{"plan.virtual_stages",
             "interleaved needs at least 2 stages a rank; found " + std::to_string(shape.virtual_stages),
             "try 2, or schedule = \"1f1b\", which has one"}};
  }
  Findings findings = check_size(shape, shape.virtual_stages);
  if (!findings.empty()) return findings;
  if (const int over = shape.micro_batches % shape.ranks; over != 0) {
    const int below = shape.micro_batches - over;
    findings.push_back(
        {"plan.global_batch",
         "interleaved needs micro-batches in a multiple of its " + std::to_string(shape.ranks) +
             " ranks; found " + std::to_string(shape.micro_batches),
         "try " + (below > 0 ? std::to_string(below) + " or " : "") + std::to_string(below + shape.ranks) +
             ", or schedule = \"1f1b\", which takes any number"});
  }
  return findings;
}

/// Interleaved 1F1B (Narayanan et al., SC 2021, Figure 4, bottom): rank r holds the v stages r, r+P,
/// r+2P, ... Order of Megatron-LM, megatron/core/pipeline_parallel/schedules.py.
///
/// Warm-up    2(P-1-rank) + (v-1)P forwards, then one forward, one backward.
/// Bubble     (P-1)(F+B) in the times of a chunk, which is one v-th of a rank's layers.
/// Peak       vP + P-1 chunks on rank 0, where there are more micro-batches than ranks.
/// Checked    The published figure as text; bubble and peak on random shapes and times.
/// Leaves out Groups of other than P micro-batches, which newer releases of Megatron-LM allow.
PipelineSchedule interleaved(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("interleaved", shape, interleaved_stages(shape));
  const int chunks = shape.micro_batches * shape.virtual_stages;
  for (int rank = 0; rank < shape.ranks; ++rank) {
    std::vector<Op>& row = schedule.order[rank];
    const auto forward = [&](int k) {
      const Chunk chunk = kth_forward(shape, k);
      row.push_back({Pass::Forward, {chunk.stage * shape.ranks + rank, chunk.micro_batch}, {}});
    };
    const auto backward = [&](int k) {
      const Chunk chunk = kth_forward(shape, k);  // The same groups, from the last stage to the first.
      const int own_stage = shape.virtual_stages - 1 - chunk.stage;
      row.push_back({Pass::Backward, {}, {own_stage * shape.ranks + rank, chunk.micro_batch}});
    };
    const int wanted = 2 * (shape.ranks - 1 - rank) + (shape.virtual_stages - 1) * shape.ranks;
    const int warm_up = std::min(wanted, chunks);
    for (int k = 0; k < warm_up; ++k) forward(k);
    for (int k = 0; k < chunks; ++k) {
      if (warm_up + k < chunks) forward(warm_up + k);
      backward(k);
    }
  }
  return schedule;
}

int interleaved_stages(const PipelineShape& shape) { return shape.ranks * shape.virtual_stages; }

}  // namespace orrery
