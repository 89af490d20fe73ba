#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/finding.hpp"

namespace orrery {

/// One key and the values it takes: "cluster.topology=rail-only,torus".
struct Variation {
  std::string key;
  std::vector<std::string> values;  ///< As a TOML value or a bare word, at least one.
};

/// Reads KEY=VALUE,VALUE,...; commas inside brackets and quotes belong to a value. Findings are about a word
/// without '=', without a key, or with an empty value.
Checked<Variation> read_variation(const std::string& argument);

/// Every combination, the last variation fastest, each as the arguments of --set. No variation: one, empty.
std::vector<std::vector<std::string>> combinations(std::span<const Variation> variations);

}  // namespace orrery
