#include "models/pipeline/kinds.hpp"

namespace orrery {
namespace {

/// How many of each a rank has run. Micro-batches come in order, so three counts say it all.
struct Progress {
  int forwards = 0, input_gradients = 0, weight_gradients = 0;
};

}  // namespace

/// Zero-bubble schedule ZB-1p: list scheduling within the activation memory of 1F1B, P micro-batches.
///
/// On a clock whose ticks are F = I = W, every rank takes at each tick the first of these that it can:
///   F   its input is there, fewer than P micro-batches are held (to the end of their W), and fewer
///       than P - rank await their input gradient: more would only queue before the ranks after it;
///   I   its gradient is there;
///   W   it owes one.
///
/// Source     Qi et al., arXiv 2401.10241, section 3.1. Their heuristic is richer: it weighs measured times
///            and tries eight variants. With activations held to the end of W it ends in the order of
///            ZB-H1 all the same, as does this one, and DeepSeek-V3's table 2 gives ZB1P that bubble. Only
///            where part of the activations is freed at I can a search gain more, down to (P-1)I.
/// Bubble     (P-1)(F+B-2W) with the full B = I + W, on the conditions of ZB-H1.
/// Checked    The order of ZB-H1 on all sizes to 9 ranks and 29 micro-batches with N >= P; below that its
///            makespan in unit times. At most P chunks and never slower than 1F1B on random times. The
///            heuristic, transcribed, at 4x8, 8x24, 16x40 and 16x120: the same order in unit times.
/// Leaves out Separate memory of I and W, and times: the order is the same on any hardware.
PipelineSchedule zb1p(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("zb1p", shape, shape.ranks);
  const int last = shape.ranks - 1;
  std::vector<Progress> progress(shape.ranks);
  for (int finished = 0; finished < shape.ranks;) {
    const std::vector<Progress> before = progress;  // What one does at this tick, nobody sees yet.
    for (int rank = 0; rank < shape.ranks; ++rank) {
      const Progress& own = before[rank];
      const bool input_there = rank == 0 || before[rank - 1].forwards > own.forwards;
      const bool room = own.forwards - own.weight_gradients < shape.ranks &&
                        own.forwards - own.input_gradients < shape.ranks - rank;
      const bool gradient_there = rank == last ? own.forwards > own.input_gradients
                                               : before[rank + 1].input_gradients > own.input_gradients;
      if (own.forwards < shape.micro_batches && input_there && room) {
        schedule.order[rank].push_back({Pass::Forward, {rank, progress[rank].forwards++}, {}});
      } else if (own.input_gradients < shape.micro_batches && gradient_there) {
        schedule.order[rank].push_back({Pass::InputBackward, {}, {rank, progress[rank].input_gradients++}});
      } else if (own.weight_gradients < own.input_gradients) {
        schedule.order[rank].push_back({Pass::WeightBackward, {}, {rank, progress[rank].weight_gradients++}});
        if (progress[rank].weight_gradients == shape.micro_batches) ++finished;
      }
    }
  }
  return schedule;
}

}  // namespace orrery
