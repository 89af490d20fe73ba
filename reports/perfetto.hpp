#pragma once

#include <string>

#include "sim/timeline.hpp"

namespace orrery {

/// The timeline as a Perfetto trace (protobuf), for ui.perfetto.dev and trace_processor: one process
/// an actor, one track a stream under it, in the order of `actors` and `streams`; actors and streams
/// without a slice are left out. Each name is stored once. An arrow goes from slice to slice as a flow.
///
/// Units    nanoseconds, as the format has nothing finer: times are rounded down, which keeps order
///          and nesting; two slices under a nanosecond apart may touch.
/// Source   protos/perfetto/trace/{trace_packet,track_event/*}.proto: field numbers in the code.
/// Checked  tests/reports/perfetto_test.cpp decodes every slice and arrow back.
/// Precondition: indices are in range, start <= end, slices of one (actor, stream) do not overlap.
std::string to_perfetto(const Timeline& timeline);

}  // namespace orrery
