#include "models/training/executor_state.hpp"

namespace orrery::execution {

/// Slots of the messages that an op makes: its output to the next stage, its input gradient to the one
/// before.
std::optional<std::uint32_t> Executor::forward_message(const PlannedOp& planned) const {
  const Chunk f = planned.op.forward;
  const bool makes = planned.op.pass == Pass::Forward || planned.op.pass == Pass::Overlapped;
  return makes && f.stage + 1 < slots_.stages ? std::optional(slots_.forward(f.stage + 1, f.micro_batch))
                                              : std::nullopt;
}

std::optional<std::uint32_t> Executor::backward_message(const PlannedOp& planned) const {
  const Chunk b = planned.op.backward;
  const bool makes = planned.op.pass != Pass::Forward && planned.op.pass != Pass::WeightBackward;
  return makes && b.stage > 0 ? std::optional(slots_.backward(b.stage - 1, b.micro_batch)) : std::nullopt;
}

void Executor::send_forward(std::uint32_t rank, const PlannedOp& planned, Ticks at) {
  if (const auto slot = forward_message(planned)) send(rank, *slot, at);
}

void Executor::send_backward(std::uint32_t rank, const PlannedOp& planned, Ticks at) {
  if (const auto slot = backward_message(planned)) send(rank, *slot, at);
}

void Executor::send_batch(std::uint32_t rank, Member& m, const PlannedOp& planned) {
  for (const auto& slot : {forward_message(planned), backward_message(planned)}) {
    if (slot && travels(rank, *slot)) ++m.open_sends;
  }
  m.batch = m.open_sends;
  send_forward(rank, planned, m.time);
  send_backward(rank, planned, m.time);
}

void Executor::send(std::uint32_t rank, std::uint32_t slot, Ticks at) {
  ++messages_;
  queue_.schedule(Picoseconds(std::max(at, now_)), Phase::Deliver, {EventKind::Send, 0, rank, slot});
}

void Executor::start_message(std::uint32_t rank, std::uint32_t slot) {
  const std::uint32_t to = receiver_of(rank, slot);
  if (!travels(rank, slot)) return arrive(to, slot);
  if (members_[rank].trace_row) departures_[{rank, slot}] = now_;
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
  network_path(rank, to, {}, path_);
  network_->start(Picoseconds(now_), {.size = r_.pipeline_message,
                                      .weight = double(r_.pipeline_message.value()),
                                      .path = path_,
                                      .tag = tag});
  ++flows_;
}

/// Folded: messages of one op share the sender's NIC, messages of all ranks share trunks, and what comes in
/// shares the receiver's NIC.
void Executor::fold_message(std::uint32_t rank, std::uint32_t to, std::uint32_t slot) {
  const double together = batched() ? std::max(1, members_[rank].batch) : 1;
  const double on_trunk = r_.message_load.empty() ? 1
                                                  : r_.message_load.at(pipeline_rank_of(rank),
                                                                       pipeline_rank_of(to), lane_of(rank));
  const Ticks on_its_way =
      to_picoseconds(std::max(together, on_trunk) * (r_.pipeline_message / r_.pipeline_rate)).value();
  const Ticks end = members_[to].nic.message(now_, message_alone_, on_its_way);
  queue_.schedule(Picoseconds(end), Phase::Finish, {EventKind::Left, 0, rank, slot});
}

/// The last byte has left the sender; the receiver has it a latency later.
void Executor::message_left(std::uint32_t rank, std::uint32_t slot) {
  const Ticks delay = members_[receiver_of(rank, slot)].nic.take_message_delay();
  if (delay > 0) {
    return queue_.schedule(Picoseconds(now_ + delay), Phase::Finish, {EventKind::Left, 0, rank, slot});
  }
  if (members_[rank].trace_row || members_[receiver_of(rank, slot)].trace_row) trace_message(rank, slot);
  arrive_later(receiver_of(rank, slot), slot, now_);
  if (!batched()) return;
  Member& m = members_[rank];
  m.sends_left = now_;
  if (--m.open_sends == 0) walk(rank, now_);
}

void Executor::arrive_later(std::uint32_t rank, std::uint32_t slot, Ticks at) {
  queue_.schedule(Picoseconds(at + to_picoseconds(r_.pipeline_latency).value()), Phase::Deliver,
                  {EventKind::Arrive, 0, rank, slot});
}

void Executor::arrive(std::uint32_t rank, std::uint32_t slot) {
  Ticks& at = message_at(rank, slot);
  ORRERY_CHECK(at == unknown);
  at = now_;
  if (!members_[rank].started) walk(rank, now_);
}

}  // namespace orrery::execution
