#pragma once

#include <string_view>

#include "models/operation/failures.hpp"
#include "scenarios/reading/hardware.hpp"

namespace orrery {

/// Reads a built-in table of interruptions or a path of a TOML file: `gpus`, `observed`, `source`, and a list
/// of
/// [[cause]] with name, part, count and, where it is told beforehand, planned = "yes".
HardwareReading<FailureTable> read_failures(std::string_view name_or_path);

std::span<const Key<FailureTable>> failure_keys();

}  // namespace orrery
