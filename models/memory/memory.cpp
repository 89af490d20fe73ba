#include "models/memory/memory.hpp"

#include <algorithm>

#include "models/memory/keep.hpp"
#include "models/pipeline/walk.hpp"
#include "models/work/parts.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

/// One stage's memory for one micro-batch: sums over its blocks, and the worst moment of each pass beside
/// them.
struct ChunkMemory {
  KeptBytes kept, owed;
  Bytes forward_extra, backward_extra, input_backward_extra;
};

ChunkMemory chunk_memory(const MemoryRequest& request, const Stage& stage) {
  const auto rows = std::int64_t(double(balanced_rows(request.shape)) * request.expert_rows);
  ChunkMemory chunk;
  std::vector<BlockActivations> blocks;
  for (const Block& block : stage) {
    blocks.push_back(block_activations(request.shape, request.rules, block.kind, rows));
    chunk.kept += blocks.back().kept;
    chunk.owed += blocks.back().owed;
  }
  // From the last block to the first: `later` is kept by blocks behind this one, `owed` what they owe in its
  // place.
  Bytes later, owed;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    chunk.forward_extra = std::max(chunk.forward_extra, block->forward_extra - later);
    chunk.backward_extra = std::max(chunk.backward_extra, block->backward_extra - later);
    chunk.input_backward_extra = std::max(chunk.input_backward_extra, block->backward_extra - later + owed);
    later += block->kept.total();
    owed += block->owed.total();
  }
  chunk.input_backward_extra = std::max(chunk.input_backward_extra, owed - later);
  return chunk;
}

Bytes share(std::int64_t parameters, int bytes, int copies) {
  return Bytes((parameters * bytes + copies - 1) / copies);
}

Bytes communication(const MemoryRequest& request) {
  const WorkShape& s = request.shape;
  Bytes sum;
  // One activation and one gradient, sent and received at the same time.
  if (request.schedule.ranks > 1) sum += 4 * moved(shard_tokens(s, request.rules) * s.model->hidden, 2);
  if (s.model->experts && s.expert > 1) {
    sum += request.reserve.expert_nvlink;
    if (s.expert > request.ranks_per_node) sum += request.reserve.expert_network;
  }
  return sum;
}

MemoryBytes floor_of(const MemoryRequest& request, const RankParameters& held) {
  const StateBytes& state = request.state;
  const int shard = state.master + 2 * state.moment;
  MemoryBytes floor;
  floor[MemoryClass::Weights] = Bytes(held.total() * state.weight);
  if (request.shape.precision == Precision::Fp8) {
    const std::int64_t matrices = held.dense_products + held.expert;
    floor[MemoryClass::WeightCopies] = Bytes(matrices + matrices * 4 / (128 * 128));
  }
  floor[MemoryClass::Gradients] = Bytes(held.total() * state.gradient);
  floor[MemoryClass::Optimizer] =
      share(held.dense, shard, request.dense_copies) + share(held.expert, shard, request.expert_copies);
  floor[MemoryClass::Communication] = communication(request);
  floor[MemoryClass::Framework] = request.reserve.framework;
  return floor;
}

Bytes workspace(const Op& op, const std::vector<ChunkMemory>& chunks) {
  Bytes sum;
  if (runs_forward(op.pass)) sum += chunks[std::size_t(op.forward.stage)].forward_extra;
  if (op.pass == Pass::InputBackward)
    sum += chunks[std::size_t(op.backward.stage)].input_backward_extra;
  else if (runs_backward(op.pass))
    sum += chunks[std::size_t(op.backward.stage)].backward_extra;
  return sum;
}

void append_row(MemoryTimeline& timeline, std::int32_t op, const MemoryBytes& row) {
  timeline.op.push_back(op);
  for (std::size_t kind = 0; kind < memory_classes; ++kind) timeline.of[kind].push_back(row.of[kind]);
}

/// What a rank holds of its chunks, op by op.
class Holding {
 public:
  explicit Holding(const std::vector<ChunkMemory>& chunks) : count_(chunks.size()) {
    for (const ChunkMemory& chunk : chunks) {
      kept_of_.push_back(chunk.kept.total());
      owed_of_.push_back(chunk.owed.total());
    }
  }

  void start(const Op& op) {
    if (!runs_forward(op.pass)) return;
    ++count_[std::size_t(op.forward.stage)];
    kept += kept_of_[std::size_t(op.forward.stage)];
  }

  void finish(const Op& op) {
    if (op.pass == Pass::Forward) return;
    const auto stage = std::size_t(op.backward.stage);
    if (runs_backward(op.pass)) {
      --count_[stage];
      kept -= kept_of_[stage];
    }
    if (op.pass == Pass::InputBackward) owed += owed_of_[stage];
    if (op.pass == Pass::WeightBackward) owed -= owed_of_[stage];
  }

  /// [stage] chunks whose activations are kept.
  const std::vector<int>& count() const { return count_; }

  Bytes kept, owed;

 private:
  std::vector<int> count_;
  std::vector<Bytes> kept_of_, owed_of_;
};

}  // namespace

Bytes MemoryBytes::total() const {
  Bytes sum;
  for (const Bytes bytes : of) sum += bytes;
  return sum;
}

MemoryBytes MemoryTimeline::row(std::size_t index) const {
  MemoryBytes row;
  for (std::size_t kind = 0; kind < memory_classes; ++kind) row.of[kind] = of[kind][index];
  return row;
}

std::string_view memory_class_name(MemoryClass kind) {
  switch (kind) {
    case MemoryClass::Weights:
      return "weights";
    case MemoryClass::WeightCopies:
      return "FP8 weight copies";
    case MemoryClass::Gradients:
      return "gradients";
    case MemoryClass::Optimizer:
      return "optimizer state";
    case MemoryClass::Activations:
      return "activations";
    case MemoryClass::Owed:
      return "postponed weight products";
    case MemoryClass::Workspace:
      return "workspace";
    case MemoryClass::Communication:
      return "communication buffers";
    case MemoryClass::Framework:
      return "framework reserve";
    case MemoryClass::Count:
      break;
  }
  return "";
}

RankMemory rank_memory(const MemoryRequest& request, int rank) {
  const PipelineSchedule& schedule = request.schedule;
  RankMemory memory;
  memory.rank = rank;
  memory.parameters = rank_parameters(request.shape, stages_on_rank(schedule, request.stages, rank));
  memory.floor = memory.peak = floor_of(request, memory.parameters);

  std::vector<ChunkMemory> chunks(request.stages.size());
  for (const int stage : stages_of_rank(schedule, rank)) {
    chunks[std::size_t(stage)] = chunk_memory(request, request.stages[std::size_t(stage)]);
  }
  Holding holding(chunks);
  std::vector<int> at_peak;
  const std::vector<Op>& row = schedule.order[std::size_t(rank)];
  for (std::size_t i = 0; i < row.size(); ++i) {
    holding.start(row[i]);
    MemoryBytes now = memory.floor;
    now[MemoryClass::Activations] = holding.kept;
    now[MemoryClass::Owed] = holding.owed;
    now[MemoryClass::Workspace] = workspace(row[i], chunks);
    append_row(memory.timeline, std::int32_t(i), now);
    if (i == 0 || now.total() > memory.peak.total()) {
      memory.peak = now;
      memory.peak_op = std::int32_t(i);
      at_peak = holding.count();
    }
    holding.finish(row[i]);
  }
  for (std::size_t stage = 0; stage < at_peak.size(); ++stage) {
    for (int n = 0; n < at_peak[stage]; ++n) memory.kept_at_peak += chunks[stage].kept;
  }
  MemoryBytes after = memory.floor;
  after[MemoryClass::Activations] = holding.kept;
  after[MemoryClass::Owed] = holding.owed;
  ORRERY_CHECK(after.of == memory.floor.of);
  append_row(memory.timeline, std::int32_t(row.size()), after);
  return memory;
}

RankMemory fullest_rank(const MemoryRequest& request) {
  RankMemory fullest = rank_memory(request, 0);
  for (int rank = 1; rank < request.schedule.ranks; ++rank) {
    RankMemory next = rank_memory(request, rank);
    if (next.peak.total() > fullest.peak.total()) fullest = std::move(next);
  }
  return fullest;
}

}  // namespace orrery
