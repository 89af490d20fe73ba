#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/flow_network.hpp"
#include "sim/units.hpp"

namespace orrery {

/// A collective as data: its flows with their paths, before any clock. A FlowNetwork takes them as they
/// are.
struct FlowPlan {
  struct Flow {
    Bytes size;
    double weight = 1;                     ///< In proportion to the size, mean 1.
    std::uint32_t source, destination;     ///< GPUs of the fabric.
    std::uint32_t first_link, link_count;  ///< Into `links`.
  };
  std::vector<Flow> flows;
  std::vector<PathLink> links;

  std::span<const PathLink> path(const Flow& flow) const {
    return {links.data() + flow.first_link, flow.link_count};
  }
};

/// From place `first` on, links that stand twice become one with both shares, as where a detour round a fault
/// and the forwarding use the same port.
void merge_twice_crossed(std::vector<PathLink>& path, std::size_t first);

/// Weights each flow by its size. Alone on a network, flows so weighted end exactly at `bound`: those on
/// the busiest link share it in proportion to what they have to send, all others are at least as fast.
void weigh_by_size(FlowPlan& plan);

/// Bytes that cross each link, shares counted.
std::vector<double> link_loads(const FlowPlan& plan, std::size_t link_count);

/// No way to carry the plan is faster: the largest load over capacity.
Seconds bound(const FlowPlan& plan, std::span<const BytesPerSecond> capacity);

}  // namespace orrery
