#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// Questions about a fabric that Boost.Graph answers: slow and general, they know no structure. The
/// PCIe hop between a GPU and its NIC counts as an edge here (of no latency and endless capacity).

/// Fewest edges from `source` to every vertex; `unreachable` where there is no way.
constexpr std::uint32_t unreachable = UINT32_MAX;
std::vector<std::uint32_t> hops_from(const Fabric& fabric, VertexIndex source);

/// How many different shortest paths lead from one vertex to another; parallel cables are different.
std::uint64_t shortest_paths(const Fabric& fabric, VertexIndex from, VertexIndex to);

/// Most bytes a second that can go from the sources together to the sinks together (push-relabel).
BytesPerSecond max_flow(const Fabric& fabric, std::span<const VertexIndex> sources,
                        std::span<const VertexIndex> sinks);

}  // namespace orrery
