#pragma once

#include <cstdint>

#include "sim/units.hpp"

namespace orrery {

/// The clock counts whole picoseconds (int64: 106 days), so equal times are equal exactly and sums do
/// not depend on their order. Costs are computed in `Seconds`; `to_picoseconds` is the only bridge in.
using Picoseconds = Quantity<struct PicosecondsKind, std::int64_t>;

constexpr Picoseconds never{INT64_MAX};

/// Rounds up, so that nothing finishes early. Precondition: not negative and below 9e6 s.
constexpr Picoseconds to_picoseconds(Seconds time) {
  const double exact = time.value() * 1e12;
  const auto whole = std::int64_t(exact);
  return Picoseconds(double(whole) < exact ? whole + 1 : whole);
}

constexpr Seconds to_seconds(Picoseconds time) { return Seconds(double(time.value()) * 1e-12); }

}  // namespace orrery
