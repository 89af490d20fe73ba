#include "sim/flow_network.hpp"

#include <algorithm>
#include <cmath>

#include "sim/check.hpp"
#include "sim/flow_network_state.hpp"

namespace orrery {
// The update may leave alone what has a lower level: filling from zero, nothing is different below it.
void FlowNetwork::State::mark(LinkIndex link, double lowest_level_in_doubt) {
  floor = std::min(floor, lowest_level_in_doubt);
  if (links[link].changed) return;
  links[link].changed = true;
  changed.push_back(link);
}

// Moves the clock, and puts every flow that ends on the way into `finished`.
void FlowNetwork::State::run_to(Picoseconds until) {
  ORRERY_CHECK(until >= now);
  while (now < until) {
    settle();
    const Picoseconds next = schedule.next();
    now = std::min(next, until);
    if (next <= until && next != never) retire();
  }
}

// Takes out every flow that ends now. An update is needed only where a link that has lost a flow still holds
// others back: all other flows keep their full link.
void FlowNetwork::State::retire() {
  due.clear();
  while (schedule.next() == now) {
    const LinkIndex link = schedule.first();
    schedule.erase(link);  // For good, or until the update that those it still holds are in for.
    for (const Crossing& crossing : crossings[link]) {
      const Bundle& bundle = bundles[crossing.bundle];
      if (bundle.holder != link || bundle.end != now) continue;
      due.push_back(crossing.bundle);
      __builtin_prefetch(&flows[bundle.first]);
      __builtin_prefetch(&others[crossing.bundle]);
    }
  }
  for (const BundleIndex index : due) leave_those_due(index);
  for (const BundleIndex index : due) {
    const Bundle& bundle = bundles[index];
    for (std::uint32_t s = bundle.path; s < bundle.path + bundle.length; ++s) {
      if (links[steps[s].link].held > 0) mark(steps[s].link, bundle.level * (1 - 1e-9));
    }
  }
}

FlowNetwork::FlowNetwork(std::vector<BytesPerSecond> capacity)
    : state_(std::make_unique<State>(capacity.size())) {
  for (std::size_t l = 0; l < capacity.size(); ++l) {
    ORRERY_CHECK(capacity[l].value() > 0 && std::isfinite(capacity[l].value()));
    state_->links[l].capacity = capacity[l].value();
  }
}

FlowNetwork::FlowNetwork(FlowNetwork&&) noexcept = default;
FlowNetwork& FlowNetwork::operator=(FlowNetwork&&) noexcept = default;
FlowNetwork::~FlowNetwork() = default;

FlowIndex FlowNetwork::start(Picoseconds now, const Spec& spec) {
  State& state = *state_;
  state.run_to(now);
  ORRERY_CHECK(spec.size.value() >= 0 && spec.weight > 0 && std::isfinite(spec.weight));
  ORRERY_CHECK(!spec.path.empty());
  for (std::size_t s = 0; s < spec.path.size(); ++s) {
    const PathLink& step = spec.path[s];
    ORRERY_CHECK(step.link < state.links.size() && step.share > 0 && std::isfinite(step.share));
    for (std::size_t earlier = 0; earlier < s; ++earlier) ORRERY_CHECK(spec.path[earlier].link != step.link);
  }
  FlowIndex index = FlowIndex(state.flows.size());
  if (state.spare_flows.empty()) {
    state.flows.push_back({});
  } else {
    index = state.spare_flows.back();
    state.spare_flows.pop_back();
  }
  state.flows[index] = {.size = spec.size,
                        .started = state.started++,
                        .weight = spec.weight,
                        .bundle = State::no_bundle,
                        .tag = spec.tag};
  if (spec.size == Bytes(0)) {
    state.finished.push_back({now, state.flows[index].started, index});
  } else {
    state.join(index, spec.path);
    for (const PathLink& step : spec.path) state.mark(step.link, 0);
  }
  return index;
}

void FlowNetwork::set_capacity(Picoseconds now, LinkIndex link, BytesPerSecond capacity) {
  state_->run_to(now);
  ORRERY_CHECK(link < state_->links.size() && capacity.value() > 0 && std::isfinite(capacity.value()));
  state_->links[link].capacity = capacity.value();
  state_->mark(link, 0);
}

Picoseconds FlowNetwork::next_completion() {
  if (!state_->finished.empty()) return state_->finished.front().at;
  state_->settle();
  return state_->schedule.next();
}

void FlowNetwork::advance(Picoseconds until, std::vector<Completion>& completed) {
  State& state = *state_;
  state.run_to(until);
  const auto before = [](const State::Finished& a, const State::Finished& b) {
    return a.at != b.at ? a.at < b.at : a.started < b.started;
  };
  if (!std::is_sorted(state.finished.begin(), state.finished.end(), before)) {
    std::sort(state.finished.begin(), state.finished.end(), before);
  }
  for (const State::Finished& done : state.finished) {
    completed.push_back({done.at, done.flow, state.flows[done.flow].tag});
    state.spare_flows.push_back(done.flow);
  }
  state.finished.clear();
}

BytesPerSecond FlowNetwork::rate(FlowIndex flow) {
  ORRERY_CHECK(flow < state_->flows.size());
  state_->settle();
  const State::Flow& its = state_->flows[flow];
  if (its.bundle == State::no_bundle) return {};
  return BytesPerSecond(state_->bundles[its.bundle].level * its.weight);
}

std::uint32_t FlowNetwork::crossing(LinkIndex link) const { return state_->link_records[link].flows; }

Bytes FlowNetwork::carried(LinkIndex link) const { return state_->link_records[link].carried; }

Picoseconds FlowNetwork::busy(LinkIndex link) const {
  const State::LinkRecord& record = state_->link_records[link];
  if (state_->crossings[link].empty()) return record.busy;
  return record.busy + (state_->now - record.busy_since);
}

std::uint64_t FlowNetwork::flows_started() const { return state_->started; }
std::uint64_t FlowNetwork::updates() const { return state_->updates; }

}  // namespace orrery
