#include "models/training/step.hpp"

#include <algorithm>

#include "models/collectives/collective.hpp"
#include "models/collectives/deep_ep.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

AllToAllKind kernel_of(TransferKind kind) {
  switch (kind) {
    case TransferKind::DispatchForward:
      return AllToAllKind::Dispatch;
    case TransferKind::CombineBackward:
      return AllToAllKind::CachedDispatch;
    case TransferKind::CombineForward:
      return AllToAllKind::Combine;
    case TransferKind::DispatchBackward:
    case TransferKind::Count:
      break;
  }
  return AllToAllKind::CombineBackward;
}

// Communication-stream kernels before a barrier (published trace, means of four layers): the layout of a
// fresh dispatch 103 us; the cast of an incoming gradient 270 us.
constexpr Seconds layout_kernel{103e-6}, gradient_cast{270e-6};

StepTransfers step_transfers(const TrainingPlan& plan) {
  const double nvlink = plan.gpu.nvlink_achieved / deep_ep_links.nvlink,
               nic = plan.nic.line / deep_ep_links.nic;
  const bool fp8 = plan.precision == Precision::Fp8;
  StepTransfers t;
  t.chunks_alone = deep_ep.alone;
  t.chunks_beside = deep_ep.beside;
  t.outward_token = fp8 ? fp8_token(plan.model.hidden) : bf16_token(plan.model.hidden);
  t.back_token = bf16_token(plan.model.hidden);
  for (std::size_t k = 0; k < std::size_t(TransferKind::Count); ++k) {
    const AllToAllKind kind = kernel_of(TransferKind(k));
    for (const auto company : {Company::Alone, Company::Beside}) {
      const TransferRates rates = transfer_rates(deep_ep, kind, company);
      (company == Company::Alone ? t.alone : t.beside)[k] = {nic * rates.nic, nvlink * rates.nvlink};
    }
    t.prelude[k] = deep_ep[kind].host_gap;
  }
  t.prelude[std::size_t(TransferKind::DispatchForward)] += layout_kernel;
  if (fp8) t.prelude[std::size_t(TransferKind::CombineBackward)] += gradient_cast;
  return t;
}

/// How many of `ranks` neighbours at `stride` in GPU numbering lie in one node, and how many nodes they fill.
struct Span {
  int in_node, nodes;
};
Span span_of(const TrainingPlan& plan, int ranks, int stride) {
  const int in_node = std::clamp(plan.node.gpus / std::max(1, stride), 1, ranks);
  return {in_node, (ranks + in_node - 1) / in_node};
}

Seconds gather_time(const TrainingPlan& plan, Collective kind, Bytes bytes, Span span) {
  if (span.in_node * span.nodes <= 1) return Seconds(0);
  return collective_time(*plan.collectives, kind, bytes, span.in_node, span.nodes, plan.gpu.nvlink_line,
                         plan.nic.achieved);
}

Collective collective_of(Exchange kind) {
  switch (kind) {
    case Exchange::AllGather:
      return Collective::AllGather;
    case Exchange::ReduceScatter:
      return Collective::ReduceScatter;
    case Exchange::AllReduce:
      break;
  }
  return Collective::AllReduce;
}

MessageTime message_time(const TrainingPlan& plan) {
  return [&plan](const Message& m) {
    return gather_time(plan, collective_of(m.kind), m.bytes, span_of(plan, m.ranks, m.stride));
  };
}

/// Pipeline ranks that hold the same stages: two in DualPipe, where a direction's stage s has its mirror.
int copies_of_a_stage(const PipelineSchedule& schedule) { return int(schedule.paths.size()); }

std::string trace_note(const RoutingTrace& trace) {
  std::string note = "routing: the measured choices of " + std::to_string(trace.tokens) + " tokens in " +
                     std::to_string(trace.layers) + " layers";
  if (!trace.model.empty()) note += " of " + trace.model;
  if (!trace.balancing.empty()) note += ", balancing: " + trace.balancing;
  return note + "; routing.source, routing.skew and routing.row_spread are not used";
}

double mfu(const TrainingPlan& plan, AttentionCount count, Picoseconds time) {
  const double flops =
      training_flops_per_token(plan.model, plan.sequence, count).value() * double(plan.tokens());
  return flops / (to_seconds(time).value() * plan.gpus() * plan.gpu.bf16.value());
}

}  // namespace

StepTail step_tail(const TrainingPlan& plan, const RankParameters& parameters, int stage_copies) {
  const OptimizerState& o = plan.optimizer;
  // Dense parameters: every rank of the pipeline rank but its tensor peers holds a copy; neighbours first.
  const int dense_copies = plan.data() * plan.context * stage_copies;
  const Span dense = span_of(plan, dense_copies, plan.tensor);
  const int expert_copies = std::max(1, plan.gpus_per_pipeline_rank() / plan.expert) * stage_copies;
  const Span expert = span_of(plan, expert_copies, plan.expert);
  const std::int64_t dense_bytes = parameters.dense, expert_bytes = parameters.expert;
  // The copies' messages are as many as chunks of a rank; where they are hidden, one is seen.
  const double seen = plan.copy_messages == CopyMessages::Hidden ? 1.0 / plan.virtual_stages : 1.0;
  StepTail tail;
  tail.reduce = gather_time(plan, Collective::ReduceScatter, dense_bytes * Bytes(o.gradient_bytes), dense) +
                gather_time(plan, Collective::ReduceScatter, expert_bytes * Bytes(o.gradient_bytes), expert);
  // Without sharding the second half of an all-reduce brings gradients instead of weights: as many values.
  const int back = o.sharded ? o.weight_bytes : o.gradient_bytes;
  tail.gather = gather_time(plan, Collective::AllGather, dense_bytes * Bytes(back), dense) +
                gather_time(plan, Collective::AllGather, expert_bytes * Bytes(back), expert);
  tail.reduce = seen * tail.reduce;
  tail.gather = seen * tail.gather;
  const double shard =
      o.sharded ? double(parameters.dense) / dense_copies + double(parameters.expert) / expert_copies
                : double(parameters.total());
  const double bytes_each = o.gradient_bytes + 2 * (o.master_bytes + 2 * o.moment_bytes) + o.weight_bytes;
  tail.optimizer = traffic_time(plan.kernels, plan.gpu, Traffic::Optimizer,
                                Bytes(std::int64_t(shard * bytes_each)), Beside::Nothing);
  return tail;
}

std::vector<PricedKernel> priced_kernels(const TrainingPlan& plan, const TrainingStep& step) {
  WorkShape shape = work_shape(plan);
  if (step.ranks_per_token > 0) shape.received_per_row = step.ranks_per_token / plan.model.experts->per_token;
  const Machine machine = plan_machine(plan, shape);
  std::array<bool, 5> present{};
  for (const Stage& stage : step.stages) {
    for (const Block& b : stage) present[std::size_t(b.kind)] = true;
  }
  std::vector<PricedKernel> priced;
  for (std::size_t kind = 0; kind < present.size(); ++kind) {
    if (!present[kind]) continue;
    for (std::size_t segment = 0; segment < std::size_t(Segment::Count); ++segment) {
      for (const KernelCall& call :
           segment_work(shape, BlockKind(kind), Segment(segment), balanced_rows(shape))) {
        PricedKernel row{BlockKind(kind), Segment(segment), call, {}};
        for (std::size_t b = 0; b < beside_count; ++b) row.time[b] = call_time(machine, call, Beside(b));
        priced.push_back(row);
      }
    }
  }
  return priced;
}

std::optional<RoutingPool> plan_routing(const TrainingPlan& plan) {
  if (!plan.model.experts || plan.expert <= 1) return std::nullopt;
  if (plan.dispatch == Dispatch::RankEach) {
    TrainingPlan once = plan;
    once.dispatch = Dispatch::NodeOnce;
    RoutingPool pool = with_copies_for_ranks(*plan_routing(once));
    pool.shape.experts = &*plan.model.experts;
    return pool;
  }
  const RoutingShape shape{.experts = &*plan.model.experts,
                           .ranks = plan.expert,
                           .ranks_per_domain = plan.node.gpus,
                           .tokens = tokens_to_route(plan),
                           .popularity = plan.popularity};
  if (!plan.trace) return sample_routing(shape, plan.routing_samples, plan.seed);
  return sample_trace(shape, *plan.trace, layers_with_experts(plan), plan.routing_samples, plan.seed);
}

WorkShape drawn_shape(const TrainingPlan& plan, const RoutingPool* pool) {
  WorkShape shape = work_shape(plan);
  if (pool) shape.received_per_row = pool->ranks_per_token / plan.model.experts->per_token;
  return shape;
}

StepRequest step_request(const TrainingPlan& plan, const RoutingPool* pool) {
  StepRequest request;
  request.schedule = find_schedule(plan.schedule)->build(pipeline_shape(plan));
  request.stages = plan_stages(plan);
  request.overlap = plan.overlap;
  request.routing = pool;
  request.row_spread = plan.spread_on_top();
  if (!pool && plan.model.experts) request.expert_rows = balanced_rows(work_shape(plan));
  request.seed = plan.seed;
  request.transfers = step_transfers(plan);
  const int lanes = plan.gpus_per_pipeline_rank();
  request.members = pool ? plan.expert : 1;
  request.gpus_per_member = pool ? 1 : plan.tensor * plan.context;
  request.groups = lanes / (request.members * request.gpus_per_member);
  request.pipeline_message = Bytes(work_shape(plan).tokens() / plan.tensor * plan.model.hidden * 2);
  request.messages = plan.pipeline_messages;
  request.pipeline_rate = plan.nic.achieved;
  request.pipeline_latency = plan.nic.latency;
  request.fidelity = plan.fidelity;
  request.traced = plan.traced;
  return request;
}

Machine plan_machine(const TrainingPlan& plan, const WorkShape& shape) {
  return {shape, plan.kernels, plan.gpu, plan.communication_sms, message_time(plan)};
}

Pricer plan_prices(const TrainingPlan& plan, const RoutingPool* pool) {
  return price_on(plan_machine(plan, drawn_shape(plan, pool)));
}

namespace {

std::vector<StepTail> step_tails(const TrainingPlan& plan, const PipelineSchedule& schedule,
                                 const std::vector<Stage>& stages) {
  std::vector<StepTail> tails;
  const WorkShape shape = work_shape(plan);
  for (int rank = 0; rank < plan.pipeline; ++rank)
    tails.push_back(step_tail(plan, rank_parameters(shape, stages_on_rank(schedule, stages, rank)),
                              copies_of_a_stage(schedule)));
  return tails;
}

Seconds longest_of(const std::vector<StepTail>& tails) {
  Seconds longest{};
  for (const StepTail& tail : tails) longest = std::max(longest, tail.total());
  return longest;
}

}  // namespace

Seconds longest_tail(const TrainingPlan& plan, const PipelineSchedule& schedule,
                     const std::vector<Stage>& stages) {
  return longest_of(step_tails(plan, schedule, stages));
}

namespace {

/// Lets the request run on the plan's fabric; what was folded goes into `notes`.
StepOutcome execute_on_fabric(const TrainingPlan& plan, const RoutingPool* pool, StepRequest& request,
                              std::vector<std::string>& notes, const OnProgress& progress) {
  const Fabric fabric = cluster_fabric(plan);
  if (plan.fidelity == Fidelity::Full) {
    request.fabric = &fabric;
    request.routing_policy = plan.routing;
    request.nvlink_port = plan.gpu.nvlink_achieved;
    request.neighbour_nodes = std::uint32_t(plan.neighbour_nodes);
  } else {
    const int lanes = request.groups * request.members;
    if (fabric.nics() > 0 && plan.pipeline > 1) {
      request.message_load = message_load(request.schedule, fabric, lanes, request.gpus_per_member);
      if (plan.fidelity == Fidelity::Lockstep && pool)
        request.message_load = slowest_lanes(request.message_load, plan.expert / pool->shape.domains());
    }
    if (request.groups > 1) {
      notes.push_back("folded: one of " + std::to_string(request.groups) + " groups of " +
                      std::to_string(request.members * request.gpus_per_member) + " GPUs on each of " +
                      std::to_string(plan.pipeline) +
                      " pipeline ranks; an all-to-all lasts as long as its fullest link");
      if (plan.fidelity == Fidelity::Lockstep && request.members > 1)
        notes.push_back("lockstep: every rank of a node is in every layer as slow as the slowest of them");
    }
  }
  SegmentCosts costs(plan_prices(plan, pool));
  return execute(request, costs, progress);
}

/// The pool that was handed in, or one drawn into `own`.
const RoutingPool* pool_of(const TrainingPlan& plan, const RoutingPool* given,
                           std::optional<RoutingPool>& own) {
  if (given) return given;
  own = plan_routing(plan);
  return own ? &*own : nullptr;
}

}  // namespace

TrainingStep simulate_step(const TrainingPlan& plan, const RoutingPool* pool, const OnProgress& progress) {
  TrainingStep step;
  std::optional<RoutingPool> own;
  pool = pool_of(plan, pool, own);
  StepRequest request = step_request(plan, pool);
  step.stages = request.stages;
  if (pool) {
    step.ranks_per_token = pool->ranks_per_token;
    step.domains_per_token = pool->domains_per_token;
    if (plan.trace) step.notes.push_back(trace_note(*plan.trace));
  }
  step.outcome = execute_on_fabric(plan, pool, request, step.notes, progress);

  step.tails = step_tails(plan, request.schedule, step.stages);
  const Seconds longest = longest_of(step.tails);
  step.time = step.outcome.pipeline_end + to_picoseconds(longest);
  step.mfu_causal = mfu(plan, AttentionCount::Causal, step.time);
  step.mfu_full = mfu(plan, AttentionCount::Full, step.time);
  return step;
}

Seconds simulate_forward(const TrainingPlan& plan, const RoutingPool* pool) {
  std::optional<RoutingPool> own;
  pool = pool_of(plan, pool, own);
  StepRequest request = step_request(plan, pool);
  request.schedule = forward_only(std::move(request.schedule));
  std::vector<std::string> notes;
  return to_seconds(execute_on_fabric(plan, pool, request, notes, {}).pipeline_end);
}

}  // namespace orrery
