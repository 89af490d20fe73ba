#pragma once

#include <optional>

namespace orrery {

/// What the command line changes about the small model and its training; the rest follows from the scenario's
/// model.
struct SmallModelSizes {
  std::optional<int> experts{}, per_token{}, groups{}, groups_per_token{};
  std::optional<int> hidden{}, layers{}, vocabulary{};
  std::optional<int> steps{}, sequences{}, length{}, held_out{};
};

}  // namespace orrery
