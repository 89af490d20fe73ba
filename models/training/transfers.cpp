#include "models/training/executor_state.hpp"

namespace orrery::execution {

/// If the rank's next transfer has been launched and its stream is free, it arrives at the barrier.
void Executor::reach_transfer(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned, Ticks at) {
  const int index = m.done - planned.first_transfer;
  if (m.arrived > m.done || index >= int(planned.program->transfers.size())) return;
  const Transfer& transfer = planned.program->transfers[std::size_t(index)];
  if (transfer.after_step >= m.step) return;
  m.arrival = at + prelude_[std::size_t(transfer.kind)];
  ++m.arrived;
  c.latest = std::max(c.latest, m.arrival);
  if (++c.waiting < m_) return;
  queue_.schedule(Picoseconds(std::max(c.latest, now_)), Phase::Start,
                  {EventKind::Release, 0, cohort_of(rank), 0});
}

void Executor::release(std::uint32_t cohort) {
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
    if (m.op < int(ops_of(c).size())) plan_wake(rank, m, ops_of(c)[std::size_t(m.op)], Beside::Transfer);
  }
}

/// The transfer that the cohort was released into last, and its routing.
std::pair<const Transfer*, const KnownLayer*> Executor::under_way(std::uint32_t cohort) {
  const Cohort& c = cohorts_[cohort];
  const Member& any = members_[cohort * std::uint32_t(m_)];
  const PlannedOp& planned = ops_of(c)[std::size_t(any.op)];
  const Transfer& transfer = planned.program->transfers[std::size_t(any.done - planned.first_transfer)];
  const int micro_batch =
      (transfer.side == Side::Forward ? planned.op.forward : planned.op.backward).micro_batch;
  return {&transfer, &routed(c.group, transfer.block.layer, micro_batch)};
}

void Executor::find_fullest(KnownLayer& layer) const {
  const RoutedLayer& counts = *layer.counts;
  const int domains = r_.routing->shape.domains(), rails = r_.members / domains;
  layer.fullest_nic.assign(std::size_t(rails_), 0);
  for (int rail = 0; rail < rails; ++rail) {
    std::int64_t& most = layer.fullest_nic[lockstep() ? 0 : std::size_t(rail)];
    for (int at = 0; at < domains; ++at) {
      std::int64_t out = 0, in = 0;
      for (int other = 0; other < domains; ++other) {
        if (other == at) continue;
        out += counts.sent[std::size_t((at * rails + rail) * domains + other)];
        in += counts.sent[std::size_t((other * rails + rail) * domains + at)];
      }
      most = std::max({most, out, in});
    }
  }
  layer.rows.assign(std::size_t(m_), 0);
  for (int rank = 0; rank < r_.members; ++rank) {
    std::int32_t& rows = layer.rows[std::size_t(rank * m_ / r_.members)];
    rows = std::max(rows, counts.rows[std::size_t(rank)]);
  }
  const double off_gpu = rails > 1 ? double(rails - 1) / rails : 0;
  layer.fullest_nvlink = off_gpu * *std::max_element(counts.received.begin(), counts.received.end());
}

AllToAllLoad Executor::load_of(const Transfer& transfer, const KnownLayer& layer) const {
  const double token = double(token_bytes(transfer).value());
  const double to_a_node =
      r_.routing->shape.tokens * r_.routing->domains_per_token / r_.routing->shape.domains();
  return {double(layer.fullest_nic[0]) * token, layer.fullest_nvlink * token, to_a_node};
}

/// The time of the fullest NIC of each rail: exact for an all-to-all that is alone, since all flows on the
/// fullest link end together and every rank of the rail has one of them.
void Executor::fold_flows(std::uint32_t cohort, const Transfer& transfer, const KnownLayer& layer,
                          Ticks begin) {
  const Seconds inside(layer.fullest_nvlink * double(token_bytes(transfer).value()) /
                       rates_of(transfer).nvlink.value());
  for (int rail = 0; rail < rails_; ++rail) {
    const Seconds network =
        layer.fullest_nic[std::size_t(rail)] * token_bytes(transfer) / rates_of(transfer).nic;
    const Ticks end = begin + to_picoseconds(std::max(network, inside)).value();
    for (int at = 0; at < domains_; ++at)
      member_on_rail(cohort, at, rail).nic.transfer(begin, end, message_alone_);
    queue_.schedule(Picoseconds(end), Phase::Finish, {EventKind::Complete, std::uint8_t(rail), cohort, 0});
  }
  flows_ += std::uint64_t(rails_ * domains_ * (domains_ - 1));
}

/// A rail whose NICs messages shared ends later by the most that one of them lost.
bool Executor::delay_completion(const Event& event) {
  Ticks most = 0;
  for (int at = 0; at < domains_; ++at) {
    most = std::max(most, member_on_rail(event.subject, at, event.rail).nic.take_transfer_delay());
  }
  if (most > 0) queue_.schedule(Picoseconds(now_ + most), Phase::Finish, event);
  return most > 0;
}

/// The rank's transfer under way has ended.
void Executor::complete(std::uint32_t rank) {
  walk(rank, now_);
  Member& m = members_[rank];
  const Cohort& c = cohorts_[cohort_of(rank)];
  const PlannedOp& planned = ops_of(c)[std::size_t(m.op)];
  const int index = m.done - planned.first_transfer;
  if (m.trace_row) trace_transfer(m, planned.program->transfers[std::size_t(index)]);
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

}  // namespace orrery::execution
