#pragma once

#include <array>
#include <vector>

#include "models/pipeline/schedule.hpp"

namespace orrery {

/// One rank's share of DualPipe or DualPipeV. A phase is one of the two streams of chunks that meet on
/// the rank; phase 0 is the one that reaches it first.
struct TwoPhases {
  struct Stream {
    int stage, first_micro_batch;
  };
  std::array<Stream, 2> phase;
  int distance;      ///< Steps from the entry of phase 0; the ranks where the streams turn are the last.
  int last;          ///< The distance of those.
  int main_repeats;  ///< Of the overlapped pairs.
};

/// The eight steps that both schedules consist of (deepseek-ai/DualPipe, dualpipe.py and dualpipev.py,
/// there with half_rank and num_half_ranks - 1 for `distance` and `last`).
std::vector<Op> eight_steps(const TwoPhases& rank);

}  // namespace orrery
