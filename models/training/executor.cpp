#include <tuple>

#include "models/training/executor_state.hpp"

namespace orrery::execution {
namespace {

/// A layer's micro-batches take turns with this many draws: DeepSeek-V3's step then differs by 0.3 % over
/// eight seeds.
constexpr int draws_in_lockstep = 8;

}  // namespace

Executor::Executor(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress)
    : r_(request),
      costs_(costs),
      progress_(progress),
      m_(request.fidelity == Fidelity::Lockstep && request.routing ? request.routing->shape.domains()
                                                                   : request.members),
      groups_(request.fidelity == Fidelity::Full ? request.groups : 1),
      slots_{request.schedule.stages, request.schedule.micro_batches},
      drawn_micro_batches_(lockstep() ? std::min(draws_in_lockstep, slots_.micro_batches)
                                      : slots_.micro_batches) {
  plan_ops();
  const int ranks = r_.schedule.ranks;
  members_.resize(std::size_t(ranks * groups_ * m_));
  for (std::size_t rank = 0; rank < members_.size(); ++rank) {
    members_[rank].cohort = std::uint32_t(rank) / std::uint32_t(m_);
    members_[rank].place = std::uint32_t(rank) % std::uint32_t(m_);
  }
  outcome_.op_start.resize(std::size_t(ranks));
  for (int p = 0; p < ranks; ++p) {
    for (int g = 0; g < groups_; ++g) cohorts_.push_back({p, g});
  }
  for (std::size_t kind = 0; kind < prelude_.size(); ++kind) {
    prelude_[kind] = to_picoseconds(r_.transfers.prelude[kind]).value();
  }
  if (r_.pipeline_message > Bytes(0))
    message_alone_ = to_picoseconds(r_.pipeline_message / r_.pipeline_rate).value();
  message_at_.assign(std::size_t(2 * slots_.stages * slots_.micro_batches) * std::size_t(groups_ * m_),
                     unknown);
  if (r_.routing) {
    domains_ = r_.routing->shape.domains();
    rails_ = m_ / domains_;
    routed_.resize(std::size_t(groups_));
    for (auto& row : routed_) row.resize(std::size_t(layer_count()) * std::size_t(drawn_micro_batches_));
  }
  if (r_.fidelity == Fidelity::Full) {
    network_.emplace(capacities(*r_.fabric));
    router_.emplace(*r_.fabric, r_.routing_policy, &*network_);
  }
  prepare_trace();
}

StepOutcome Executor::run() {
  for (std::uint32_t rank = 0; rank < members_.size(); ++rank) walk(rank, 0);
  meet_neighbours();
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

int Executor::layer_count() const {
  int most = 0;
  for (const Stage& stage : r_.stages) {
    for (const Block& b : stage) most = std::max(most, b.layer + 1);
  }
  return most;
}

void Executor::plan_ops() {
  std::map<std::tuple<Pass, int, int>, const PricedProgram*> known;
  const Stage none;
  for (const auto& order : r_.schedule.order) {
    std::vector<PlannedOp> row;
    int transfers = 0;
    for (const Op& op : order) {
      const bool f = op.pass == Pass::Forward || op.pass == Pass::Overlapped, b = op.pass != Pass::Forward;
      const std::tuple key{op.pass, f ? op.forward.stage : -1, b ? op.backward.stage : -1};
      auto& program = known[key];
      if (!program) {
        programs_.push_back(std::make_unique<PricedProgram>());
        programs_.back()->chunk = weave(op.pass, f ? r_.stages[std::size_t(op.forward.stage)] : none,
                                        b ? r_.stages[std::size_t(op.backward.stage)] : none, r_.overlap);
        if (!r_.routing) programs_.back()->chunk.transfers.clear();
        for (const Step& step : programs_.back()->chunk.steps) {
          const bool by_rows = r_.routing && priced_by_rows(step.block.kind, step.segment);
          programs_.back()->price.push_back(
              by_rows ? nullptr : &costs_.at(step.block.kind, step.segment, r_.expert_rows));
        }
        program = programs_.back().get();
      }
      row.push_back({op, program, &program->chunk, transfers});
      transfers += int(program->chunk.transfers.size());
    }
    ops_total_ += row.size() * std::size_t(groups_ * m_);
    ops_.push_back(std::move(row));
  }
}

const KnownLayer& Executor::routed(int group, int layer, int micro_batch) {
  micro_batch %= drawn_micro_batches_;
  auto& kept = routed_[std::size_t(group)]
                      [std::size_t(layer) * std::size_t(drawn_micro_batches_) + std::size_t(micro_batch)];
  if (!kept) {
    kept = std::make_unique<KnownLayer>();
    const LayerKey key{.seed = r_.seed, .group = group, .layer = layer, .micro_batch = micro_batch};
    if (r_.routing->drawn) kept->counts = r_.routing->drawn->find(key, r_.row_spread);
    if (!kept->counts) kept->counts = &kept->own.emplace(route_layer(*r_.routing, key, r_.row_spread));
    find_fullest(*kept);
  }
  return *kept;
}

void Executor::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::Release:
      release(event.subject);
      break;
    case EventKind::StartFlows:
      start_flows(event.subject);
      break;
    case EventKind::Complete:
      if (delay_completion(event)) break;
      for (int at = 0; at < domains_; ++at) {
        complete(event.subject * std::uint32_t(m_) + std::uint32_t(at * rails_) + event.rail);
      }
      break;
    case EventKind::Send:
      start_message(event.subject, event.slot);
      break;
    case EventKind::Left:
      message_left(event.subject, event.slot);
      break;
    case EventKind::Arrive:
      arrive(event.subject, event.slot);
      break;
    case EventKind::Wake:
      members_[event.subject].wake_pending = false;
      walk(event.subject, now_);
      break;
  }
}

StepOutcome Executor::finish() {
  ORRERY_CHECK(ops_done_ == ops_total_);  // Every micro-batch passed every stage once each way.
  for (const Member& m : members_) outcome_.pipeline_end = std::max(outcome_.pipeline_end, m.account.end);
  for (Member& m : members_) {
    RankTime& a = m.account;
    a.bubble += outcome_.pipeline_end - a.end;
    ORRERY_CHECK(a.forward + a.input_backward + a.weight_backward + a.overlapped + a.bubble ==
                 outcome_.pipeline_end);
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

}  // namespace orrery::execution

namespace orrery {

StepOutcome execute(const StepRequest& request, SegmentCosts& costs, const OnProgress& progress) {
  return execution::Executor(request, costs, progress).run();
}

}  // namespace orrery
