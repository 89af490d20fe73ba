#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/collectives/collective.hpp"
#include "models/kernels/family.hpp"
#include "models/pipeline/schedule.hpp"
#include "models/routing/trace.hpp"
#include "models/training/executor.hpp"
#include "models/transformer/transformer.hpp"
#include "models/work/stages.hpp"
#include "topologies/faults.hpp"
#include "topologies/hardware.hpp"
#include "topologies/routing.hpp"

namespace orrery {

/// How the optimizer keeps its state, bytes a parameter.
struct OptimizerState {
  int gradient_bytes = 4;
  int master_bytes = 4;
  int moment_bytes = 2;  ///< Of each of the two moments.
  int weight_bytes = 2;  ///< What is gathered after the update.
  bool sharded = true;   ///< Over the data-parallel copies (ZeRO-1); else every copy updates all.
};

/// When gradients of the copies of a stage are summed, and new weights gathered.
enum class CopyMessages : std::uint8_t {
  Exposed,  ///< After the last micro-batch, all at once.
  Hidden,   ///< Chunk by chunk beside the last backward and the next forward: the last chunk's alone is seen
            ///< (NeMo user guide, communication overlap: "exposes only one DP communication chunk").
};

/// How many copies of a token leave for a node in which several of its experts live.
enum class Dispatch : std::uint8_t {
  NodeOnce,  ///< One, forwarded over NVLink (DeepEP; DeepSeek-V3 report, section 3.2.2).
  RankEach,  ///< One for every rank, as an all-to-all among ranks sends (NCCL).
};

/// Nodes of a fabric, both ends counted, whose GPUs have other NVLink ports than the plan's.
struct OtherNodes {
  std::uint32_t first = 0, last = 0;
  GpuSpec gpu;
};

/// One training step to simulate, as values: the model, the machine, and how the one is laid on the other.
struct TrainingPlan {
  Transformer model;
  GpuSpec gpu;
  NicSpec nic;
  NodeSpec node;
  FabricRequest fabric;
  std::string topology;
  std::shared_ptr<const Fabric> cabling;  ///< Read from a file, in place of `topology`.
  std::vector<OtherNodes> others;         ///< Of the same chip; full fidelity alone sees them.
  int neighbour_nodes = 0;                ///< Of another job on the fabric; full fidelity alone sees them.
  std::vector<NetworkFault> faults;       ///< Of the fabric; full fidelity alone sees them.
  RoutingPolicy routing = RoutingPolicy::Ecmp;
  KernelFamily kernels;
  const CollectiveConstants* collectives = &h100_collectives;
  int nodes = 1;
  int pipeline = 1, expert = 1, tensor = 1, context = 1, virtual_stages = 1;
  int micro_batch = 1, global_batch = 1, sequence = 4096;
  int samples = 1;  ///< Packed in a sequence, that do not see each other.
  Precision precision = Precision::Bf16;
  Recompute recompute;
  AttentionKernel attention = AttentionKernel::Fused;
  std::string schedule = "1f1b";
  Overlap overlap = Overlap::Hidden;
  LayerMessages layer_messages = LayerMessages::Exposed;
  Scaling scaling = Scaling::Tile;
  PipelineMessages pipeline_messages = PipelineMessages::Batched;
  CopyMessages copy_messages = CopyMessages::Exposed;
  Dispatch dispatch = Dispatch::NodeOnce;
  LayerMap layer_map = LayerMap::EndsShort;
  std::vector<int> blocks;  ///< Explicit layer map; empty: by `layer_map`.
  int communication_sms = 20;
  OptimizerState optimizer;
  double row_spread = 0, popularity = 0;
  int routing_samples = 128;
  /// Of the model's own gate; its loads stand in place of `row_spread` and `popularity`. None: the gate is
  /// drawn.
  std::shared_ptr<const RoutingTrace> trace;
  std::uint64_t seed = 1;
  Fidelity fidelity = Fidelity::Folded;
  std::vector<std::uint32_t> traced;

  int gpus() const { return nodes * node.gpus; }
  int gpus_per_pipeline_rank() const { return gpus() / pipeline; }
  /// Data-parallel copies of a pipeline; a sequence belongs to one.
  int data() const { return gpus_per_pipeline_rank() / (tensor * context); }
  int micro_batches() const { return global_batch / (data() * micro_batch); }
  std::int64_t tokens() const { return std::int64_t(global_batch) * sequence; }
  /// Of what ranks receive, on top of routing: a trace has its own.
  double spread_on_top() const { return trace ? 0 : row_spread; }
};

/// Everything that keeps the plan from being a plan: sizes that do not divide, a schedule that cannot be
/// built.
Findings check_plan(const TrainingPlan& plan);

/// The fabric that the plan runs on, faults and all. Precondition: `check_plan` found nothing of the cluster.
Fabric cluster_fabric(const TrainingPlan& plan);
/// What is wrong with the cluster alone: sizes of the topology, names of faults.
Findings check_cluster(const TrainingPlan& plan);

/// Samples of a packed sequence, as many alike as cost attention what samples of `seen` tokens do (the mean
/// over tokens of the length of the sample that a token belongs to: the sum of squares over the sum of
/// lengths): the nearest number that divides each context rank's part of the sequence.
int packed_samples(int sequence, int context, double seen);

WorkShape work_shape(const TrainingPlan& plan);
PipelineShape pipeline_shape(const TrainingPlan& plan);
/// Stages of the model in order. Precondition: `check_plan` found nothing.
std::vector<Stage> plan_stages(const TrainingPlan& plan);
std::vector<int> layers_with_experts(const TrainingPlan& plan);  ///< In the order of the stages.
/// Tokens of one micro-batch that a GPU sends to experts.
int tokens_to_route(const TrainingPlan& plan);

}  // namespace orrery
