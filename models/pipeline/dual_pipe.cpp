#include "models/pipeline/dual_pipe.hpp"

#include <algorithm>
#include <utility>

#include "models/pipeline/kinds.hpp"

namespace orrery {
namespace {

/// Writes a row op by op: the caller names only the phase, the micro-batches come in order.
class RowWriter {
 public:
  explicit RowWriter(const TwoPhases& rank) : rank_(rank) {}

  void forward(int phase) { row_.push_back({Pass::Forward, next(phase, forwards_), {}}); }
  void backward(int phase) { row_.push_back({Pass::Backward, {}, next(phase, backwards_)}); }
  void input_backward(int phase) {
    owed_.push_back(next(phase, backwards_));
    row_.push_back({Pass::InputBackward, {}, owed_.back()});
  }
  void weight_backward() { row_.push_back({Pass::WeightBackward, {}, owed_[paid_++]}); }
  void overlapped(int forward_phase, int backward_phase) {
    const Chunk forward = next(forward_phase, forwards_);
    row_.push_back({Pass::Overlapped, forward, next(backward_phase, backwards_)});
  }
  std::vector<Op> take_row() { return std::move(row_); }

 private:
  Chunk next(int phase, std::array<int, 2>& taken) const {
    const auto& [stage, first_micro_batch] = rank_.phase[phase];
    return {stage, first_micro_batch + taken[phase]++};
  }

  const TwoPhases& rank_;
  std::vector<Op> row_;
  std::array<int, 2> forwards_{}, backwards_{};
  std::vector<Chunk> owed_;  ///< Every weight gradient ever owed; the first `paid_` are paid.
  std::size_t paid_ = 0;
};

}  // namespace

std::vector<Op> eight_steps(const TwoPhases& rank) {
  RowWriter row(rank);
  const int from_turn = rank.last - rank.distance, both = rank.distance + 1;

  for (int i = 0; i < 2 * from_turn; ++i) row.forward(0);  // 1
  for (int i = 0; i < both; ++i) {                         // 2
    row.forward(0);
    row.forward(1);
  }
  for (int i = 0; i < from_turn; ++i) {  // 3
    row.input_backward(1);
    row.weight_backward();
    row.forward(1);
  }
  for (int i = 0; i < rank.main_repeats; ++i) {  // 4
    if (i == 0 && from_turn == 0) {
      row.forward(0);  // At the turn the first pair is run apart: woven, it would lengthen the bubble.
      row.backward(1);
    } else {
      row.overlapped(0, 1);
    }
    row.overlapped(1, 0);
  }
  for (int i = 0; i < from_turn; ++i) {  // 5
    row.backward(1);
    row.overlapped(1, 0);
  }
  for (int k = 0; k < 2 * both; ++k) {  // 6: backwards of both phases; the second half owes its weights.
    const int phase = 1 - k % 2;
    if (k < both)
      row.backward(phase);
    else
      row.input_backward(phase);
  }
  for (int i = 0; i < from_turn; ++i) {  // 7
    row.weight_backward();
    row.input_backward(0);
  }
  for (int i = 0; i < both; ++i) row.weight_backward();  // 8
  return row.take_row();
}

Findings check_dual_pipe(const PipelineShape& shape) {
  Findings findings = check_size(shape, 1);
  if (!findings.empty()) return findings;
  if (shape.ranks % 2 != 0) {
    const std::string below = shape.ranks > 1 ? std::to_string(shape.ranks - 1) + " or " : "";
    findings.push_back({"plan.pipeline",
                        "dualpipe needs an even number of ranks; found " + std::to_string(shape.ranks),
                        "try " + below + std::to_string(shape.ranks + 1) +
                            " ranks, or schedule = \"zb1p\", which takes any number"});
  }
  const int least = 2 * shape.ranks;
  const int even_below = shape.micro_batches - shape.micro_batches % 2;
  if (shape.micro_batches < least || shape.micro_batches % 2 != 0) {
    findings.push_back({"plan.global_batch",
                        "dualpipe needs an even number of micro-batches, at least 2 a rank (" +
                            std::to_string(least) + "); found " + std::to_string(shape.micro_batches),
                        "try " +
                            (shape.micro_batches < least
                                 ? std::to_string(least)
                                 : std::to_string(even_below) + " or " + std::to_string(even_below + 2)) +
                            " micro-batches, or schedule = \"zb1p\", which takes any number"});
  }
  return findings;
}

/// DualPipe (DeepSeek-V3, arXiv 2412.19437, section 3.2.1 and Figure 5; order of deepseek-ai/DualPipe,
/// dualpipe.py): micro-batches enter at both ends, and where the two directions meet a forward of the
/// one runs interwoven with a backward of the other.
///
///   path 0   micro-batches 0 .. N/2-1, stage s on rank s
///   path 1   the other half, stage s on rank P-1-s
///
/// Bubble     (P/2-1)(F&B + B - 3W). Exact on the two middle ranks when F = I >= W; other ranks and
///            other times differ by the waits between them (1037 ms for 1086 at the times of V3).
/// Memory     P+1 chunks on every rank; every stage's weights on two ranks.
/// Checked    Six makespans with every rank's idle time, exact; counts of each pass on every rank; the
///            first rows of Figure 5 as text.
/// Leaves out Blocking sends: the reference launches queued messages before the next chunk and waits.
///            With messages that take no time this changes no start in the cases checked.
PipelineSchedule dual_pipe(const PipelineShape& shape) {
  PipelineSchedule schedule = empty_schedule("dualpipe", shape, shape.ranks);
  const int last = shape.ranks - 1, half = shape.micro_batches / 2;
  schedule.paths.emplace_back(schedule.paths[0].rbegin(), schedule.paths[0].rend());
  std::fill(schedule.path_of.begin() + half, schedule.path_of.end(), 1);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    TwoPhases own{.phase = {{{rank, 0}, {last - rank, half}}},
                  .distance = std::min(rank, last - rank),
                  .last = shape.ranks / 2 - 1,
                  .main_repeats = 0};
    own.main_repeats = half - shape.ranks + own.distance + 1;
    if (rank > own.last) std::swap(own.phase[0], own.phase[1]);
    schedule.order[rank] = eight_steps(own);
  }
  return schedule;
}

}  // namespace orrery
