#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/finding.hpp"

namespace orrery {

/// What a number with a unit measures.
enum class QuantityKind : std::uint8_t {
  Size,             ///< bytes
  Bandwidth,        ///< bytes/s, one direction
  Time,             ///< seconds
  Compute,          ///< floating-point operations/s
  Count,            ///< tokens, parameters, GPU-hours
  Power,            ///< watts
  Energy,           ///< joules
  Money,            ///< US dollars
  MoneyPerHour,     ///< US dollars an hour
  MoneyPerEnergy,   ///< US dollars a kilowatt-hour
  CarbonPerEnergy,  ///< kilograms of CO2 a kilowatt-hour
  Share,            ///< 0 ... 1
  Length,           ///< metres
};

std::string_view kind_name(QuantityKind kind);     ///< "bandwidth".
std::string_view kind_example(QuantityKind kind);  ///< "50 GB/s".
/// Whether a number without a unit is one too: counts and shares have no dimension.
constexpr bool bare_number_allowed(QuantityKind kind) {
  return kind == QuantityKind::Count || kind == QuantityKind::Share;
}
std::string kind_units(QuantityKind kind);  ///< Every unit of the kind, "B, kB, MB, ...".

/// Reads "50 GB/s" to SI. Grammar: number, optional spaces, unit; case matters, as GB and Gb differ eightfold
/// and kB is 1000 where KiB is 1024. Powers of ten are applied to the decimal digits before they become
/// binary, so "3.33 us" is exactly the constant 3.33e-6. Sizes and counts are rounded to whole ones.
/// A refusal names the kind that was found or the spellings that come close; its `key` is empty.
Checked<double> read_quantity(std::string_view text, QuantityKind kind);

}  // namespace orrery
