#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/training/executor.hpp"
#include "models/training/shared_nic.hpp"
#include "sim/check.hpp"
#include "sim/event_queue.hpp"
#include "sim/flow_network.hpp"

// What the files of the executor share; nobody else includes this.

namespace orrery::execution {

using Ticks = std::int64_t;  // Picoseconds, in the hot loop.
constexpr Ticks unknown = INT64_MAX;

/// What a kind of op runs, with the prices that are alike for all its ranks and micro-batches.
struct PricedProgram {
  ChunkProgram chunk;
  std::vector<const SegmentCost*> price;  ///< [step]; none where it depends on the expert rows.
};

/// An op of one pipeline rank, with the program it runs.
struct PlannedOp {
  Op op;
  const PricedProgram* priced;
  const ChunkProgram* program;
  int first_transfer;  ///< Transfers of earlier ops of this rank.
};

/// One rank. What every walk touches comes first.
struct Member {
  Ticks time = 0;                        ///< Where the compute cursor stands.
  const SegmentCost* segment = nullptr;  ///< Of the step that it stands in, once looked up.
  double fraction = 0;                   ///< Of its kernel already done.
  int op = 0, step = 0;
  int kernel = 0;
  std::uint32_t cohort = 0, place = 0;     ///< Its cohort and its place there.
  std::optional<std::uint32_t> trace_row;  ///< Actor of the timeline.
  bool started = false, wake_pending = false;
  int arrived = 0, done = 0;  ///< Transfers of this rank that it reached, that ended.
  Ticks arrival = 0;
  Ticks op_start = 0;
  Ticks sends_left = 0;           ///< When the last of its messages had left (batched).
  int open_flows = 0;             ///< Of the transfer under way.
  SharedNic nic;                  ///< Folded only.
  int open_sends = 0, batch = 0;  ///< Messages of the last op that have not left, and all of them (batched).
  RankTime account;
};

/// A routed layer with its fullest links.
struct KnownLayer {
  const RoutedLayer* counts = nullptr;
  std::optional<RoutedLayer> own;         ///< Where no other step has drawn it.
  std::vector<std::int64_t> fullest_nic;  ///< [rail] token copies, either direction.
  double fullest_nvlink = 0;              ///< Received ones but those that stay on the forwarding GPU.
  std::vector<std::int32_t> rows;  ///< [member] expert rows; of a node in lockstep: of its fullest rank.
};

/// Ranks that share every barrier: one expert-parallel group at one pipeline rank.
struct Cohort {
  int pipeline_rank, group;
  int released = 0;  ///< Transfers of the cohort that all members reached.
  int waiting = 0;   ///< Members that reached the next one.
  Ticks latest = 0;  ///< The last of their arrivals.
};

enum class EventKind : std::uint8_t { Release, StartFlows, Complete, Send, Left, Arrive, Wake };
struct Event {
  EventKind kind;
  std::uint8_t rail;
  std::uint32_t subject;  ///< Cohort for Release and Complete, rank otherwise.
  std::uint32_t slot;     ///< Send and Arrive: which message.
};

/// A message slot names (direction, stage, micro-batch) of the receiving chunk.
struct Slots {
  int stages, micro_batches;
  std::uint32_t forward(int stage, int micro_batch) const {
    return std::uint32_t(stage * micro_batches + micro_batch);
  }
  std::uint32_t backward(int stage, int micro_batch) const {
    return std::uint32_t((stages + stage) * micro_batches + micro_batch);
  }
  bool is_forward(std::uint32_t slot) const { return slot < std::uint32_t(stages * micro_batches); }
  Chunk chunk(std::uint32_t slot) const {
    const int s = int(slot) / micro_batches;
    return {s % stages, int(slot) % micro_batches};
  }
};

class Executor {
 public:
  Executor(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress);
  StepOutcome run();

 private:
  // --- Who is who ---

  std::uint32_t cohort_of(std::uint32_t rank) const { return members_[rank].cohort; }
  int pipeline_rank_of(std::uint32_t rank) const { return int(rank) / (groups_ * m_); }
  int lane_of(std::uint32_t rank) const { return int(rank) % (groups_ * m_); }
  std::uint32_t rank_at(int pipeline_rank, int lane) const {
    return std::uint32_t(pipeline_rank * groups_ * m_ + lane);
  }
  GpuIndex gpu_of(std::uint32_t rank) const {
    const GpuIndex ours = rank * std::uint32_t(r_.gpus_per_member);
    if (r_.neighbour_nodes == 0) return ours;
    return r_.fabric->gpu(place_of(r_.fabric->node_of(ours)), r_.fabric->local_of(ours));
  }
  /// Which node of the fabric our k-th is.
  std::uint32_t place_of(std::uint32_t k) const {
    return k + std::uint32_t(std::uint64_t(k) * r_.neighbour_nodes / (r_.fabric->nodes - r_.neighbour_nodes));
  }
  const std::vector<PlannedOp>& ops_of(const Cohort& c) const { return ops_[std::size_t(c.pipeline_rank)]; }
  Member& member_on_rail(std::uint32_t cohort, int domain, int rail) {
    return members_[cohort * std::uint32_t(m_) + std::uint32_t(domain * rails_ + rail)];
  }

  // --- neighbour_job.cpp ---

  void meet_neighbours();
  void send_as_neighbour(std::uint32_t nic);

  // --- executor.cpp ---

  int layer_count() const;
  void plan_ops();
  const KnownLayer& routed(int group, int layer, int micro_batch);
  bool lockstep() const { return r_.fidelity == Fidelity::Lockstep; }
  void handle(const Event& event);
  StepOutcome finish();

  // --- compute_cursor.cpp ---

  Beside beside(const Member& m, const Cohort& c) const {
    if (c.released > m.done) return Beside::Transfer;
    return m.arrived > m.done ? Beside::Barrier : Beside::Nothing;
  }
  const SegmentCost& cost(const Member& m, const PlannedOp& planned, int step);
  void walk(std::uint32_t rank, Ticks now);
  bool start_op(std::uint32_t rank, Member& m, const PlannedOp& planned);
  void end_op(std::uint32_t rank, Member& m, const PlannedOp& planned);
  void after_step(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned);
  void plan_wake(std::uint32_t rank, Member& m, const PlannedOp& planned, Beside state);

  // --- transfers.cpp: barriers and folded all-to-alls ---

  const TransferRates& rates_of(const Transfer& t) const {
    return (t.beside_compute ? r_.transfers.beside : r_.transfers.alone)[std::size_t(t.kind)];
  }
  const Chunking& chunks_of(const Transfer& t) const {
    return t.beside_compute ? r_.transfers.chunks_beside : r_.transfers.chunks_alone;
  }
  Bytes token_bytes(const Transfer& t) const {
    return outward(t.kind) ? r_.transfers.outward_token : r_.transfers.back_token;
  }
  void reach_transfer(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned, Ticks at);
  void release(std::uint32_t cohort);
  std::pair<const Transfer*, const KnownLayer*> under_way(std::uint32_t cohort);
  void find_fullest(KnownLayer& layer) const;
  AllToAllLoad load_of(const Transfer& transfer, const KnownLayer& layer) const;
  void fold_flows(std::uint32_t cohort, const Transfer& transfer, const KnownLayer& layer, Ticks begin);
  bool delay_completion(const Event& event);
  void complete(std::uint32_t rank);

  // --- transfer_flows.cpp: all-to-alls on the fabric ---

  struct Forwarding {
    std::uint32_t first;  ///< Rank of the cohort's first member.
    int domain, rail;
    float share;
    bool sends_out;
  };
  // A flow's tag: messages count up from 0, all-to-all flows are (sender, receiver) in the upper half.
  struct Ends {
    std::uint32_t sender, receiver;
  };
  void start_flows(std::uint32_t cohort);
  bool nvlink_could_bind(const Transfer& transfer, const KnownLayer& layer) const;
  void network_path(std::uint32_t sender, std::uint32_t receiver, const TransferRates& kernel,
                    std::vector<PathLink>& path);
  void nvlink_path(const Forwarding& f, const RoutedLayer& layer, std::vector<PathLink>& path) const;
  std::uint32_t flow_tag(std::uint32_t sender, std::uint32_t receiver);
  Ends flow_ends(std::uint32_t tag) const;
  void flow_ended(std::uint32_t tag);

  // --- pipeline_messages.cpp ---

  struct Pending {
    std::uint32_t sender, receiver, slot;
  };
  bool batched() const { return r_.messages == PipelineMessages::Batched; }
  Ticks& message_at(std::uint32_t rank, std::uint32_t slot) {
    return message_at_[std::size_t(slot) * std::size_t(groups_ * m_) + std::size_t(lane_of(rank))];
  }
  std::uint32_t receiver_of(std::uint32_t rank, std::uint32_t slot) const {
    return rank_at(r_.schedule.rank_of(slots_.chunk(slot)), lane_of(rank));
  }
  /// A stage's neighbour may lie on the same rank (DualPipeV's turn): nothing travels then.
  bool travels(std::uint32_t rank, std::uint32_t slot) const {
    return receiver_of(rank, slot) != rank && r_.pipeline_message > Bytes(0);
  }
  std::optional<std::uint32_t> forward_message(const PlannedOp& planned) const;
  std::optional<std::uint32_t> backward_message(const PlannedOp& planned) const;
  void send_forward(std::uint32_t rank, const PlannedOp& planned, Ticks at);
  void send_backward(std::uint32_t rank, const PlannedOp& planned, Ticks at);
  void send_batch(std::uint32_t rank, Member& m, const PlannedOp& planned);
  void send(std::uint32_t rank, std::uint32_t slot, Ticks at);
  void start_message(std::uint32_t rank, std::uint32_t slot);
  void fold_message(std::uint32_t rank, std::uint32_t to, std::uint32_t slot);
  void message_left(std::uint32_t rank, std::uint32_t slot);
  void arrive_later(std::uint32_t rank, std::uint32_t slot, Ticks at);
  void arrive(std::uint32_t rank, std::uint32_t slot);

  // --- trace_recording.cpp ---

  void prepare_trace();
  std::uint32_t name(std::string_view text);
  void trace_kernels(const Member& m, const SegmentCost& segment, const Ticks* start, Ticks position,
                     Ticks run);
  void trace_transfer(const Member& m, const Transfer& transfer);
  void trace_message(std::uint32_t sender, std::uint32_t slot);

  const StepRequest& r_;
  SegmentCosts& costs_;
  const OnProgress& progress_;
  int m_, groups_, domains_ = 1, rails_ = 1;  ///< Simulated members of a cohort, and how they lie.
  Slots slots_;
  int drawn_micro_batches_;  ///< Draws of a layer; its micro-batches take turns with them.
  std::array<Ticks, std::size_t(TransferKind::Count)> prelude_{};
  Ticks message_alone_ = 0;
  std::vector<std::unique_ptr<PricedProgram>> programs_;
  std::vector<std::vector<PlannedOp>> ops_;  // [pipeline rank]
  std::vector<Member> members_;
  std::vector<Cohort> cohorts_;
  std::vector<Ticks> message_at_;                                 // [slot][lane]
  std::vector<std::vector<std::unique_ptr<KnownLayer>>> routed_;  // [group][layer, micro-batch]
  EventQueue<Event> queue_;
  std::optional<FlowNetwork> network_;
  std::optional<Router> router_;
  std::vector<std::uint32_t> neighbours_;          ///< Nodes of the other job.
  std::vector<std::uint32_t> neighbour_messages_;  ///< Of each of its NICs, so far.
  static constexpr std::uint32_t neighbour_tag = 0x40000000u;
  std::vector<Pending> pending_;
  std::vector<std::uint32_t> free_;
  std::vector<PathLink> path_;
  std::vector<LinkIndex> links_;
  Ticks now_ = 0;
  std::uint64_t flows_ = 0, transfers_ = 0, messages_ = 0;
  std::size_t ops_done_ = 0, ops_total_ = 0;
  std::map<std::uint32_t, std::size_t> open_slice_;                      // [actor] its newest kernel.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Ticks> departures_;  // [traced sender, slot]
  std::vector<Ticks> message_slice_end_;                                 // [actor, stream]
  std::map<std::string, std::uint32_t> names_;
  StepOutcome outcome_;
};

}  // namespace orrery::execution
