#pragma once

#include <string_view>
#include <vector>

#include "sim/finding.hpp"

namespace orrery {

/// Lengths of answers as text: one number above 0 a line; empty lines and those that begin with # say
/// nothing. Findings name the line. Checked  tests/scenarios/length_list_test.cpp.
Checked<std::vector<double>> read_lengths(std::string_view text);

}  // namespace orrery
