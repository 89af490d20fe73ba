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

/// A box or a cable whose loss alone parts GPUs from the rest.
struct WeakPoint {
  std::string name;            ///< "leaf 0.3", "cable nic 5.0 - leaf 0.3".
  std::int64_t gpus_lost = 0;  ///< The smaller part, without the point itself.
};
/// Articulation points and bridges of the whole graph, NVLink and PCIe included, that part GPUs. Cables that
/// run in parallel are no bridge.
/// Checked    tests/topologies/survey_test.cpp: against removing every point in turn.
std::vector<WeakPoint> weak_points(const Fabric& fabric);

}  // namespace orrery
