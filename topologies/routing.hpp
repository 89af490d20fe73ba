#pragma once

#include <cstdint>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// Links from one GPU to another, in order; empty from a GPU to itself.
///
///   same node         NVLink out, NVLink in;
///   same plane        NIC out, up to the lowest common layer, down, NIC in;
///   another plane     NVLink to the node's GPU with the wanted plane's NIC first, then as above.
///
/// Where several cables lead on, the flow takes one by a hash: SplitMix64 over (source NIC, destination
/// NIC, flow), mixed anew with every switch it meets, so that one choice does not decide the next. So
/// routes are ECMP (static for the life of a flow), minimal, and the same in every run.
/// Checked    against Boost.Graph breadth-first search: length, and the number of different paths.
/// Leaves out adaptive routing, and the tables of a real subnet manager.
std::vector<LinkIndex> route(const Fabric& fabric, GpuIndex source, GpuIndex destination, std::uint64_t flow);

/// The same, appended: for callers that lay out many paths in one row.
void append_route(const Fabric& fabric, GpuIndex source, GpuIndex destination, std::uint64_t flow,
                  std::vector<LinkIndex>& path);

/// Between the NICs of two GPUs alone, from NIC out to NIC in. Precondition: on the same plane.
void append_network_route(const Fabric& fabric, GpuIndex source, GpuIndex destination, std::uint64_t flow,
                          std::vector<LinkIndex>& path);

/// End-to-end time of a small message.
Seconds path_latency(const Fabric& fabric, const std::vector<LinkIndex>& path);

}  // namespace orrery
