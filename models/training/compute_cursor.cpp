#include "models/training/executor_state.hpp"

namespace orrery::execution {
namespace {

Ticks position_in(const Ticks* start, const Member& m) {
  if (m.fraction == 0) return start[m.kernel];
  return start[m.kernel] + Ticks(m.fraction * double(start[m.kernel + 1] - start[m.kernel]));
}

/// Precondition: the position lies before the segment's end.
void stop_inside(const Ticks* start, Ticks position, Member& m) {
  while (start[m.kernel + 1] <= position) ++m.kernel;
  m.fraction = double(position - start[m.kernel]) / double(start[m.kernel + 1] - start[m.kernel]);
}

}  // namespace

const SegmentCost& Executor::cost(const Member& m, const PlannedOp& planned, int index) {
  if (const SegmentCost* alike = planned.priced->price[std::size_t(index)]) return *alike;
  const Step& step = planned.program->steps[std::size_t(index)];
  const int micro_batch = (step.side == Side::Forward ? planned.op.forward : planned.op.backward).micro_batch;
  const KnownLayer& layer = routed(cohorts_[m.cohort].group, step.block.layer, micro_batch);
  return costs_.at(step.block.kind, step.segment, layer.rows[m.place]);
}

/// Moves the rank's cursor as far as is known: to `now` while its communication stream is busy (what ends
/// that is not known yet), else on to its next arrival at a barrier or the next message it lacks.
void Executor::walk(std::uint32_t rank, Ticks now) {
  Member& m = members_[rank];
  Cohort& c = cohorts_[m.cohort];
  const auto& ops = ops_of(c);
  while (m.op < int(ops.size())) {
    const PlannedOp& planned = ops[std::size_t(m.op)];
    const ChunkProgram& program = *planned.program;
    if (!m.started && !start_op(rank, m, planned)) return;
    const Beside state = beside(m, c);
    if (state != Beside::Nothing && m.time > now) return plan_wake(rank, m, planned, state);
    if (m.step == int(program.steps.size())) {
      if (program.last_wait >= 0 && !program.transfers.empty() &&
          planned.first_transfer + program.last_wait >= m.done)
        return;
      end_op(rank, m, planned);
      continue;
    }
    const Step& step = program.steps[std::size_t(m.step)];
    if (step.waits_for >= 0 && !program.transfers.empty() &&
        planned.first_transfer + step.waits_for >= m.done)
      return;
    if (!m.segment) m.segment = &cost(m, planned, m.step);
    const SegmentCost& segment = *m.segment;
    const std::vector<std::int64_t>& starts = segment.start_ps[std::size_t(state)];
    const Ticks* start = starts.data();
    const Ticks position = position_in(start, m);
    const Ticks end = m.time + (starts.back() - position);
    const bool stops = state != Beside::Nothing && end > now;
    const Ticks until = stops ? now : end;
    if (m.trace_row) trace_kernels(m, segment, start, position, until - m.time);
    m.account.compute += Picoseconds(until - m.time);
    if (stops) {
      stop_inside(start, position + (now - m.time), m);
      m.time = now;
      return plan_wake(rank, m, planned, state);
    }
    m.account.kernels += std::uint64_t(segment.launches);
    m.account.flops += segment.flops;
    m.time = end;
    m.segment = nullptr;
    m.kernel = 0;
    m.fraction = 0;
    ++m.step;
    after_step(rank, m, c, planned);
  }
}

/// The op starts when its inputs are there; false when one is not.
bool Executor::start_op(std::uint32_t rank, Member& m, const PlannedOp& planned) {
  if (m.open_sends > 0) return false;
  Ticks ready = std::max(m.time, m.sends_left);
  if (planned.op.pass == Pass::Forward || planned.op.pass == Pass::Overlapped) {
    const Chunk f = planned.op.forward;
    if (f.stage > 0) ready = std::max(ready, message_at(rank, slots_.forward(f.stage, f.micro_batch)));
  }
  if (planned.op.pass != Pass::Forward && planned.op.pass != Pass::WeightBackward) {
    const Chunk b = planned.op.backward;
    if (b.stage < slots_.stages - 1)
      ready = std::max(ready, message_at(rank, slots_.backward(b.stage, b.micro_batch)));
  }
  if (ready == unknown) return false;
  m.account.bubble += Picoseconds(ready - m.time);
  m.time = m.op_start = ready;
  m.started = true;
  if (lane_of(rank) == 0)
    outcome_.op_start[std::size_t(pipeline_rank_of(rank))].push_back(Picoseconds(ready));
  reach_transfer(rank, m, cohorts_[cohort_of(rank)], planned, m.time);
  return true;
}

void Executor::end_op(std::uint32_t rank, Member& m, const PlannedOp& planned) {
  if (batched()) send_batch(rank, m, planned);
  const Picoseconds wall(m.time - m.op_start);
  switch (planned.op.pass) {
    case Pass::Forward:
      m.account.forward += wall;
      break;
    case Pass::Backward:
    case Pass::InputBackward:
      m.account.input_backward += wall;
      break;
    case Pass::WeightBackward:
      m.account.weight_backward += wall;
      break;
    case Pass::Overlapped:
      m.account.overlapped += wall;
      break;
  }
  m.account.end = Picoseconds(m.time);
  ++m.op;
  m.step = 0;
  m.started = false;
  ++ops_done_;
}

void Executor::after_step(std::uint32_t rank, Member& m, Cohort& c, const PlannedOp& planned) {
  const ChunkProgram& program = *planned.program;
  const bool transfers = !program.transfers.empty();
  if (!batched()) {
    if (m.step - 1 == program.forward_step && (program.forward_transfer < 0 || !transfers))
      send_forward(rank, planned, m.time);
    if (m.step - 1 == program.backward_step) send_backward(rank, planned, m.time);
  }
  reach_transfer(rank, m, c, planned, m.time);
}

/// While the communication stream is busy the cursor stops at `now`; if a message leaves before that is over,
/// somebody has to look at that instant.
void Executor::plan_wake(std::uint32_t rank, Member& m, const PlannedOp& planned, Beside state) {
  if (batched() || m.wake_pending || !m.started)
    return;  // A batch leaves with an op's end, when nothing is under way.
  const ChunkProgram& program = *planned.program;
  const bool by_step = program.forward_transfer < 0 || program.transfers.empty();
  Ticks at = m.time;
  for (int s = m.step; s < int(program.steps.size()); ++s) {
    const Step& step = program.steps[std::size_t(s)];
    if (step.waits_for >= 0 && planned.first_transfer + step.waits_for >= m.done) return;
    const auto& start = cost(m, planned, s).start_ps[std::size_t(state)];
    at += start.back() - (s == m.step ? position_in(start.data(), m) : 0);
    if (s == program.backward_step || (by_step && s == program.forward_step)) {
      m.wake_pending = true;
      queue_.schedule(Picoseconds(std::max(at, now_)), Phase::Start, {EventKind::Wake, 0, rank, 0});
      return;
    }
  }
}

}  // namespace orrery::execution
