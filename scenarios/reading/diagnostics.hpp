#pragma once

#include <span>
#include <string>
#include <vector>

#include "scenarios/reading/value.hpp"
#include "sim/finding.hpp"

namespace orrery {

/// Who has to act: the author of the input (exit code 2), or whoever keeps the machine (exit code 1).
enum class Fault : std::uint8_t { Input, World };

/// A finding with its places in the text; several when it is about several keys.
struct Diagnostic {
  std::string key, problem, remedy;
  std::vector<Place> places;
  Fault fault = Fault::Input;
};
using Diagnostics = std::vector<Diagnostic>;

/// By source and position; what has no place comes first.
void sort_by_place(Diagnostics& diagnostics);

/// As compilers print it: the problem, --> file:line:column, the line with a caret under it, and help.
///
///     error: network.nic_achieved: cannot read "50 GB" as a bandwidth
///       --> a.toml:4:16
///        |
///       4| nic_achieved = "50 GB"
///        |                ^^^^^^^
///        = help: ...
///
/// Characters that could move a terminal's cursor are shown as '?'.
std::string diagnostics_text(const Diagnostics& diagnostics, std::span<const SourceText> sources);
/// The same for programs: a JSON list of objects with key, problem, remedy and places.
std::string diagnostics_json(const Diagnostics& diagnostics, std::span<const SourceText> sources);

/// "a.toml:4:16"; for an argument "--set".
std::string place_text(const Place& place, std::span<const SourceText> sources);

}  // namespace orrery
