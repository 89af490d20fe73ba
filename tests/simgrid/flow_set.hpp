#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/flow_network.hpp"

namespace orrery {

/// Flows of one experiment that two simulators run: ours and SimGrid.
struct FlowSet {
  struct Flow {
    std::uint32_t from = 0, to = 0;  ///< Hosts; one pair has one route.
    Bytes size{};
    Picoseconds start{};
    std::optional<std::uint32_t> after;  ///< Starts when this earlier flow ends, instead of at `start`.
    std::vector<LinkIndex> route;
  };
  std::uint32_t hosts = 0;
  std::vector<BytesPerSecond> capacity;
  std::vector<Flow> flows;
};

struct FlowEnds {
  std::vector<double> end_s;  ///< [flow]
  double took_s = 0;          ///< Wall clock of the simulation alone.
};

/// On `FlowNetwork`, an event at a time; every flow of weight 1 unless `by_size`.
enum class Weights { One, BySize };
FlowEnds ends_here(const FlowSet& set, Weights weights = Weights::One);

/// On SimGrid in a process of its own (`program`: the built witness.cpp), killed after `limit_s`; nothing
/// then.
std::optional<FlowEnds> ends_in_simgrid(const FlowSet& set, const std::string& program, double limit_s);

}  // namespace orrery
