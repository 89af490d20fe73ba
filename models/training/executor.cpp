#include "models/training/executor.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "sim/check.hpp"
#include "sim/event_queue.hpp"
#include "sim/flow_network.hpp"
#include "models/training/shared_nic.hpp"
#include "topologies/routing.hpp"

namespace orrery {
namespace {

using Ticks = std::int64_t;  // Picoseconds, in the hot loop.
constexpr Ticks unknown = INT64_MAX;

/// An op of one pipeline rank, with the program it runs.
struct PlannedOp {
  Op op;
  const ChunkProgram* program;
  int first_transfer;  ///< Transfers of earlier ops of this rank.
};

struct Member {
  Ticks time = 0;     ///< Where the compute cursor stands.
  Ticks op_start = 0;
  int op = 0, step = 0;
  int kernel = 0;
  double fraction = 0;  ///< Of that kernel already done.
  bool started = false, wake_pending = false;
  int arrived = 0, done = 0;  ///< Transfers of this rank that it reached, that ended.
  Ticks arrival = 0;
  Ticks sends_left = 0;  ///< When the last of its messages had left (batched).
  int open_flows = 0;  ///< Of the transfer under way.
  SharedNic nic;       ///< Folded only.
  int open_sends = 0, batch = 0;  ///< Messages of the last op that have not left, and all of them (batched).
  RankTime account;
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
  std::uint32_t forward(int stage, int micro_batch) const { return std::uint32_t(stage * micro_batches + micro_batch); }
  std::uint32_t backward(int stage, int micro_batch) const { return std::uint32_t((stages + stage) * micro_batches + micro_batch); }
  bool is_forward(std::uint32_t slot) const { return slot < std::uint32_t(stages * micro_batches); }
  Chunk chunk(std::uint32_t slot) const {
    const int s = int(slot) / micro_batches;
    return {s % stages, int(slot) % micro_batches};
  }
};

class Executor {
 public:
  Executor(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress)
      : r_(request), costs_(costs), progress_(progress), m_(request.members),
        groups_(request.fidelity == Fidelity::Full ? request.groups : 1),
        slots_{request.schedule.stages, request.schedule.micro_batches} {
    plan_ops();
    const int ranks = r_.schedule.ranks;
    members_.resize(std::size_t(ranks * groups_ * m_));
    for (int p = 0; p < ranks; ++p) {
      for (int g = 0; g < groups_; ++g) cohorts_.push_back({p, g});
    }
    message_at_.resize(std::size_t(groups_ * m_));
    for (auto& row : message_at_) row.assign(std::size_t(2 * slots_.stages * slots_.micro_batches), unknown);
    if (r_.routing) {
      domains_ = r_.routing->shape.domains();
      rails_ = m_ / domains_;
      routed_.resize(std::size_t(groups_));
      for (auto& row : routed_) row.resize(std::size_t(layer_count()) * std::size_t(slots_.micro_batches));
    }
    if (r_.fidelity == Fidelity::Full) network_.emplace(capacities(*r_.fabric));
    prepare_trace();
  }

  StepOutcome run() {
    for (std::uint32_t rank = 0; rank < members_.size(); ++rank) walk(rank, 0);
    std::vector<FlowNetwork::Completion> ended;
    std::uint64_t steps = 0;
    for (;;) {
      const Ticks flow_next = network_ ? network_->next_completion().value() : unknown;
      if (queue_.empty() && flow_next == unknown) break;
      if (flow_next <= queue_.next().value()) {
        now_ = flow_next;
        ended.clear();
        network_->advance(Picoseconds(flow_next), ended);
        for (const auto& flow : ended) flow_ended(flow.tag);
      } else {
        const auto event = queue_.pop();
        now_ = event.at.value();
        handle(event.payload);
      }
      if (progress_ && (++steps & 0x3FFF) == 0) progress_(double(ops_done_) / double(ops_total_));
    }
    return finish();
  }

 private:
  // --- Setting up ---

  int layer_count() const {
    int most = 0;
    for (const Stage& stage : r_.stages) {
      for (const Block& b : stage) most = std::max(most, b.layer + 1);
    }
    return most;
  }

  void plan_ops() {
    std::map<std::tuple<Pass, int, int>, const ChunkProgram*> known;
    const Stage none;
    for (const auto& order : r_.schedule.order) {
      std::vector<PlannedOp> row;
      int transfers = 0;
      for (const Op& op : order) {
        const bool f = op.pass == Pass::Forward || op.pass == Pass::Overlapped, b = op.pass != Pass::Forward;
        const std::tuple key{op.pass, f ? op.forward.stage : -1, b ? op.backward.stage : -1};
        auto& program = known[key];
        if (!program) {
          programs_.push_back(std::make_unique<ChunkProgram>(
              weave(op.pass, f ? r_.stages[std::size_t(op.forward.stage)] : none,
                    b ? r_.stages[std::size_t(op.backward.stage)] : none, r_.overlap)));
          if (!r_.routing) programs_.back()->transfers.clear();
          program = programs_.back().get();
        }
        row.push_back({op, program, transfers});
        transfers += int(program->transfers.size());
      }
      ops_total_ += row.size() * std::size_t(groups_ * m_);
      ops_.push_back(std::move(row));
    }
  }

  // --- Who is who ---

  std::uint32_t cohort_of(std::uint32_t rank) const { return rank / std::uint32_t(m_); }
  int pipeline_rank_of(std::uint32_t rank) const { return int(rank) / (groups_ * m_); }
  int lane_of(std::uint32_t rank) const { return int(rank) % (groups_ * m_); }
  std::uint32_t rank_at(int pipeline_rank, int lane) const { return std::uint32_t(pipeline_rank * groups_ * m_ + lane); }
  GpuIndex gpu_of(std::uint32_t rank) const { return rank * std::uint32_t(r_.gpus_per_member); }
  const std::vector<PlannedOp>& ops_of(const Cohort& c) const { return ops_[std::size_t(c.pipeline_rank)]; }

  const RoutedLayer& routed(int group, int layer, int micro_batch) {
    auto& kept = routed_[std::size_t(group)][std::size_t(layer) * std::size_t(slots_.micro_batches) + std::size_t(micro_batch)];
    if (!kept) {
      kept = std::make_unique<RoutedLayer>(route_layer(
          *r_.routing, {.seed = r_.seed, .group = group, .layer = layer, .micro_batch = micro_batch}, r_.row_spread));
    }
    return *kept;
  }

  const SegmentCost& cost(std::uint32_t rank, const Cohort& c, const PlannedOp& planned, const Step& step) {
    std::int64_t rows = 0;
    if (r_.routing && has_experts(step.block.kind)) {
      const int micro_batch = (step.side == Side::Forward ? planned.op.forward : planned.op.backward).micro_batch;
      rows = routed(c.group, step.block.layer, micro_batch).rows[std::size_t(int(rank) % m_)];
    }
    return costs_.at(step.block.kind, step.segment, rows);
  }

  // --- The compute cursor ---

  Beside beside(const Member& m, const Cohort& c) const {
    if (c.released > m.done) return Beside::Transfer;
    return m.arrived > m.done ? Beside::Barrier : Beside::Nothing;
  }

  /// Moves the rank's cursor as far as is known: to `now` while its communication stream is busy (what ends
  /// that is not known yet), else on to its next arrival at a barrier or the next message it lacks.
  void walk(std::uint32_t rank, Ticks now) {
    Member& m = members_[rank];
    Cohort& c = cohorts_[cohort_of(rank)];
    const auto& ops = ops_of(c);
    while (m.op < int(ops.size())) {
      const PlannedOp& planned = ops[std::size_t(m.op)];
      const ChunkProgram& program = *planned.program;
      if (!m.started && !start_op(rank, m, planned)) return;
      const Beside state = beside(m, c);
      if (state != Beside::Nothing && m.time > now) return plan_wake(rank, m, c, planned, state);
      if (m.step == int(program.steps.size())) {
        if (program.last_wait >= 0 && !program.transfers.empty() && planned.first_transfer + program.last_wait >= m.done) return;
        end_op(rank, m, planned);
        continue;
      }
      const Step& step = program.steps[std::size_t(m.step)];
      if (step.waits_for >= 0 && !program.transfers.empty() && planned.first_transfer + step.waits_for >= m.done) return;
      const SegmentCost& segment = cost(rank, c, planned, step);
      const auto& start = segment.start_ps[std::size_t(state)];
      const Ticks position = position_in(start, m);
      const Ticks end = m.time + (start.back() - position);
      if (state != Beside::Nothing && end > now) {
        trace_kernels(rank, m, segment, start, position, now - m.time);
        m.account.compute += Picoseconds(now - m.time);
        stop_inside(start, position + (now - m.time), m);
        m.time = now;
        return plan_wake(rank, m, c, planned, state);
      }
      trace_kernels(rank, m, segment, start, position, end - m.time);
      m.account.compute += Picoseconds(end - m.time);
      m.account.kernels += std::uint64_t(segment.launches);
      m.account.flops += segment.flops;
      m.time = end;
      m.kernel = 0;
      m.fraction = 0;
      ++m.step;
      after_step(rank, m, c, planned);
    }
  }

  static Ticks position_in(const std::vector<std::int64_t>& start, const Member& m) {
    const auto k = std::size_t(m.kernel);
    if (m.fraction == 0) return start[k];
    return start[k] + Ticks(m.fraction * double(start[k + 1] - start[k]));
  }

  static void stop_inside(const std::vector<std::int64_t>& start, Ticks position, Member& m) {
    const auto next = std::upper_bound(start.begin() + m.kernel + 1, start.end(), position);
    m.kernel = int(next - start.begin()) - 1;
    const Ticks length = *next - start[std::size_t(m.kernel)];
    m.fraction = double(position - start[std::size_t(m.kernel)]) / double(length);
  }

  /// The op starts when its inputs are there; false when one is not.
  bool start_op(std::uint32_t rank, Member& m, const PlannedOp& planned) {
    if (m.open_sends > 0) return false;
    Ticks ready = std::max(m.time, m.sends_left);
    const auto& arrived = message_at_[std::size_t(lane_of(rank))];
    if (planned.op.pass == Pass::Forward || planned.op.pass == Pass::Overlapped) {
      const Chunk f = planned.op.forward;
      if (f.stage > 0) ready = std::max(ready, arrived[slots_.forward(f.stage, f.micro_batch)]);
    }
    if (planned.op.pass != Pass::Forward && planned.op.pass != Pass::WeightBackward) {
      const Chunk b = planned.op.backward;
      if (b.stage < slots_.stages - 1) ready = std::max(ready, arrived[slots_.backward(b.stage, b.micro_batch)]);
    }
    if (ready == unknown) return false;
    m.account.bubble += Picoseconds(ready - m.time);
    m.time = m.op_start = ready;
    m.started = true;
    reach_transfer(rank, m, cohorts_[cohort_of(rank)], planned, m.time);
    return true;
  }

  void end_op(std::uint32_t rank, Member& m, const PlannedOp& planned) {
    if (batched()) send_batch(rank, m, planned);
    const Picoseconds wall(m.time - m.op_start);
    switch (planned.op.pass) {
      case Pass::Forward: m.account.forward += wall; break;
      case Pass::Backward:
      case Pass::InputBackward: m.account.input_backward += wall; break;
      case Pass::WeightBackward: m.account.weight_backward += wall; break;
      case Pass::Overlapped: m.account.overlapped += wall; break;
    }
    m.account.end = Picoseconds(m.time);
    ++m.op;
    m.step = 0;
    m.started = false;
    ++ops_done_;
  }

  void after_step(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned) {
    const ChunkProgram& program = *planned.program;
    const bool transfers = !program.transfers.empty();
    if (!batched()) {
      if (m.step - 1 == program.forward_step && (program.forward_transfer < 0 || !transfers)) send_forward(rank, planned, m.time);
      if (m.step - 1 == program.backward_step) send_backward(rank, planned, m.time);
    }
    reach_transfer(rank, m, c, planned, m.time);
  }

  // --- All-to-alls ---

  /// If the rank's next transfer has been launched and its stream is free, it arrives at the barrier.
  void reach_transfer(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned, Ticks at) {
    const int index = m.done - planned.first_transfer;
    if (m.arrived > m.done || index >= int(planned.program->transfers.size())) return;
    const Transfer& transfer = planned.program->transfers[std::size_t(index)];
    if (transfer.after_step >= m.step) return;
    m.arrival = at + to_picoseconds(r_.transfers.prelude[std::size_t(transfer.kind)]).value();
    ++m.arrived;
    c.latest = std::max(c.latest, m.arrival);
    if (++c.waiting < m_) return;
    queue_.schedule(Picoseconds(std::max(c.latest, now_)), Phase::Start, {EventKind::Release, 0, cohort_of(rank), 0});
  }

  void release(std::uint32_t cohort) {
    Cohort& c = cohorts_[cohort];
    const std::uint32_t first = cohort * std::uint32_t(m_);
    for (std::uint32_t rank = first; rank < first + std::uint32_t(m_); ++rank) {
      walk(rank, now_);
      members_[rank].account.barrier += Picoseconds(now_ - members_[rank].arrival);
    }
    ++c.released;
    c.waiting = 0;
    c.latest = 0;
    ++transfers_;
    const auto [transfer, layer] = under_way(cohort);
    const Seconds fill = fill_time(load_of(*transfer, *layer), rates_of(*transfer), chunks_of(*transfer));
    const Ticks begin = now_ + to_picoseconds(fill).value();
    if (network_ && domains_ > 1) {
      queue_.schedule(Picoseconds(begin), Phase::Start, {EventKind::StartFlows, 0, cohort, 0});
    } else {
      fold_flows(cohort, *transfer, *layer, begin);
    }
    for (std::uint32_t rank = first; rank < first + std::uint32_t(m_); ++rank) {
      Member& m = members_[rank];
      if (m.op < int(ops_of(c).size())) plan_wake(rank, m, c, ops_of(c)[std::size_t(m.op)], Beside::Transfer);
    }
  }

  /// The transfer that the cohort was released into last, and its routing.
  std::pair<const Transfer*, const RoutedLayer*> under_way(std::uint32_t cohort) {
    const Cohort& c = cohorts_[cohort];
    const Member& any = members_[cohort * std::uint32_t(m_)];
    const PlannedOp& planned = ops_of(c)[std::size_t(any.op)];
    const Transfer& transfer = planned.program->transfers[std::size_t(any.done - planned.first_transfer)];
    const int micro_batch = (transfer.side == Side::Forward ? planned.op.forward : planned.op.backward).micro_batch;
    return {&transfer, &routed(c.group, transfer.block.layer, micro_batch)};
  }

  const TransferRates& rates_of(const Transfer& t) const {
    return (t.beside_compute ? r_.transfers.beside : r_.transfers.alone)[std::size_t(t.kind)];
  }
  const Chunking& chunks_of(const Transfer& t) const {
    return t.beside_compute ? r_.transfers.chunks_beside : r_.transfers.chunks_alone;
  }
  Bytes token_bytes(const Transfer& t) const { return outward(t.kind) ? r_.transfers.outward_token : r_.transfers.back_token; }

  /// Token copies through the fullest NIC of a rail, either direction.
  std::int64_t fullest_nic(const RoutedLayer& layer, int rail) const {
    std::int64_t most = 0;
    for (int at = 0; at < domains_; ++at) {
      std::int64_t out = 0, in = 0;
      for (int other = 0; other < domains_; ++other) {
        if (other == at) continue;
        out += layer.sent[std::size_t((at * rails_ + rail) * domains_ + other)];
        in += layer.sent[std::size_t((other * rails_ + rail) * domains_ + at)];
      }
      most = std::max({most, out, in});
    }
    return most;
  }

  /// Copies through the fullest NVLink port: received ones but those that stay on the forwarding GPU.
  double fullest_nvlink(const RoutedLayer& layer) const {
    const double off_gpu = rails_ > 1 ? double(rails_ - 1) / rails_ : 0;
    return off_gpu * *std::max_element(layer.received.begin(), layer.received.end());
  }

  AllToAllLoad load_of(const Transfer& transfer, const RoutedLayer& layer) const {
    const double token = double(token_bytes(transfer).value());
    const double to_a_node = r_.routing->shape.tokens * r_.routing->domains_per_token / domains_;
    return {double(fullest_nic(layer, 0)) * token, fullest_nvlink(layer) * token, to_a_node};
  }

  /// The time of the fullest NIC of each rail: exact for an all-to-all that is alone, since all flows on the
  /// fullest link end together and every rank of the rail has one of them.
  void fold_flows(std::uint32_t cohort, const Transfer& transfer, const RoutedLayer& layer, Ticks begin) {
    const Seconds inside(fullest_nvlink(layer) * double(token_bytes(transfer).value()) / rates_of(transfer).nvlink.value());
    for (int rail = 0; rail < rails_; ++rail) {
      const Seconds network = fullest_nic(layer, rail) * token_bytes(transfer) / rates_of(transfer).nic;
      const Ticks end = begin + to_picoseconds(std::max(network, inside)).value();
      for (int at = 0; at < domains_; ++at) member_on_rail(cohort, at, rail).nic.transfer(begin, end, message_alone());
      queue_.schedule(Picoseconds(end), Phase::Finish, {EventKind::Complete, std::uint8_t(rail), cohort, 0});
    }
    flows_ += std::uint64_t(rails_ * domains_ * (domains_ - 1));
  }

  /// One flow a remote message: source GPU to the GPU of the same rail in another node, forwarded by NVLink as it
  /// arrives. NVLink is part of the path only where its fullest port could be slower than the NICs.
  void start_flows(std::uint32_t cohort) {
    const auto [current, routing] = under_way(cohort);
    const Transfer& transfer = *current;
    const RoutedLayer& layer = *routing;
    const std::uint32_t first = cohort * std::uint32_t(m_);
    // A kernel slower than the NIC holds it for longer than its bytes need.
    const auto share = float(std::max(1.0, network_capacity(gpu_of(first)) / rates_of(transfer).nic.value()));
    const auto nvlink_share = float(r_.fabric->links[r_.fabric->nvlink_out(gpu_of(first))].capacity.value() / rates_of(transfer).nvlink.value());
    const bool sends_out = outward(transfer.kind);
    for (int i = 0; i < m_; ++i) members_[first + std::uint32_t(i)].open_flows = 0;
    const bool nvlink_counts = nvlink_could_bind(transfer, layer);
    std::vector<PathLink>& path = path_;
    for (int rail = 0; rail < rails_; ++rail) {
      for (int from = 0; from < domains_; ++from) {
        for (int to = 0; to < domains_; ++to) {
          if (from == to) continue;
          // A combine goes the way of its dispatch, backwards.
          const int source = sends_out ? from : to, target = sends_out ? to : from;
          const std::int64_t copies = layer.sent[std::size_t((from * rails_ + rail) * domains_ + to)];
          const std::uint32_t sender = first + std::uint32_t(source * rails_ + rail);
          const std::uint32_t receiver = first + std::uint32_t(target * rails_ + rail);
          network_path(sender, receiver, share, path);
          if (nvlink_counts) nvlink_path({first, to, rail, nvlink_share, sends_out}, layer, path);
          const Bytes size = copies * token_bytes(transfer);
          network_->start(Picoseconds(now_), {.size = size,
                                              .weight = std::max(1.0, double(size.value())),
                                              .path = path,
                                              .tag = flow_tag(sender, receiver)});
          ++members_[sender].open_flows;
          ++members_[receiver].open_flows;
          ++flows_;
        }
      }
    }
  }

  bool nvlink_could_bind(const Transfer& transfer, const RoutedLayer& layer) const {
    return fullest_nvlink(layer) / rates_of(transfer).nvlink.value() >
           0.9 * double(fullest_nic(layer, 0)) / rates_of(transfer).nic.value();
  }

  void network_path(std::uint32_t sender, std::uint32_t receiver, float share, std::vector<PathLink>& path) {
    path.clear();
    links_.clear();
    append_network_route(*r_.fabric, gpu_of(sender), gpu_of(receiver), 0, links_);
    for (const LinkIndex link : links_) path.push_back({link, link < r_.fabric->first_trunk() ? share : 1.0f});
  }

  struct Forwarding {
    std::uint32_t first;  ///< Rank of the cohort's first member.
    int domain, rail;
    float share;
    bool sends_out;
  };
  /// The forwarding GPU and its peers in the experts' node: each copy that came over the NIC leaves for the ranks
  /// that want it, in the share that they receive.
  void nvlink_path(const Forwarding& f, const RoutedLayer& layer, std::vector<PathLink>& path) const {
    std::int64_t received = 0, arriving = 0;
    for (int i = 0; i < rails_; ++i) received += layer.received[std::size_t(f.domain * rails_ + i)];
    for (int i = 0; i < m_; ++i) arriving += layer.sent[std::size_t(i * domains_ + f.domain)];
    const double copies = double(received) / double(std::max<std::int64_t>(1, arriving));
    for (int i = 0; i < rails_; ++i) {
      const GpuIndex gpu = gpu_of(f.first + std::uint32_t(f.domain * rails_ + i));
      const double own = copies * double(layer.received[std::size_t(f.domain * rails_ + i)]) / double(received);
      const bool egress = (i == f.rail) == f.sends_out;
      path.push_back({egress ? r_.fabric->nvlink_out(gpu) : r_.fabric->nvlink_in(gpu),
                      f.share * float(i == f.rail ? copies - own : own)});
    }
  }

  double network_capacity(GpuIndex gpu) const { return r_.fabric->links[r_.fabric->nic_out(gpu)].capacity.value(); }

  // A flow's tag: messages count up from 0, all-to-all flows are (sender, receiver) in the upper half.
  struct Ends {
    std::uint32_t sender, receiver;
  };
  std::uint32_t flow_tag(std::uint32_t sender, std::uint32_t receiver) {
    const std::uint32_t local = sender % std::uint32_t(m_), other = receiver % std::uint32_t(m_);
    ORRERY_CHECK(std::uint64_t(cohort_of(sender)) * std::uint64_t(m_) * std::uint64_t(m_) < (1ull << 31));
    return 0x80000000u | ((cohort_of(sender) * std::uint32_t(m_) + local) * std::uint32_t(m_) + other);
  }
  Ends flow_ends(std::uint32_t tag) const {
    const std::uint32_t code = tag & 0x7FFFFFFFu;
    const std::uint32_t sender = code / std::uint32_t(m_);
    return {sender, sender / std::uint32_t(m_) * std::uint32_t(m_) + code % std::uint32_t(m_)};
  }

  void flow_ended(std::uint32_t tag) {
    if (tag & 0x80000000u) {
      const Ends ends = flow_ends(tag);
      if (--members_[ends.sender].open_flows == 0) complete(ends.sender);
      if (--members_[ends.receiver].open_flows == 0) complete(ends.receiver);
      return;
    }
    free_.push_back(tag);
    message_left(pending_[tag].sender, pending_[tag].slot);
  }

  /// The rank's transfer under way has ended.
  void complete(std::uint32_t rank) {
    walk(rank, now_);
    Member& m = members_[rank];
    const Cohort& c = cohorts_[cohort_of(rank)];
    const PlannedOp& planned = ops_of(c)[std::size_t(m.op)];
    const int index = m.done - planned.first_transfer;
    trace_transfer(rank, m, planned.program->transfers[std::size_t(index)]);
    m.account.communication += Picoseconds(now_ - m.arrival);
    m.nic.transfer_over();
    ++m.done;
    if (m.time < now_) {  // It stood waiting for this.
      m.account.exposed += Picoseconds(now_ - m.time);
      m.time = now_;
    }
    if (!batched() && index == planned.program->forward_transfer) send_forward(rank, planned, now_);
    reach_transfer(rank, m, cohorts_[cohort_of(rank)], planned, now_);
    walk(rank, now_);
  }

  // --- Pipeline messages ---

  struct Pending {
    std::uint32_t sender, receiver, slot;
  };

  bool batched() const { return r_.messages == PipelineMessages::Batched; }

  /// Slots of the messages that an op makes: its output to the next stage, its input gradient to the one before.
  std::optional<std::uint32_t> forward_message(const PlannedOp& planned) const {
    const Chunk f = planned.op.forward;
    const bool makes = planned.op.pass == Pass::Forward || planned.op.pass == Pass::Overlapped;
    return makes && f.stage + 1 < slots_.stages ? std::optional(slots_.forward(f.stage + 1, f.micro_batch)) : std::nullopt;
  }
  std::optional<std::uint32_t> backward_message(const PlannedOp& planned) const {
    const Chunk b = planned.op.backward;
    const bool makes = planned.op.pass != Pass::Forward && planned.op.pass != Pass::WeightBackward;
    return makes && b.stage > 0 ? std::optional(slots_.backward(b.stage - 1, b.micro_batch)) : std::nullopt;
  }
  std::uint32_t receiver_of(std::uint32_t rank, std::uint32_t slot) const {
    return rank_at(r_.schedule.rank_of(slots_.chunk(slot)), lane_of(rank));
  }
  /// A stage's neighbour may lie on the same rank (DualPipeV's turn): nothing travels then.
  bool travels(std::uint32_t rank, std::uint32_t slot) const {
    return receiver_of(rank, slot) != rank && r_.pipeline_message > Bytes(0);
  }

  void send_forward(std::uint32_t rank, const PlannedOp& planned, Ticks at) {
    if (const auto slot = forward_message(planned)) send(rank, *slot, at);
  }
  void send_backward(std::uint32_t rank, const PlannedOp& planned, Ticks at) {
    if (const auto slot = backward_message(planned)) send(rank, *slot, at);
  }
  void send_batch(std::uint32_t rank, Member& m, const PlannedOp& planned) {
    for (const auto& slot : {forward_message(planned), backward_message(planned)}) {
      if (slot && travels(rank, *slot)) ++m.open_sends;
    }
    m.batch = m.open_sends;
    send_forward(rank, planned, m.time);
    send_backward(rank, planned, m.time);
  }

  void send(std::uint32_t rank, std::uint32_t slot, Ticks at) {
    ++messages_;
    queue_.schedule(Picoseconds(std::max(at, now_)), Phase::Deliver, {EventKind::Send, 0, rank, slot});
  }

  void start_message(std::uint32_t rank, std::uint32_t slot) {
    const std::uint32_t to = receiver_of(rank, slot);
    if (!travels(rank, slot)) return arrive(to, slot);
    if (!network_) return fold_message(rank, to, slot);
    std::uint32_t tag;
    if (free_.empty()) {
      tag = std::uint32_t(pending_.size());
      pending_.push_back({rank, to, slot});
    } else {
      tag = free_.back();
      free_.pop_back();
      pending_[tag] = {rank, to, slot};
    }
    network_path(rank, to, 1.0f, path_);
    network_->start(Picoseconds(now_), {.size = r_.pipeline_message,
                                        .weight = double(r_.pipeline_message.value()),
                                        .path = path_,
                                        .tag = tag});
    ++flows_;
  }

  Ticks message_alone() const { return to_picoseconds(r_.pipeline_message / r_.pipeline_rate).value(); }

  /// Folded: messages of one op share the sender's NIC, messages of all ranks share trunks, and what comes in shares the
  /// receiver's NIC.
  void fold_message(std::uint32_t rank, std::uint32_t to, std::uint32_t slot) {
    const double together = batched() ? std::max(1, members_[rank].batch) : 1;
    const double on_trunk = r_.message_load.empty() ? 1 : r_.message_load.at(pipeline_rank_of(rank), pipeline_rank_of(to), lane_of(rank));
    const Ticks on_its_way = to_picoseconds(std::max(together, on_trunk) * (r_.pipeline_message / r_.pipeline_rate)).value();
    const Ticks end = members_[to].nic.message(now_, message_alone(), on_its_way);
    queue_.schedule(Picoseconds(end), Phase::Finish, {EventKind::Left, 0, rank, slot});
  }

  Member& member_on_rail(std::uint32_t cohort, int domain, int rail) {
    return members_[cohort * std::uint32_t(m_) + std::uint32_t(domain * rails_ + rail)];
  }

  /// A rail whose NICs messages shared ends later by the most that one of them lost.
  bool delay_completion(const Event& event) {
    Ticks most = 0;
    for (int at = 0; at < domains_; ++at) {
      most = std::max(most, member_on_rail(event.subject, at, event.rail).nic.take_transfer_delay());
    }
    if (most > 0) queue_.schedule(Picoseconds(now_ + most), Phase::Finish, event);
    return most > 0;
  }

  /// The last byte has left the sender; the receiver has it a latency later.
  void message_left(std::uint32_t rank, std::uint32_t slot) {
    const Ticks delay = members_[receiver_of(rank, slot)].nic.take_message_delay();
    if (delay > 0) {
      return queue_.schedule(Picoseconds(now_ + delay), Phase::Finish, {EventKind::Left, 0, rank, slot});
    }
    arrive_later(receiver_of(rank, slot), slot, now_);
    if (!batched()) return;
    Member& m = members_[rank];
    m.sends_left = now_;
    if (--m.open_sends == 0) walk(rank, now_);
  }

  void arrive_later(std::uint32_t rank, std::uint32_t slot, Ticks at) {
    queue_.schedule(Picoseconds(at + to_picoseconds(r_.pipeline_latency).value()), Phase::Deliver,
                    {EventKind::Arrive, 0, rank, slot});
  }

  void arrive(std::uint32_t rank, std::uint32_t slot) {
    Ticks& at = message_at_[std::size_t(lane_of(rank))][slot];
    ORRERY_CHECK(at == unknown);
    at = now_;
    if (!members_[rank].started) walk(rank, now_);
  }

  /// While the communication stream is busy the cursor stops at `now`; if a message leaves before that is over,
  /// somebody has to look at that instant.
  void plan_wake(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned, Beside state) {
    if (batched() || m.wake_pending || !m.started) return;  // A batch leaves with an op's end, when nothing is under way.
    const ChunkProgram& program = *planned.program;
    const bool by_step = program.forward_transfer < 0 || program.transfers.empty();
    Ticks at = m.time;
    for (int s = m.step; s < int(program.steps.size()); ++s) {
      const Step& step = program.steps[std::size_t(s)];
      if (step.waits_for >= 0 && planned.first_transfer + step.waits_for >= m.done) return;
      const auto& start = cost(rank, c, planned, step).start_ps[std::size_t(state)];
      at += start.back() - (s == m.step ? position_in(start, m) : 0);
      if (s == program.backward_step || (by_step && s == program.forward_step)) {
        m.wake_pending = true;
        queue_.schedule(Picoseconds(std::max(at, now_)), Phase::Start, {EventKind::Wake, 0, rank, 0});
        return;
      }
    }
  }

  void handle(const Event& event) {
    switch (event.kind) {
      case EventKind::Release: release(event.subject); break;
      case EventKind::StartFlows: start_flows(event.subject); break;
      case EventKind::Complete:
        if (delay_completion(event)) break;
        for (int at = 0; at < domains_; ++at) {
          complete(event.subject * std::uint32_t(m_) + std::uint32_t(at * rails_) + event.rail);
        }
        break;
      case EventKind::Send: start_message(event.subject, event.slot); break;
      case EventKind::Left: message_left(event.subject, event.slot); break;
      case EventKind::Arrive: arrive(event.subject, event.slot); break;
      case EventKind::Wake:
        members_[event.subject].wake_pending = false;
        walk(event.subject, now_);
        break;
    }
  }

  // --- What is kept ---

  void prepare_trace() {
    trace_row_.assign(members_.size(), -1);
    for (const std::uint32_t rank : r_.traced) {
      if (rank >= members_.size()) continue;
      trace_row_[rank] = int(outcome_.timeline.actors.size());
      outcome_.timeline.actors.push_back("rank " + std::to_string(gpu_of(rank)));
    }
    outcome_.timeline.streams = {"compute", "communication"};
  }

  std::uint32_t name(std::string_view text) {
    const auto [at, fresh] = names_.try_emplace(std::string(text), std::uint32_t(outcome_.timeline.names.size()));
    if (fresh) outcome_.timeline.names.push_back(at->first);
    return at->second;
  }

  void trace_kernels(std::uint32_t rank, const Member& m, const SegmentCost& segment, const std::vector<std::int64_t>& start,
                     Ticks position, Ticks run) {
    if (trace_row_[rank] < 0 || run == 0) return;
    for (std::size_t k = std::size_t(m.kernel); k < segment.kernels() && start[k] < position + run; ++k) {
      const Ticks from = m.time + std::max(start[k], position) - position;
      const Ticks to = m.time + std::min(start[k + 1], position + run) - position;
      auto& slices = outcome_.timeline.slices;
      const std::uint32_t called = name(segment.names[k]);
      const bool goes_on = k == std::size_t(m.kernel) && m.fraction > 0 && open_slice_.contains(rank);
      if (goes_on && slices[open_slice_[rank]].name == called && slices[open_slice_[rank]].end == Picoseconds(from)) {
        slices[open_slice_[rank]].end = Picoseconds(to);
      } else if (to > from) {
        open_slice_[rank] = slices.size();
        slices.push_back({std::uint32_t(trace_row_[rank]), 0, called, Picoseconds(from), Picoseconds(to)});
      }
    }
  }

  void trace_transfer(std::uint32_t rank, const Member& m, const Transfer& transfer) {
    if (trace_row_[rank] < 0) return;
    outcome_.timeline.slices.push_back({std::uint32_t(trace_row_[rank]), 1, name(transfer_name(transfer.kind)),
                                        Picoseconds(m.arrival), Picoseconds(now_)});
  }

  StepOutcome finish() {
    ORRERY_CHECK(ops_done_ == ops_total_);  // Every micro-batch passed every stage once each way.
    for (const Member& m : members_) outcome_.pipeline_end = std::max(outcome_.pipeline_end, m.account.end);
    for (Member& m : members_) {
      RankTime& a = m.account;
      a.bubble += outcome_.pipeline_end - a.end;
      ORRERY_CHECK(a.forward + a.input_backward + a.weight_backward + a.overlapped + a.bubble == outcome_.pipeline_end);
      ORRERY_CHECK(a.compute + a.exposed == a.forward + a.input_backward + a.weight_backward + a.overlapped);
      outcome_.ranks.push_back(a);
    }
    outcome_.events = queue_.inserted();
    outcome_.flows = flows_;
    outcome_.transfers = transfers_;
    outcome_.messages = messages_;
    if (network_) {
      for (LinkIndex link = 0; link < r_.fabric->links.size(); ++link) {
        outcome_.link_bytes.push_back(double(network_->carried(link).value()));
        outcome_.link_busy_s.push_back(to_seconds(network_->busy(link)).value());
      }
    }
    return std::move(outcome_);
  }

  const StepRequest& r_;
  SegmentCosts& costs_;
  const OnProgress& progress_;
  int m_, groups_, domains_ = 1, rails_ = 1;
  Slots slots_;
  std::vector<std::unique_ptr<ChunkProgram>> programs_;
  std::vector<std::vector<PlannedOp>> ops_;  // [pipeline rank]
  std::vector<Member> members_;
  std::vector<Cohort> cohorts_;
  std::vector<std::vector<Ticks>> message_at_;  // [lane][slot]
  std::vector<std::vector<std::unique_ptr<RoutedLayer>>> routed_;  // [group][layer, micro-batch]
  EventQueue<Event> queue_;
  std::optional<FlowNetwork> network_;
  std::vector<Pending> pending_;
  std::vector<std::uint32_t> free_;
  std::vector<PathLink> path_;
  std::vector<LinkIndex> links_;
  Ticks now_ = 0;
  std::uint64_t flows_ = 0, transfers_ = 0, messages_ = 0;
  std::size_t ops_done_ = 0, ops_total_ = 0;
  std::vector<int> trace_row_;
  std::map<std::uint32_t, std::size_t> open_slice_;
  std::map<std::string, std::uint32_t> names_;
  StepOutcome outcome_;
};

}  // namespace

StepOutcome execute(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress) {
  return Executor(request, costs, progress).run();
}

}  // namespace orrery
