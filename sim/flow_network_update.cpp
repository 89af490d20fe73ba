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
// Up to so many links, see `spreads_to`.
constexpr std::size_t small_region = 32;

// A total order, so that no library's heap has a say in which of two equal links goes first.
constexpr auto later = [](const auto& a, const auto& b) {
  return a.level != b.level ? a.level > b.level : a.link > b.link;
};

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
  stamp_anew();
  region_links.clear();
  region_bundles.clear();
  meet(seed);
  open(seed);
  for (fillings = 0;;) {
    open_all();
    fill();
    ++fillings;
    for (const LinkIndex index : region_links) {
      if (!in_conflict(links[index])) continue;
      if (links[index].opened) floor = 0;  // Rounding put a bundle on the wrong side of it.
      open(index);
    }
    if (to_open.empty()) break;
    if (fillings >= most_partial_fillings) {
      for (const LinkIndex index : region_links) open(index);
    }
    release_all_again();
  }
  publish();
}

// After four billion updates no old stamp may look like a new one.
void FlowNetwork::State::stamp_anew() {
  if (++stamp != 0) return;
  for (Link& link : links) link.seen = 0;
  for (Bundle& bundle : bundles) bundle.seen = 0;
  stamp = 1;
}

void FlowNetwork::State::meet(LinkIndex index) {
  links[index].seen = stamp;
  links[index].opened = false;
  links[index].reset();
  region_links.push_back(index);
}

// Frees the bundles of the links in `to_open`, and of all other links that these lead to.
void FlowNetwork::State::open_all() {
  while (!to_open.empty()) {
    const LinkIndex index = to_open.back();
    to_open.pop_back();
    for (const Crossing& crossing : crossings[index]) {
      __builtin_prefetch(&bundles[crossing.bundle]);
      __builtin_prefetch(&steps[crossing.step]);
    }
    for (const Crossing& crossing : crossings[index]) {
      const Bundle& bundle = bundles[crossing.bundle];
      if (bundle.seen == stamp || (bundle.level < floor && bundle.level != free_level)) continue;
      free_bundle(crossing.bundle);
    }
  }
}

void FlowNetwork::State::open(LinkIndex index) {
  links[index].opened = true;
  links[index].changed = false;
  to_open.push_back(index);
}

void FlowNetwork::State::free_bundle(BundleIndex index) {
  Bundle& bundle = bundles[index];
  bundle.seen = stamp;
  bring_up_to_date(bundle);
  region_bundles.push_back(index);
  const Step* const path = steps.data() + bundle.path;
  for (std::uint32_t s = 0; s < bundle.length; ++s) {
    Link& link = links[path[s].link];
    if (link.seen != stamp) meet(path[s].link);
    if (!link.opened && (link.changed || spreads_to(link))) open(path[s].link);
  }
  release(bundle);
}

// Links that hold others back feel most changes of those. Guessing so is right in small regions, where it
// saves fillings; in large ones a change dies away, and only what is found in conflict is opened.
bool FlowNetwork::State::spreads_to(const Link& link) const {
  if (fillings >= most_partial_fillings) return true;
  return link.held > 0 && region_links.size() < small_region;
}

void FlowNetwork::State::release(Bundle& bundle) {
  if (bundle.holder != no_link) --links[bundle.holder].held;
  bundle.holder = no_link;
  bundle.level = free_level;
  const Step* const path = steps.data() + bundle.path;
  for (std::uint32_t s = 0; s < bundle.length; ++s) {
    Link& link = links[path[s].link];
    link.load += path[s].load;
    ++link.free;
  }
}

void FlowNetwork::State::release_all_again() {
  for (const LinkIndex index : region_links) links[index].reset();
  for (const BundleIndex index : region_bundles) release(bundles[index]);
}

void FlowNetwork::State::account_for_fixed_bundles(LinkIndex index) {
  Link& link = links[index];
  for (const Crossing& crossing : crossings[index]) {
    const Bundle& bundle = bundles[crossing.bundle];
    link.left -= steps[crossing.step].load * bundle.level;
    link.fixed_highest = std::max(link.fixed_highest, bundle.level);
    if (bundle.holder == index) link.end = std::min(link.end, bundle.end);
  }
  link.holds_fixed = link.held > 0;
}

void FlowNetwork::State::fill() {
  candidates.clear();
  for (const LinkIndex index : region_links) {
    const Link& link = links[index];
    if (link.free != crossings[index].size()) account_for_fixed_bundles(index);
    if (link.free > 0) candidates.push_back({link.left / link.load, index});
  }
  double level = 0;
  if (candidates.size() <= small_region) {
    for (LinkIndex full = first_to_fill_up(); full != no_link; full = first_to_fill_up())
      hold_bundles_of(full, level);
    return;
  }
  std::make_heap(candidates.begin(), candidates.end(), later);
  while (!candidates.empty()) {
    const LinkIndex full = take_first_to_fill_up();
    if (links[full].free > 0) hold_bundles_of(full, level);
  }
}

// Of few candidates: looks at all, without branches, for which one is less is chance.
LinkIndex FlowNetwork::State::first_to_fill_up() const {
  double least = every_level;
  LinkIndex place = no_link;
  for (const Candidate& candidate : candidates) {
    const Link& link = links[candidate.link];
    const double level = link.free == 0 ? every_level : link.left / link.load;
    const bool less = level < least;
    place = less ? candidate.link : place;
    least = less ? level : least;
  }
  return place;
}

// Of many: a link's level only grows while others are held, so that the heap may hold outdated ones: only the
// first is ever brought up to date.
LinkIndex FlowNetwork::State::take_first_to_fill_up() {
  while (true) {
    std::pop_heap(candidates.begin(), candidates.end(), later);
    Candidate& first = candidates.back();
    const Link& link = links[first.link];
    const double current = link.free == 0 ? 0 : link.left / link.load;
    const bool still_first = candidates.size() == 1 || current < candidates.front().level;
    if (still_first || !(current > first.level * (1 + 1e-15))) {
      const LinkIndex index = first.link;
      candidates.pop_back();
      return index;
    }
    first.level = current;
    std::push_heap(candidates.begin(), candidates.end(), later);
  }
}

// `level` comes as that of the links before and leaves as this one's.
void FlowNetwork::State::hold_bundles_of(LinkIndex full, double& level) {
  // Computed anew: the running sums have lost digits where nearly all of a link is in use.
  double left = links[full].capacity, load = 0;
  for (const Crossing& crossing : crossings[full]) {
    const double held_at = bundles[crossing.bundle].level;
    const double load_here = steps[crossing.step].load;
    left -= load_here * held_at;
    load += held_at == free_level ? load_here : 0;
  }
  level = std::max(level, left / load);
  ORRERY_CHECK(level > 0);
  const double held_at = level;
  Link* const all = links.data();
  Picoseconds first_end = all[full].end;
  for (const Crossing& crossing : crossings[full]) {
    Bundle& bundle = bundles[crossing.bundle];
    if (bundle.level != free_level) continue;
    bundle.level = held_at;
    bundle.holder = full;
    bundle.end = end_of(now, bundle.due - bundle.gone, held_at);
    first_end = std::min(first_end, bundle.end);
    const Step* const path = steps.data() + bundle.path;
    const std::uint32_t length = bundle.length;
    for (std::uint32_t s = 0; s < length; ++s) {
      Link& link = all[path[s].link];
      link.load -= path[s].load;
      link.left -= path[s].load * held_at;
      link.highest = held_at;
      --link.free;
    }
    ++all[full].held;
  }
  all[full].end = first_end;
  all[full].holds_freed = true;
}

bool FlowNetwork::State::in_conflict(const Link& link) const {
  if (link.fixed_highest == 0) return false;
  if (link.holds_fixed) {
    if (link.left > link.capacity * slack) return true;
    if (link.highest > link.fixed_highest * (1 + tie)) return true;
  }
  return link.holds_freed && link.fixed_highest > link.highest * (1 + tie);
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
