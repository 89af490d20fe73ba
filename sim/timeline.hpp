#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/time.hpp"

namespace orrery {

/// What happened, as columns: slices of named work on the streams of actors, and arrows between them.
/// An actor is whatever the run says it is (a rank); the timeline does not know.
struct Timeline {
  struct Slice {
    std::uint32_t actor;   ///< Into `actors`.
    std::uint32_t stream;  ///< Into `streams`; slices of one (actor, stream) do not overlap.
    std::uint32_t name;    ///< Into `names`.
    Picoseconds start, end;
  };
  /// From the end of one slice to the start of another: a message from send to receive.
  struct Arrow {
    std::uint32_t from, to;  ///< Into `slices`.
  };
  std::vector<std::string> actors, streams, names;
  std::vector<Slice> slices;
  std::vector<Arrow> arrows;
};

}  // namespace orrery
