// New rates after a change, by progressive filling (see `fair_share`) of as few flows as will do.
//
// An update frees the flows of the links that changed, fills them up again within what the fixed flows leave
// of each link, and then asks of every link it met whether the fixed flows still have what is theirs:
//
//   a link that holds fixed flows back is still full, and no freed flow has a higher level on it;
//   a link that holds freed flows back has no fixed flow of a higher level.
//
// Where not, that link's flows are freed too, and the filling starts again. When all links agree, every flow
// has a full link on which no flow has a higher level, which makes the rates the only fair ones. So a change
// spreads as far as it is felt and no further, through components of any size. A change that keeps spreading
// frees its whole component at last, so that an update costs a few plain ones at worst.
#include <algorithm>

#include "sim/check.hpp"
#include "sim/flow_network_state.hpp"

namespace orrery {
namespace {

// A link is full when no more than this part of it is left: some hundred rounding errors.
constexpr double slack = 1e-13;
// Levels this close are equal.
constexpr double tie = 1e-12;
// After so many fillings, the next is of the whole component. One in a thousand updates comes that far in a
// pipeline of all-to-alls.
constexpr std::uint32_t most_partial_fillings = 8;

Picoseconds end_of(Picoseconds now, double need, double level) {
  const double exact = need / level * 1e12;
  if (!(exact < 0.999 * double((never - now).value()))) return never;
  const double target = exact - (1e-3 + exact * 0x1p-48);
  auto whole = std::int64_t(target);
  if (double(whole) < target) ++whole;
  return now + Picoseconds(std::max<std::int64_t>(whole, 1));
}

}  // namespace

void FlowNetwork::State::settle() {
  if (changed.empty()) return;
  for (std::size_t next = 0; next < changed.size(); ++next) {
    const LinkIndex seed = changed[next];
    if (links[seed].changed && !crossings[seed].empty()) update(seed);
    links[seed].changed = false;
  }
  changed.clear();
  floor = every_level;
}

void FlowNetwork::State::update(LinkIndex seed) {
  ++updates;
  region_links.clear();
  region_flows.clear();
  links[seed].seen = updates;
  region_links.push_back(seed);
  to_open.push_back(seed);
  for (fillings = 0; !to_open.empty();) {
    open_all();
    prepare();
    fill();
    ++fillings;
    for (const LinkIndex index : region_links) {
      if (!in_conflict(links[index])) continue;
      if (links[index].opened == updates) floor = 0;  // Rounding put a flow on the wrong side of it.
      links[index].opened = 0;
      to_open.push_back(index);
    }
    if (!to_open.empty() && fillings >= most_partial_fillings) to_open = region_links;
  }
  publish();
}

// Frees the flows of the links in `to_open`, and of all other changed links that these lead to.
void FlowNetwork::State::open_all() {
  while (!to_open.empty()) {
    const LinkIndex index = to_open.back();
    to_open.pop_back();
    if (links[index].opened == updates) continue;
    links[index].opened = updates;
    links[index].changed = false;
    for (const Crossing& crossing : crossings[index]) {
      const Flow& flow = flows[crossing.flow];
      if (flow.seen == updates || (flow.level < floor && flow.level != free_level)) continue;
      free_flow(crossing.flow);
    }
  }
}

void FlowNetwork::State::free_flow(FlowIndex index) {
  Flow& flow = flows[index];
  flow.seen = updates;
  flow.need = std::max(0.0, flow.need - flow.level * (double((now - flow.since).value()) * 1e-12));
  flow.since = now;
  region_flows.push_back(index);
  for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
    const LinkIndex link = steps[s].link;
    if (links[link].seen != updates) {
      links[link].seen = updates;
      region_links.push_back(link);
    }
    if (links[link].changed || fillings >= most_partial_fillings) to_open.push_back(link);
  }
}

void FlowNetwork::State::prepare() {
  for (const LinkIndex index : region_links) {
    Link& link = links[index];
    link.left = link.capacity;
    link.load = link.highest = link.fixed_highest = 0;
    link.held = link.free = link.fixed = 0;
    link.end = never;
  }
  for (const FlowIndex index : region_flows) {
    Flow& flow = flows[index];
    flow.level = free_level;
    for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
      Link& link = links[steps[s].link];
      link.load += double(steps[s].share) * flow.weight;
      ++link.free;
    }
  }
  for (const LinkIndex index : region_links) {
    if (links[index].free != crossings[index].size()) account_for_fixed_flows(index);
  }
}

void FlowNetwork::State::account_for_fixed_flows(LinkIndex index) {
  Link& link = links[index];
  for (const Crossing& crossing : crossings[index]) {
    const Flow& flow = flows[crossing.flow];
    if (flow.seen == updates) continue;
    link.left -= crossing.load * flow.level;
    link.fixed_highest = std::max(link.fixed_highest, flow.level);
    if (flow.holder != index) continue;
    ++link.fixed;
    link.end = std::min(link.end, flow.end);
  }
  link.held = link.fixed;
}

// A link's level only grows while others are held, so that the heap may hold outdated ones: only the first
// is ever brought up to date.
void FlowNetwork::State::fill() {
  candidates.clear();
  for (const LinkIndex link : region_links) {
    if (links[link].free > 0) candidates.push_back({links[link].left / links[link].load, link});
  }
  // A total order, so that no library's heap has a say in which of two equal links goes first.
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.level != b.level ? a.level > b.level : a.link > b.link;
  };
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
  }
}

// `level` comes as that of the links before and leaves as this one's.
void FlowNetwork::State::hold_flows_of(LinkIndex full, double& level) {
  // Computed anew: the running sums have lost digits where nearly all of a link is in use.
  double left = links[full].capacity, load = 0;
  for (const Crossing& crossing : crossings[full]) {
    const double held_at = flows[crossing.flow].level;
    left -= crossing.load * held_at;
    if (held_at == free_level) load += crossing.load;
  }
  level = std::max(level, left / load);
  ORRERY_CHECK(level > 0);
  for (const Crossing& crossing : crossings[full]) {
    Flow& flow = flows[crossing.flow];
    if (flow.level != free_level) continue;
    flow.level = level;
    flow.holder = full;
    flow.end = end_of(now, flow.need, level);
    links[full].end = std::min(links[full].end, flow.end);
    ++links[full].held;
    for (std::uint32_t s = flow.path; s < flow.path + flow.length; ++s) {
      Link& link = links[steps[s].link];
      const double load_here = double(steps[s].share) * flow.weight;
      link.load -= load_here;
      link.left -= load_here * level;
      link.highest = level;
      --link.free;
    }
  }
}

bool FlowNetwork::State::in_conflict(const Link& link) const {
  if (link.fixed_highest == 0) return false;
  if (link.fixed > 0) {
    if (link.left > link.capacity * slack) return true;
    if (link.highest > link.fixed_highest * (1 + tie)) return true;
  }
  return link.held > link.fixed && link.fixed_highest > link.highest * (1 + tie);
}

void FlowNetwork::State::publish() {
  for (const LinkIndex index : region_links) {
    if (links[index].held == 0) {
      schedule.erase(index);
    } else {
      schedule.set(index, links[index].end);
    }
  }
}

}  // namespace orrery
