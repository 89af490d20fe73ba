#include "models/training/lower_bound.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "models/pipeline/walk.hpp"

namespace orrery {
namespace {

constexpr double least_rows = 0.95, least_bytes = 0.97;  // Of the balanced ones.

/// Kernels at their price alone, with the fewest rows that count.
class KernelBounds {
 public:
  KernelBounds(const TrainingPlan& plan, const RoutingPool* pool) : costs_(plan_prices(plan, pool)) {
    const auto rows = std::int64_t(double(balanced_rows(work_shape(plan))) * least_rows);
    rows_ = rows / row_tile * row_tile;
  }

  Seconds of(const Step& step) {
    const SegmentCost& cost = costs_.at(step.block.kind, step.segment, rows_);
    std::int64_t least = cost.start_ps[0].back();
    for (const auto& start : cost.start_ps) least = std::min(least, start.back());
    return to_seconds(Picoseconds(least));
  }

 private:
  SegmentCosts costs_;
  std::int64_t rows_ = 0;
};

class OpBounds {
 public:
  OpBounds(const TrainingPlan& plan, const RoutingPool* pool)
      : request_(step_request(plan, pool)), kernels_(plan, pool) {
    if (!pool) return;
    const int domains = pool->shape.domains(), rails = pool->shape.ranks / domains;
    // A popular domain may be the source's own; then only what goes beyond one domain is sure to leave.
    const bool even = pool->shape.popularity == 0 && pool->first_of_layer.empty();
    const double leave =
        even ? pool->domains_per_token * (domains - 1) / domains : pool->domains_per_token - 1;
    copies_out_ = domains > 1 ? least_bytes * pool->shape.tokens * leave : 0;
    copies_inside_ = least_bytes * pool->shape.tokens * pool->ranks_per_token * (rails - 1) / rails;
  }

  const StepRequest& request() const { return request_; }

  Seconds of(const Op& op) {
    const bool f = op.pass == Pass::Forward || op.pass == Pass::Overlapped, b = op.pass != Pass::Forward;
    const std::tuple key{op.pass, f ? op.forward.stage : -1, b ? op.backward.stage : -1};
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    const Stage none;
    ChunkProgram program =
        weave(op.pass, f ? request_.stages[std::size_t(op.forward.stage)] : none,
              b ? request_.stages[std::size_t(op.backward.stage)] : none, request_.overlap);
    if (!request_.routing) program.transfers.clear();
    return known_[key] = alone(program);
  }

 private:
  /// The program with both streams free at its start.
  Seconds alone(const ChunkProgram& program) {
    Seconds now{}, stream{};
    std::vector<Seconds> ended;
    const auto launch = [&](int steps_done) {
      while (ended.size() < program.transfers.size() &&
             program.transfers[ended.size()].after_step < steps_done) {
        const Transfer& transfer = program.transfers[ended.size()];
        stream = std::max(stream, now) + request_.transfers.prelude[std::size_t(transfer.kind)] +
                 transfer_time(transfer);
        ended.push_back(stream);
      }
    };
    launch(0);
    for (std::size_t i = 0; i < program.steps.size(); ++i) {
      const Step& step = program.steps[i];
      if (step.waits_for >= 0 && std::size_t(step.waits_for) < ended.size())
        now = std::max(now, ended[std::size_t(step.waits_for)]);
      now += kernels_.of(step);
      launch(int(i) + 1);
    }
    if (program.last_wait >= 0 && std::size_t(program.last_wait) < ended.size())
      now = std::max(now, ended[std::size_t(program.last_wait)]);
    return now;
  }

  Seconds transfer_time(const Transfer& transfer) const {
    const StepTransfers& t = request_.transfers;
    const auto kind = std::size_t(transfer.kind);
    const double token = double((outward(transfer.kind) ? t.outward_token : t.back_token).value());
    const double nic = std::max(t.alone[kind].nic.value(), t.beside[kind].nic.value()),
                 nvlink = std::max(t.alone[kind].nvlink.value(), t.beside[kind].nvlink.value());
    return Seconds(token * std::max(copies_out_ / nic, copies_inside_ / nvlink));
  }

  StepRequest request_;
  KernelBounds kernels_;
  double copies_out_ = 0, copies_inside_ = 0;  ///< Of tokens, at a NIC and at an NVLink port.
  std::map<std::tuple<Pass, int, int>, Seconds> known_;
};

}  // namespace

Seconds step_lower_bound(const TrainingPlan& plan, const RoutingPool* pool) {
  OpBounds bounds(plan, pool);
  const PipelineSchedule& schedule = bounds.request().schedule;
  Seconds longest{};
  for (const std::vector<Op>& row : schedule.order) {
    Seconds busy{};
    for (const Op& op : row) busy += bounds.of(op);
    longest = std::max(longest, busy);
  }
  if (plan.pipeline_messages == PipelineMessages::Batched) {
    const Replay played = replay(schedule, [&](const Op& op) { return bounds.of(op); });
    for (const Seconds end : played.end) longest = std::max(longest, end);
  }
  return longest + longest_tail(plan, schedule, bounds.request().stages);
}

Seconds step_compute_bound(const TrainingPlan& plan, const RoutingPool* pool) {
  KernelBounds kernels(plan, pool);
  Seconds all{};
  const Stage none;
  // Blocks of a kind cost the same: each distinct one is woven once.
  std::map<BlockKind, Seconds> known;
  for (const Stage& stage : plan_stages(plan)) {
    for (const Block& block : stage) {
      if (!known.contains(block.kind)) {
        Seconds& sum = known[block.kind];
        for (const Step& step : weave(Pass::Forward, {block}, none, plan.overlap).steps)
          sum += kernels.of(step);
        for (const Step& step : weave(Pass::Backward, none, {block}, plan.overlap).steps)
          sum += kernels.of(step);
      }
      all += known[block.kind];
    }
  }
  return double(plan.micro_batches()) / plan.pipeline * all;
}

}  // namespace orrery
