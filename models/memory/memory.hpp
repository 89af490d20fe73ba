#pragma once

#include <string>
#include <vector>

#include "models/memory/activations.hpp"
#include "models/memory/parameters.hpp"

namespace orrery {

/// What a GPU's memory is spent on.
enum class MemoryClass : std::uint8_t {
  Weights,       ///< Working weights in the precision that is gathered after an update.
  WeightCopies,  ///< FP8 copies of the matrices, made once a step.
  Gradients,
  Optimizer,      ///< This rank's shard of master weights and moments (ZeRO-1).
  Activations,    ///< Kept for backward.
  Owed,           ///< Operands of postponed weight products.
  Workspace,      ///< What the running block needs beside what is kept.
  Communication,  ///< Buffers of pipeline messages and of the expert all-to-all.
  Framework,      ///< Context, libraries, allocator: an assumption, see `Reserve`.
  Count
};
constexpr std::size_t memory_classes = std::size_t(MemoryClass::Count);
std::string_view memory_class_name(MemoryClass kind);

struct MemoryBytes {
  std::array<Bytes, memory_classes> of{};
  Bytes& operator[](MemoryClass kind) { return of[std::size_t(kind)]; }
  Bytes operator[](MemoryClass kind) const { return of[std::size_t(kind)]; }
  Bytes total() const;
};

/// Bytes a parameter.
struct StateBytes {
  int weight = 2;
  int gradient = 4;
  int master = 4;
  int moment = 2;  ///< Of each of the two moments: BF16 in DeepSeek-V3, 4 elsewhere.
};

/// What is there besides tensors of the model. Assumptions, not measurements: no report breaks them down.
struct Reserve {
  /// CUDA context and libraries (about 0.6 GB), NCCL channels of three communicators (about 0.6 GB),
  /// allocator slack.
  Bytes framework{2'000'000'000};
  /// DeepEP's buffers as its own tests size them: 2 GB for NVLink and, between nodes, 1 GB for RDMA
  /// (deepseek-ai/DeepEP, tests/test_internode.py).
  Bytes expert_nvlink{2'000'000'000}, expert_network{1'000'000'000};
};

/// One training step's layout, as memory sees it.
struct MemoryRequest {
  WorkShape shape;
  KeepRules rules;
  PipelineSchedule schedule;
  std::vector<Stage> stages;
  StateBytes state;
  int dense_copies = 1, expert_copies = 1;  ///< Ranks that share the optimizer state of a parameter.
  double expert_rows = 1;                   ///< Rows of the fullest rank over balanced ones.
  Reserve reserve;
  int ranks_per_node = 8;
};

/// Memory while each op of the rank's row runs, as columns; the last row is after the step.
struct MemoryTimeline {
  std::vector<std::int32_t> op;  ///< Index in the rank's order; its size for the last row.
  std::array<std::vector<Bytes>, memory_classes> of;
  std::size_t rows() const { return op.size(); }
  MemoryBytes row(std::size_t index) const;
};

struct RankMemory {
  int rank = 0;
  RankParameters parameters;
  MemoryTimeline timeline;
  MemoryBytes floor;  ///< Before the first op and after the last.
  MemoryBytes peak;   ///< Of the row with the largest total.
  std::int32_t peak_op = 0;
  KeptBytes kept_at_peak;  ///< The activations of the peak by kind of tensor.
};

/// Memory of one pipeline rank through a step.
///
///   floor        weights, FP8 copies (1 B and 4 B a 128 x 128 block of `dense_products` and experts), FP32
///                gradients, optimizer shard (master + 2 moments) x (dense / dense_copies + expert /
///                expert_copies), buffers, reserve;
///   activations  a chunk's `kept` from the start of its forward to the end of its backward or input
///                backward; then its `owed` until its weight backward. An overlapped pair holds both chunks
///                in full, as schedules count;
///   workspace    block by block: in forward, later blocks have kept nothing yet; in backward, later blocks
///                have freed theirs; the extra of the worst block. An overlapped pair has both.
///
/// Source   DeepSeek-V3 report, sections 3.2 and 3.3; ZeRO-1: Rajbhandari et al., arXiv 1910.02054.
/// Checked  tests/models/memory/measured_test.cpp prints signed errors: Megatron-LM on A100 (arXiv
///          2205.05198), mean 1.9 % of 14 rows; allocated peaks of 12 runs on B200, mean 4.0 %, all below
///          (-1.8 to -7.2 %), none fitted. DeepSeek-V3 on H800: 71.7 GB on the outermost, 77.8 GB on the
///          other ranks, of 84.9 GB.
/// Leaves out  fragmentation (see Reserve), the optimizer step's temporaries, data loading, weights averaged
///             for evaluation (DeepSeek keeps them in host memory).
/// Precondition: the schedule is valid and cuts as many stages as there are.
RankMemory rank_memory(const MemoryRequest& request, int rank);

/// The rank with the largest peak; the lowest of equals.
RankMemory fullest_rank(const MemoryRequest& request);

/// Nothing where every rank fits into `capacity`; else by how much the fullest does not, its three largest
/// consumers, and as remedy the smallest change that would fit: more recompute, a smaller micro-batch, twice
/// the pipeline ranks, both; in this order, each tried by the same model.
Findings check_memory(const MemoryRequest& request, Bytes capacity, std::string_view gpu);

}  // namespace orrery
