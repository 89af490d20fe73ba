#pragma once

#include <string>
#include <string_view>

#include "models/routing/trace.hpp"

namespace orrery {

constexpr std::int64_t largest_trace_file = std::int64_t(256) << 20;  ///< Bytes.

/// The trace as the bytes of an HDF5 (and netCDF-4) file: the uint16 dataset `expert` [layer, token, slot]
/// and, as attributes of the file, `experts`, `per_token`, `groups`, `groups_per_token`, `model`,
/// `balancing`, and `text_hash` as sixteen hexadecimal digits. Same trace, same bytes.
/// Precondition: `check_choices` finds nothing.
std::string routing_trace_file(const RoutingTrace& trace);

/// The trace in the bytes of such a file, with choices that its gate can have made; or what is wrong with it.
/// `model`, `balancing` and `text_hash` may be missing. Keys are "routing.trace".
/// Checked  tests/scenarios/routing_trace_test.cpp: round trip, by h5py, every refusal, files cut off and
///          changed at random.
Checked<RoutingTrace> read_routing_trace(std::string_view bytes);

}  // namespace orrery
