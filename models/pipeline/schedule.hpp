#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "sim/units.hpp"

namespace orrery {

/// A chunk is one stage's layers applied to one micro-batch.
struct Chunk {
  int stage = -1, micro_batch = -1;
  auto operator<=>(const Chunk&) const = default;
};

enum class Pass : std::uint8_t {
  Forward,
  Backward,        ///< Gradients for inputs, then for weights.
  InputBackward,   ///< Gradients for inputs; those for weights are owed.
  WeightBackward,  ///< Pays one owed weight gradient.
  Overlapped,      ///< A forward and a full backward chunk woven into one.
};

/// One entry of a rank's row. `forward` is set for Forward and Overlapped, `backward` for the others
/// and Overlapped.
struct Op {
  Pass pass;
  Chunk forward, backward;
  auto operator<=>(const Op&) const = default;
};

/// Who runs what, in which order. Not when: times belong to the executor, so one schedule can be
/// printed, validated, compared with the published picture and replayed on any hardware.
struct PipelineSchedule {
  std::string name;
  int ranks = 0, stages = 0, micro_batches = 0;
  std::vector<std::vector<Op>> order;   ///< [rank] -> its ops in order.
  std::vector<std::vector<int>> paths;  ///< [path][stage] -> rank; DualPipe has two, the others one.
  std::vector<int> path_of;             ///< [micro_batch] -> path.

  int rank_of(Chunk chunk) const { return paths[path_of[chunk.micro_batch]][chunk.stage]; }
};

struct PipelineShape {
  int ranks = 1;
  int micro_batches = 1;
  int virtual_stages = 1;  ///< Stages a rank for the interleaved schedule; the others fix their own.
};

/// One row of the catalogue: a schedule is a function that returns one.
struct ScheduleKind {
  std::string_view name, help;
  Findings (*check)(const PipelineShape&);          ///< What the shape lacks; empty: it can be built.
  PipelineSchedule (*build)(const PipelineShape&);  ///< Precondition: `check` found nothing.
  int (*stages)(const PipelineShape&);              ///< Stages of the model that this shape cuts.
};
std::span<const ScheduleKind> schedule_kinds();
const ScheduleKind* find_schedule(std::string_view name);

/// Everything that makes an order impossible or wrong: a chunk missing, done twice or on a foreign
/// rank, a weight gradient before its input gradient, a circular wait.
Findings validate(const PipelineSchedule& schedule);

/// The forwards of a schedule in its order, nothing else: what computes outputs and keeps nothing.
PipelineSchedule forward_only(PipelineSchedule schedule);

/// Rows of ops as text, one line a rank: "F0 F1 F2 B0 F3 B1 ...".
///
///   F3     forward of micro-batch 3            I3     input gradients only
///   B3     gradients for inputs and weights    W3     the owed weight gradients
///   F5&B1  a forward and a full backward, overlapped
///
/// Where a path has several stages on the rank a small letter tells which: "F3a" the first of them,
/// "F3b" the next. DualPipe needs none: there the micro-batch tells the path, and so the stage.
std::string picture(const PipelineSchedule& schedule);
/// The ops of one rank's row by those names.
std::vector<std::string> op_labels(const PipelineSchedule& schedule, int rank);
/// The same against time, as the papers draw it: F, I and W take one column, B two, F&B three. All
/// columns are as wide as the labels need; "-" continues a pass, blank is idle.
std::string gantt(const PipelineSchedule& schedule);

/// Times of one chunk. A full backward takes both of its parts; `overlapped` is given, not derived.
struct PassTimes {
  Seconds forward, input_backward, weight_backward, overlapped;
};
struct ScheduleCost {
  Seconds makespan;
  std::vector<Seconds> idle;     ///< [rank] makespan less busy time.
  std::vector<int> peak_chunks;  ///< [rank] most chunks whose activations are alive at once.
};
/// Walks the order with the same times on every rank and messages that take no time.
///
/// An op starts when its rank is free and its inputs are there: a forward needs the forward of the
/// stage before; a backward needs its own forward and the input gradient of the stage after; a weight
/// gradient needs its input gradient. Results are there for everybody when the op ends, and a sender
/// waits for no receiver.
///
/// A chunk's activations live from the start of its forward to the end of its full or weight
/// backward. An overlapped pair holds both its chunks: so DualPipe holds P+1 on every rank, as published.
///
/// Checked    Seven DualPipe and DualPipeV makespans with the idle time of every rank, computed
///            elsewhere with blocking sends, are met exactly: for these orders nobody gains by not
///            waiting. Bubble formulas of GPipe, 1F1B, interleaved 1F1B, ZB-H1 and DualPipe.
/// Leaves out Message times, unequal stages, slower ranks: the executor has these.
/// Precondition: `validate` found nothing.
ScheduleCost walk(const PipelineSchedule& schedule, const PassTimes& times);

}  // namespace orrery
