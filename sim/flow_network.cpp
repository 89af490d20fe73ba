#include "sim/flow_network.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/check.hpp"
#include "sim/link_schedule.hpp"

namespace orrery {
namespace {

constexpr LinkIndex no_link = UINT32_MAX;

// Sizes and rates are kept per unit of weight ("need" in bytes, "level" in bytes per second), so that flows
// whose weights are in proportion to their sizes have the same need to the last bit, and end together.
struct Flow {
  double need;           // Left to carry at `since`.
  double weight;
  double level;          // Zero until an update gives one.
  Picoseconds since;     // When `need` was last brought up to date.
  Picoseconds end;       // If nothing else changes.
  std::uint64_t seen;    // Last search that met it.
  LinkIndex holder;      // The full link that allows no higher level.
  std::uint32_t path;    // First of its steps.
  std::uint32_t length;  // Steps in use.
  std::uint32_t tag;
};

struct FlowRecord {  // What only starts and ends touch.
  Bytes size;
  std::uint64_t started;  // How many flows started before it.
};

struct Step {  // A link of a flow's path.
  LinkIndex link;
  std::uint32_t place;  // In the link's crossings.
  float share;
};

struct Crossing {  // A flow of a link.
  FlowIndex flow;
  std::uint32_t step;
  double load;  // share * weight: bytes that cross for each unit of level.
};

struct Link {
  double capacity;
  double left;            // During an update: what no held flow uses ...
  double load;            // ... the load of the free flows ...
  std::uint32_t free;     // ... and their number.
  std::uint32_t held = 0;  // Flows that this link holds back.
  std::uint64_t seen = 0;  // Last search that met it.
  bool changed = false;    // Waits for an update.
};

struct LinkRecord {
  Bytes carried{};
  Picoseconds busy{};
  Picoseconds busy_since{};
};

struct Candidate {
  double level;  // At which the link fills up, or less: it only grows while others are held.
  LinkIndex link;
};

struct Finished {
  Picoseconds at;
  std::uint64_t started;
  FlowIndex flow;
};

bool before(const Finished& a, const Finished& b) {
  return a.at != b.at ? a.at < b.at : a.started < b.started;
}

double seconds_between(Picoseconds from, Picoseconds to) { return double((to - from).value()) * 1e-12; }

Picoseconds end_of(Picoseconds now, double need, double level) {
  const double exact = need / level * 1e12;
  if (!(exact < 0.999 * double((never - now).value()))) return never;
  const double target = exact - (1e-3 + exact * 0x1p-48);
  auto whole = std::int64_t(target);
  if (double(whole) < target) ++whole;
  return now + Picoseconds(std::max<std::int64_t>(whole, 1));
}

}  // namespace

struct FlowNetwork::State {
  explicit State(std::size_t count) : links(count), link_records(count), crossings(count), schedule(count) {}

  std::vector<Link> links;
  std::vector<LinkRecord> link_records;
  std::vector<std::vector<Crossing>> crossings;  // Of each link.

  std::vector<Flow> flows;
  std::vector<FlowRecord> flow_records;
  std::vector<Step> steps;
  std::vector<std::vector<FlowIndex>> spare;  // Flows to use again, by the binary logarithm of their room.

  LinkSchedule schedule;          // When each link that holds flows back loses the first of them.
  std::vector<LinkIndex> changed;  // Links whose components wait for an update.
  std::vector<Finished> finished;  // Not handed out yet.
  Picoseconds now{};
  std::uint64_t started = 0, updates = 0, search = 0;

  // Kept between updates for their memory alone.
  std::vector<LinkIndex> component;
  std::vector<Candidate> candidates;
  std::vector<FlowIndex> due;

  FlowIndex make_flow(std::size_t length);
  void link_in(FlowIndex index);
  void link_out(FlowIndex index);
  void mark(LinkIndex link);
  void run_to(Picoseconds until);
  void retire();
  void settle();
  void discover(LinkIndex seed);
  void meet(LinkIndex link);
  void fill();
  void hold_flows_of(LinkIndex link, double& level);
};

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

void FlowNetwork::State::mark(LinkIndex link) {
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

// Takes out every flow that ends now. A component needs an update only where a link that has lost a flow
// still holds others back.
void FlowNetwork::State::retire() {
  due.clear();
  while (schedule.next() == now) {
    const LinkIndex link = schedule.first();
    Picoseconds rest = never;
    for (const Crossing& crossing : crossings[link]) {
      const Flow& flow = flows[crossing.flow];
      if (flow.holder != link) continue;
      if (flow.end == now) {
        due.push_back(crossing.flow);
        --links[link].held;
      } else {
        rest = std::min(rest, flow.end);
      }
    }
    if (links[link].held == 0) {
      schedule.erase(link);
    } else {
      schedule.set(link, rest);
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
      if (links[steps[s].link].held > 0) mark(steps[s].link);
    }
  }
}

// Brings every component with a change up to date.
void FlowNetwork::State::settle() {
  if (changed.empty()) return;
  ++search;
  for (const LinkIndex link : changed) {
    links[link].changed = false;
    if (links[link].seen == search || crossings[link].empty()) continue;
    discover(link);
    fill();
    ++updates;
  }
  changed.clear();
}

void FlowNetwork::State::meet(LinkIndex index) {
  Link& link = links[index];
  link.seen = search;
  link.left = link.capacity;
  link.load = 0;
  link.free = 0;
  link.held = 0;
  component.push_back(index);
}

// Collects the links of the seed's component and frees all its flows, with what they carried accounted for.
void FlowNetwork::State::discover(LinkIndex seed) {
  component.clear();
  meet(seed);
  for (std::size_t next = 0; next < component.size(); ++next) {
    for (const Crossing& crossing : crossings[component[next]]) {
      Flow& flow = flows[crossing.flow];
      if (flow.seen == search) continue;
      flow.seen = search;
      flow.need = std::max(0.0, flow.need - flow.level * seconds_between(flow.since, now));
      flow.since = now;
      flow.level = 0;
      for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
        Link& link = links[steps[s].link];
        if (link.seen != search) meet(steps[s].link);
        link.load += double(steps[s].share) * flow.weight;
        ++link.free;
      }
    }
  }
}

// Progressive filling (see `fair_share`). A link's level only grows while others are held, so that the heap
// may hold outdated ones: only the first is ever brought up to date.
void FlowNetwork::State::fill() {
  candidates.clear();
  for (const LinkIndex link : component) candidates.push_back({links[link].left / links[link].load, link});
  const auto later = [](const Candidate& a, const Candidate& b) { return a.level > b.level; };
  std::make_heap(candidates.begin(), candidates.end(), later);
  double level = 0;
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), later);
    Candidate& first = candidates.back();
    const Link& link = links[first.link];
    const double current = link.free == 0 ? 0 : link.left / link.load;
    if (link.free > 0 && current > first.level * (1 + 1e-15)) {
      first.level = current;
      std::push_heap(candidates.begin(), candidates.end(), later);
      continue;
    }
    const LinkIndex full = first.link;
    candidates.pop_back();
    if (link.free > 0) hold_flows_of(full, level);
    if (links[full].held == 0) schedule.erase(full);
  }
}

// `level` comes as that of the links before and leaves as this one's.
void FlowNetwork::State::hold_flows_of(LinkIndex full, double& level) {
  // Computed anew: the running sums have lost digits where nearly all of a link is in use.
  double left = links[full].capacity, load = 0;
  for (const Crossing& crossing : crossings[full]) {
    const double held_at = flows[crossing.flow].level;
    left -= crossing.load * held_at;
    if (held_at == 0) load += crossing.load;
  }
  level = std::max(level, left / load);
  Picoseconds first_end = never;
  double need = -1;
  Picoseconds end = never;
  for (const Crossing& crossing : crossings[full]) {
    Flow& flow = flows[crossing.flow];
    if (flow.level != 0) continue;
    flow.level = level;
    flow.holder = full;
    if (flow.need != need) {
      need = flow.need;
      end = end_of(now, need, level);
      first_end = std::min(first_end, end);
    }
    flow.end = end;
    ++links[full].held;
    for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
      Link& link = links[steps[s].link];
      const double load_here = double(steps[s].share) * flow.weight;
      link.load -= load_here;
      link.left -= load_here * level;
      --link.free;
    }
  }
  schedule.set(full, first_end);
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
  Flow& flow = state.flows[index];
  flow.need = double(spec.size.value()) / spec.weight;
  flow.weight = spec.weight;
  flow.level = 0;
  flow.since = flow.end = now;
  flow.seen = 0;
  flow.holder = no_link;
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
    state.mark(spec.path.front().link);
  }
  return index;
}

void FlowNetwork::set_capacity(Picoseconds now, LinkIndex link, BytesPerSecond capacity) {
  state_->run_to(now);
  ORRERY_CHECK(link < state_->links.size() && capacity.value() > 0 && std::isfinite(capacity.value()));
  state_->links[link].capacity = capacity.value();
  state_->mark(link);
}

Picoseconds FlowNetwork::next_completion() {
  if (!state_->finished.empty()) return state_->finished.front().at;
  state_->settle();
  return state_->schedule.next();
}

void FlowNetwork::advance(Picoseconds until, std::vector<Completion>& completed) {
  State& state = *state_;
  state.run_to(until);
  if (!std::is_sorted(state.finished.begin(), state.finished.end(), before)) {
    std::sort(state.finished.begin(), state.finished.end(), before);
  }
  for (const Finished& done : state.finished) {
    const Flow& flow = state.flows[done.flow];
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

Bytes FlowNetwork::carried(LinkIndex link) const { return state_->link_records[link].carried; }

Picoseconds FlowNetwork::busy(LinkIndex link) const {
  const LinkRecord& record = state_->link_records[link];
  if (state_->crossings[link].empty()) return record.busy;
  return record.busy + (state_->now - record.busy_since);
}

std::uint64_t FlowNetwork::flows_started() const { return state_->started; }
std::uint64_t FlowNetwork::updates() const { return state_->updates; }

}  // namespace orrery
