#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "sim/flow_network.hpp"
#include "sim/link_schedule.hpp"

namespace orrery {

/// What a flow network remembers. Private to flow_network.cpp (starts, ends, the clock), flow_bundles.cpp
/// (which flows run side by side) and flow_network_update.cpp (new rates).
///
/// Flows of one path and the same shares have the same level, whatever their weights and sizes: they are one
/// bundle, and only bundles are shared out. A bundle counts what it has carried for each unit of weight
/// ("gone"); a flow of it ends when that reaches the flow's "due". So the end of one of many is found without
/// looking at the others.
///
/// Between updates, outside of links marked `changed`, the rates are max-min fair: every bundle is held by a
/// full link of its path on which no bundle has a higher level.
///
/// Sizes and rates are kept per unit of weight (bytes, and "level" in bytes per second), so that flows whose
/// weights are in proportion to their sizes have the same need to the last bit, and end together.
struct FlowNetwork::State {
  explicit State(std::size_t count) : links(count), link_records(count), crossings(count), schedule(count) {}

  using BundleIndex = std::uint32_t;

  struct alignas(64) Bundle {  // One cache line.
    double gone;               // Carried per unit of weight up to `since` ...
    double due;                // ... and at the end of the first of its flows.
    double level;              // `free_level` until an update holds the bundle.
    Picoseconds since;         // When `gone` was last brought up to date.
    Picoseconds end;           // Of its first flow, if nothing else changes.
    LinkIndex holder;          // The full link that allows no higher level.
    std::uint32_t path;        // First of its steps.
    std::uint32_t length;      // Of its path.
    std::uint32_t flows;
    std::uint32_t seen;  // The last update that freed it.
    FlowIndex first;     // The flow that ends first.
  };
  struct Member {
    double due;
    FlowIndex flow;
  };
  struct Others {                 // The flows of a bundle besides its first.
    double weight;                // Of all, the first too; unspecified while it is alone.
    std::vector<Member> members;  // A heap: the next to end is in front.
  };
  struct Flow {
    Bytes size;
    std::uint64_t started;  // How many flows started before it.
    double weight;
    BundleIndex bundle;
    std::uint32_t tag;
  };
  struct Step {   // A link of a bundle's path.
    double load;  // share * weight: bytes that cross for each unit of level.
    LinkIndex link;
    std::uint32_t place;  // In the link's crossings.
    float share;
  };
  struct Crossing {  // A bundle of a link.
    BundleIndex bundle;
    std::uint32_t step;
    std::uint32_t path_key;  // Differs where paths do, nearly always.
  };
  struct alignas(64) Link {  // One cache line.
    double capacity;
    std::uint32_t held = 0;  // Bundles that it holds back.
    std::uint32_t seen = 0;  // The last update that met it.
    bool changed = false;    // Waits for an update.
    // Only during an update:
    bool opened;           // Its bundles have been freed.
    bool holds_fixed;      // Holds back bundles that were not freed ...
    bool holds_freed;      // ... or some that were.
    std::uint32_t free;    // Free bundles on it, ...
    double load;           // ... their load ...
    double left;           // ... and what they may take.
    double highest;        // Level of the last bundle freed and held again.
    double fixed_highest;  // Highest level of the bundles that were not freed; zero when there are none.
    Picoseconds end;       // When the first flow of all that it holds back ends.
    void reset() {
      holds_fixed = holds_freed = false;
      free = 0;
      load = highest = fixed_highest = 0;
      left = capacity;
      end = never;
    }
  };
  struct LinkRecord {
    Bytes carried{};
    Picoseconds busy{};
    Picoseconds busy_since{};
    std::uint32_t flows = 0;
  };
  struct Candidate {
    double level;  // At which the link fills up, or less: it only grows while bundles are held.
    LinkIndex link;
  };
  struct Finished {
    Picoseconds at;
    std::uint64_t started;
    FlowIndex flow;
  };

  static constexpr double free_level = 0;
  static constexpr double every_level = std::numeric_limits<double>::infinity();
  static constexpr BundleIndex no_bundle = UINT32_MAX;

  std::vector<Link> links;
  std::vector<LinkRecord> link_records;
  std::vector<std::vector<Crossing>> crossings;  // Of each link.

  std::vector<Bundle> bundles;
  std::vector<Others> others;  // Of each bundle.
  std::vector<Step> steps;
  std::vector<std::vector<BundleIndex>>
      spare_bundles;  // To use again, by the binary logarithm of their room.

  std::vector<Flow> flows;
  std::vector<FlowIndex> spare_flows;

  LinkSchedule schedule;           // When each link that holds bundles back loses the first of their flows.
  std::vector<LinkIndex> changed;  // Links that wait for an update ...
  double floor = every_level;      // ... which leaves alone all bundles of lower levels.
  std::vector<Finished> finished;  // Not handed out yet.
  Picoseconds now{};
  std::uint64_t started = 0, updates = 0;
  std::uint32_t stamp = 0;  // Of the update under way: its number, until 32 bits are through.

  // Kept between calls for their memory alone.
  std::vector<BundleIndex> due;
  std::vector<LinkIndex> region_links, to_open;
  std::vector<BundleIndex> region_bundles;
  std::vector<Candidate> candidates;
  std::uint32_t fillings = 0;  // Of the update under way.

  // flow_network.cpp
  void mark(LinkIndex link, double lowest_level_in_doubt);
  void run_to(Picoseconds until);
  void retire();

  // flow_bundles.cpp
  void join(FlowIndex index, std::span<const PathLink> path);
  void leave_those_due(BundleIndex index);
  BundleIndex find_bundle(std::span<const PathLink> path, std::uint32_t path_key) const;
  BundleIndex make_bundle(std::span<const PathLink> path, std::uint32_t path_key);
  void remove_bundle(BundleIndex index);
  void weigh(const Bundle& bundle, double weight);
  void bring_up_to_date(Bundle& bundle) const;

  // flow_network_update.cpp
  void settle();
  void update(LinkIndex seed);
  void stamp_anew();
  void meet(LinkIndex link);
  void open(LinkIndex link);
  void open_all();
  void free_bundle(BundleIndex index);
  void release(Bundle& bundle);
  void release_all_again();
  bool spreads_to(const Link& link) const;
  void account_for_fixed_bundles(LinkIndex index);
  void fill();
  LinkIndex first_to_fill_up() const;
  LinkIndex take_first_to_fill_up();
  void hold_bundles_of(LinkIndex full, double& level);
  bool in_conflict(const Link& link) const;
  void publish();
};

// `gone` of a flow alone is counted from its last change, so that its need loses no digits however long it
// takes.
inline void FlowNetwork::State::bring_up_to_date(Bundle& bundle) const {
  bundle.gone += bundle.level * (double((now - bundle.since).value()) * 1e-12);
  bundle.since = now;
  if (bundle.flows != 1) return;
  bundle.due = std::max(0.0, bundle.due - bundle.gone);
  bundle.gone = 0;
}

/// The first whole picosecond at which a need (bytes per unit of weight) is met at a level, or very nearly.
inline Picoseconds end_of(Picoseconds since, double need, double level) {
  const double exact = need / level * 1e12;
  if (!(exact < 0.999 * double((never - since).value()))) return never;
  const double target = exact - (1e-3 + exact * 0x1p-48);
  auto whole = std::int64_t(target);
  if (double(whole) < target) ++whole;
  return since + Picoseconds(std::max<std::int64_t>(whole, 1));
}

}  // namespace orrery
