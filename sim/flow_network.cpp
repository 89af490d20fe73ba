#include "sim/flow_network.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/check.hpp"
#include "sim/flow_network_state.hpp"

namespace orrery {
namespace {

double seconds_between(Picoseconds from, Picoseconds to) { return double((to - from).value()) * 1e-12; }

}  // namespace

// Takes a used flow with room for the path, or makes one; each keeps its steps for life.
FlowIndex FlowNetwork::State::make_flow(std::size_t length) {
  const auto room = std::size_t(std::bit_width(length - 1));
  if (room >= spare.size()) spare.resize(room + 1);
  if (!spare[room].empty()) {
    const FlowIndex index = spare[room].back();
    spare[room].pop_back();
    return index;
  }
  const auto index = FlowIndex(flows.size());
  flows.push_back({});
  flow_records.push_back({});
  flows.back().path = std::uint32_t(steps.size());
  steps.resize(steps.size() + (std::size_t(1) << room));
  return index;
}

// The update may leave alone what has a lower level: filling from zero, nothing is different below it.
void FlowNetwork::State::mark(LinkIndex link, double lowest_level_in_doubt) {
  floor = std::min(floor, lowest_level_in_doubt);
  if (links[link].changed) return;
  links[link].changed = true;
  changed.push_back(link);
}

void FlowNetwork::State::link_in(FlowIndex index) {
  const Flow& flow = flows[index];
  for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
    std::vector<Crossing>& here = crossings[steps[s].link];
    if (here.empty()) link_records[steps[s].link].busy_since = now;
    steps[s].place = std::uint32_t(here.size());
    here.push_back({index, s, double(steps[s].share) * flow.weight});
  }
}

void FlowNetwork::State::link_out(FlowIndex index) {
  const Flow& flow = flows[index];
  for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
    std::vector<Crossing>& here = crossings[steps[s].link];
    here[steps[s].place] = here.back();
    steps[here.back().step].place = steps[s].place;
    here.pop_back();
    LinkRecord& record = link_records[steps[s].link];
    const double crossed = double(steps[s].share) * double(flow_records[index].size.value());
    record.carried += Bytes(std::int64_t(crossed + 0.5));
    if (here.empty()) record.busy += now - record.busy_since;
  }
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
      const Flow& flow = flows[crossing.flow];
      if (flow.holder != link || flow.end != now) continue;
      due.push_back(crossing.flow);
      --links[link].held;
    }
  }
  for (const FlowIndex index : due) {
    const Flow& flow = flows[index];
    const double moved = flow.level * seconds_between(flow.since, now);
    ORRERY_CHECK(moved >= flow.need * (1 - 1e-12) - flow.level * 2e-15);
    ORRERY_CHECK(moved <= flow.need * (1 + 1e-12) + flow.level * 1.1e-12);
    link_out(index);
    finished.push_back({now, flow_records[index].started, index});
  }
  for (const FlowIndex index : due) {
    const Flow& flow = flows[index];
    for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
      if (links[steps[s].link].held > 0) mark(steps[s].link, flow.level * (1 - 1e-9));
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
  const FlowIndex index = state.make_flow(spec.path.size());
  State::Flow& flow = state.flows[index];
  flow.need = double(spec.size.value()) / spec.weight;
  flow.weight = spec.weight;
  flow.level = State::free_level;
  flow.since = flow.end = now;
  flow.seen = 0;
  flow.holder = State::no_link;
  flow.length = std::uint32_t(spec.path.size());
  flow.tag = spec.tag;
  state.flow_records[index] = {spec.size, state.started++};
  for (std::uint32_t s = 0; s < flow.length; ++s) {
    const PathLink& step = spec.path[s];
    ORRERY_CHECK(step.link < state.links.size() && step.share > 0 && std::isfinite(step.share));
    for (std::uint32_t earlier = 0; earlier < s; ++earlier) {
      ORRERY_CHECK(spec.path[earlier].link != step.link);
    }
    state.steps[flow.path + s] = {step.link, 0, step.share};
  }
  if (spec.size == Bytes(0)) {
    state.finished.push_back({now, state.flow_records[index].started, index});
  } else {
    state.link_in(index);
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
    const State::Flow& flow = state.flows[done.flow];
    completed.push_back({done.at, done.flow, flow.tag});
    state.spare[std::size_t(std::bit_width(flow.length - 1))].push_back(done.flow);
  }
  state.finished.clear();
}

BytesPerSecond FlowNetwork::rate(FlowIndex flow) {
  ORRERY_CHECK(flow < state_->flows.size());
  state_->settle();
  return BytesPerSecond(state_->flows[flow].level * state_->flows[flow].weight);
}

std::uint32_t FlowNetwork::crossing(LinkIndex link) const {
  return std::uint32_t(state_->crossings[link].size());
}

Bytes FlowNetwork::carried(LinkIndex link) const { return state_->link_records[link].carried; }

Picoseconds FlowNetwork::busy(LinkIndex link) const {
  const State::LinkRecord& record = state_->link_records[link];
  if (state_->crossings[link].empty()) return record.busy;
  return record.busy + (state_->now - record.busy_since);
}

std::uint64_t FlowNetwork::flows_started() const { return state_->started; }
std::uint64_t FlowNetwork::updates() const { return state_->updates; }

}  // namespace orrery
