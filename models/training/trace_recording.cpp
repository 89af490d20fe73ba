#include "models/training/executor_state.hpp"

namespace orrery::execution {
namespace {

/// Messages have a stream for each direction and end, since those of one op travel side by side.
enum Stream : std::uint32_t {
  Compute,
  Communication,
  SendForward,
  SendBackward,
  ReceiveForward,
  ReceiveBackward,
  StreamCount
};

}  // namespace

void Executor::prepare_trace() {
  for (const std::uint32_t rank : r_.traced) {
    if (rank >= members_.size() || members_[rank].trace_row) continue;
    members_[rank].trace_row = std::uint32_t(outcome_.timeline.actors.size());
    outcome_.timeline.actors.push_back("rank " + std::to_string(gpu_of(rank)));
  }
  outcome_.timeline.streams = {"compute",       "communication",   "send forward",
                               "send backward", "receive forward", "receive backward"};
  message_slice_end_.resize(outcome_.timeline.actors.size() * StreamCount);
}

std::uint32_t Executor::name(std::string_view text) {
  const auto [at, fresh] =
      names_.try_emplace(std::string(text), std::uint32_t(outcome_.timeline.names.size()));
  if (fresh) outcome_.timeline.names.push_back(at->first);
  return at->second;
}

void Executor::trace_kernels(const Member& m, const SegmentCost& segment, const Ticks* start, Ticks position,
                             Ticks run) {
  if (run == 0) return;
  auto& slices = outcome_.timeline.slices;
  for (std::size_t k = std::size_t(m.kernel); k < segment.kernels() && start[k] < position + run; ++k) {
    const Ticks from = m.time + std::max(start[k], position) - position;
    const Ticks to = m.time + std::min(start[k + 1], position + run) - position;
    const std::uint32_t called = name(segment.names[k]);
    const auto open = open_slice_.find(*m.trace_row);
    const bool goes_on = k == std::size_t(m.kernel) && m.fraction > 0 && open != open_slice_.end();
    if (goes_on && slices[open->second].name == called && slices[open->second].end == Picoseconds(from)) {
      slices[open->second].end = Picoseconds(to);
    } else if (to > from) {
      open_slice_[*m.trace_row] = slices.size();
      slices.push_back({*m.trace_row, Compute, called, Picoseconds(from), Picoseconds(to)});
    }
  }
}

void Executor::trace_transfer(const Member& m, const Transfer& transfer) {
  outcome_.timeline.slices.push_back({*m.trace_row, Communication, name(transfer_name(transfer.kind)),
                                      Picoseconds(m.arrival), Picoseconds(now_)});
}

/// A message that has just left: its sending, the landing of its last bytes, and the arrow between them.
void Executor::trace_message(std::uint32_t sender, std::uint32_t slot) {
  const Member &from = members_[sender], &to = members_[receiver_of(sender, slot)];
  const bool forward = slots_.is_forward(slot);
  const auto add = [&](std::uint32_t actor, Stream stream, std::string_view called, Ticks start, Ticks end) {
    Ticks& before = message_slice_end_[actor * StreamCount + stream];
    outcome_.timeline.slices.push_back({actor, stream, name(called), Picoseconds(std::max(start, before)),
                                        Picoseconds(std::max(end, before))});
    before = std::max(end, before);
    return std::uint32_t(outcome_.timeline.slices.size() - 1);
  };
  std::optional<std::uint32_t> sent, received;
  if (from.trace_row) {
    const auto departure = departures_.find({sender, slot});
    sent = add(*from.trace_row, forward ? SendForward : SendBackward, forward ? "send F" : "send B",
               departure->second, now_);
    departures_.erase(departure);
  }
  if (to.trace_row) {
    received = add(*to.trace_row, forward ? ReceiveForward : ReceiveBackward, forward ? "recv F" : "recv B",
                   now_, now_ + to_picoseconds(r_.pipeline_latency).value());
  }
  if (sent && received) outcome_.timeline.arrows.push_back({*sent, *received});
}

}  // namespace orrery::execution
