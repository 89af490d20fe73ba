#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sim/flow_network.hpp"
#include "sim/link_schedule.hpp"

namespace orrery {

/// What a flow network remembers. Private to flow_network.cpp (starts, ends, the clock) and
/// flow_network_update.cpp (new rates).
///
/// Between updates, outside of links marked `changed`, the rates are max-min fair: every flow is held by a
/// full link of its path on which no flow has a higher level.
///
/// Sizes and rates are kept per unit of weight ("need" in bytes, "level" in bytes per second), so that flows
/// whose weights are in proportion to their sizes have the same need to the last bit, and end together.
struct FlowNetwork::State {
  explicit State(std::size_t count) : links(count), link_records(count), crossings(count), schedule(count) {}

  struct Flow {
    double need;  // Left to carry at `since`.
    double weight;
    double level;        // `free_level` until an update holds the flow.
    Picoseconds since;   // When `need` was last brought up to date.
    Picoseconds end;     // If nothing else changes.
    std::uint64_t seen;  // The last update that freed it.
    LinkIndex holder;    // The full link that allows no higher level.
    std::uint32_t path;  // First of its steps.
    std::uint32_t length;
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
    std::uint64_t seen = 0;    // The last update that met it ...
    std::uint64_t opened = 0;  // ... and the last that freed its flows.
    std::uint32_t held = 0;    // Flows that it holds back.
    bool changed = false;      // Waits for an update.
    // Only during an update:
    std::uint32_t free;    // Free flows on it, ...
    double load;           // ... their load ...
    double left;           // ... and what they may take.
    double highest;        // Level of the last flow freed and held again.
    double fixed_highest;  // Highest level of the flows that were not freed; zero when there are none ...
    std::uint32_t fixed;   // ... and how many of them it holds back.
    Picoseconds end;       // When the first of all that it holds back ends.
  };
  struct LinkRecord {
    Bytes carried{};
    Picoseconds busy{};
    Picoseconds busy_since{};
  };
  struct Candidate {
    double level;  // At which the link fills up, or less: it only grows while flows are held.
    LinkIndex link;
  };
  struct Finished {
    Picoseconds at;
    std::uint64_t started;
    FlowIndex flow;
  };

  static constexpr double free_level = 0;
  static constexpr double every_level = std::numeric_limits<double>::infinity();
  static constexpr LinkIndex no_link = UINT32_MAX;

  std::vector<Link> links;
  std::vector<LinkRecord> link_records;
  std::vector<std::vector<Crossing>> crossings;  // Of each link.

  std::vector<Flow> flows;
  std::vector<FlowRecord> flow_records;
  std::vector<Step> steps;
  std::vector<std::vector<FlowIndex>> spare;  // Flows to use again, by the binary logarithm of their room.

  LinkSchedule schedule;           // When each link that holds flows back loses the first of them.
  std::vector<LinkIndex> changed;  // Links that wait for an update ...
  double floor = every_level;      // ... which leaves alone all flows of lower levels.
  std::vector<Finished> finished;  // Not handed out yet.
  Picoseconds now{};
  std::uint64_t started = 0, updates = 0;

  // Kept between calls for their memory alone.
  std::vector<FlowIndex> due;
  std::vector<LinkIndex> region_links, to_open;
  std::vector<FlowIndex> region_flows;
  std::vector<Candidate> candidates;
  std::uint32_t fillings = 0;  // Of the update under way.

  // flow_network.cpp
  FlowIndex make_flow(std::size_t length);
  void link_in(FlowIndex index);
  void link_out(FlowIndex index);
  void mark(LinkIndex link, double lowest_level_in_doubt);
  void run_to(Picoseconds until);
  void retire();

  // flow_network_update.cpp
  void settle();
  void update(LinkIndex seed);
  void open_all();
  void free_flow(FlowIndex index);
  void prepare();
  void account_for_fixed_flows(LinkIndex index);
  void fill();
  void hold_flows_of(LinkIndex full, double& level);
  bool in_conflict(const Link& link) const;
  void publish();
};

}  // namespace orrery
