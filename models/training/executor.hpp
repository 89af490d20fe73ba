#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "models/collectives/all_to_all.hpp"
#include "models/pipeline/schedule.hpp"
#include "models/routing/routing.hpp"
#include "models/training/chunk_program.hpp"
#include "models/training/message_load.hpp"
#include "models/training/segment_cost.hpp"
#include "sim/timeline.hpp"
#include "topologies/routing.hpp"

namespace orrery {

/// What the step's all-to-alls reach and cost besides: single kernels' figures (models/collectives), never
/// fitted to a step.
struct StepTransfers {
  /// [kind] rates alone, and while compute runs on the other multiprocessors.
  std::array<TransferRates, std::size_t(TransferKind::Count)> alone{}, beside{};
  Chunking chunks_alone{1, 1}, chunks_beside{1, 1};
  std::array<Seconds, std::size_t(TransferKind::Count)>
      prelude{};                        ///< Own kernels before the barrier, and the host's read-back.
  Bytes outward_token{}, back_token{};  ///< One copy on the wire.
};

/// When a pipeline rank's messages travel.
enum class PipelineMessages : std::uint8_t {
  Batched,  ///< As the reference codes do (dualpipe.py, Megatron-LM): all of an op leave when it ends, and
            ///< the next op waits until they have left and its own inputs have come.
  Eager,    ///< Each leaves when its tensor is complete and holds nobody up.
};

enum class Fidelity : std::uint8_t {
  Lockstep,  ///< Folded, with one rank for each node of the group, as slow in every layer as its slowest.
  Folded,    ///< One expert-parallel group of each pipeline rank; an all-to-all lasts as long as its fullest
             ///< link.
  Full,      ///< Every rank; every message is a flow on the fabric.
};

/// All that a step needs, as values.
struct StepRequest {
  PipelineSchedule schedule;
  std::vector<Stage> stages;
  Overlap overlap = Overlap::Hidden;
  const RoutingPool* routing = nullptr;  ///< None: no experts, or all on every rank.
  std::int64_t expert_rows = 0;          ///< Of a rank that has all experts; a multiple of the row tile.
  double row_spread = 0;
  std::uint64_t seed = 0;
  int members = 1;          ///< Ranks that meet in every all-to-all (expert parallelism); 1: none.
  int groups = 1;           ///< Groups of them on one pipeline rank.
  int gpus_per_member = 1;  ///< GPUs in lockstep (tensor and context parallelism) that one member stands for.
  StepTransfers transfers;
  Bytes pipeline_message{};  ///< Activations of one micro-batch, per member's GPU.
  MessageLoad message_load;  ///< Folded: how messages share trunks; empty: they do not.
  PipelineMessages messages = PipelineMessages::Batched;
  BytesPerSecond pipeline_rate{};
  Seconds pipeline_latency{};
  Fidelity fidelity = Fidelity::Folded;
  RoutingPolicy routing_policy = RoutingPolicy::Ecmp;
  /// Full only. Member i of group g on pipeline rank p is GPU ((p groups + g) members + i) gpus_per_member.
  const Fabric* fabric = nullptr;
  /// Full only: of the GPU that the kernels were measured on. A kernel reaches the same part of every port.
  BytesPerSecond nvlink_port{};
  /// Full only: of the fabric's nodes, those of another job; members count without them.
  std::uint32_t neighbour_nodes = 0;
  std::vector<std::uint32_t> traced;  ///< Ranks whose slices are kept (in GPU numbering over members).
};

/// Where one rank's time went. `forward` + `input_backward` + `weight_backward` + `overlapped` + `bubble` is
/// the time until the last rank's last op ends; the published table of the V3 run has the same rows.
struct RankTime {
  Picoseconds forward{}, input_backward{}, weight_backward{},
      overlapped{};             ///< Ops from start to end, stalls included.
  Picoseconds bubble{};         ///< Between ops: waiting for a message, or for the others at the end.
  Picoseconds exposed{};        ///< Inside ops: the compute stream waits for an all-to-all.
  Picoseconds compute{};        ///< Kernels (and the messages that they wait for in line).
  Picoseconds communication{};  ///< The communication stream holds its multiprocessors: barrier and transfer.
  Picoseconds barrier{};        ///< Of that, waiting for other ranks.
  Picoseconds end{};
  std::uint64_t kernels = 0;
  double flops = 0;
};

struct StepOutcome {
  Picoseconds pipeline_end{};   ///< Last op of all ranks.
  std::vector<RankTime> ranks;  ///< One a simulated member, pipeline rank first, then group, then member.
  std::vector<std::vector<Picoseconds>> op_start;  ///< [pipeline rank][op] of its first simulated member.
  Timeline timeline;                               ///< Of the traced ranks.
  std::uint64_t events = 0, flows = 0, transfers = 0, messages = 0;
  std::vector<double> link_bytes;  ///< [link of the fabric]; full only.
  std::vector<double> link_busy_s;
};

/// Called now and then with the share of ops done, for a progress line; may be empty.
using OnProgress = std::function<void(double share)>;

/// Walks every rank's schedule.
///
/// A rank has a compute stream and a communication stream. Its cursor stands in a kernel of a step of an op;
/// kernels run at one of three speeds (alone, beside a barrier kernel, beside a transfer), so a change of the
/// communication stream moves the cursor by the old speed and goes on with the new one. An all-to-all starts
/// when all members of its group have arrived. Nothing else couples ranks but pipeline messages and shared
/// links.
///
/// The timeline of a traced rank has its kernels and all-to-alls, and for each message a slice where it is
/// sent and one where its last bytes land, with an arrow between them if both ranks are traced.
///
/// Checked     kernel by kernel against a slow twin; DualPipe's published makespans with all steps of one
/// length. Leaves out  SMs stolen by a second stream; tensor-parallel peers are exactly alike; a receiver is
/// taken
///             to have posted its buffers before a message is sent.
StepOutcome execute(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress = {});

}  // namespace orrery
