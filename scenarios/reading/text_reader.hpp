#pragma once

#include <optional>
#include <string_view>

#include "scenarios/reading/diagnostics.hpp"
#include "scenarios/reading/value.hpp"

namespace orrery {

/// A table, or the one fault that stopped the parser.
struct ParsedText {
  TableValue root;
  Diagnostics diagnostics;
};

constexpr int deepest_nesting = 16;

bool is_utf8(std::string_view text);

/// Parses a text of the kind that its name ends in: JSON for ".json", else TOML. `source` goes into every
/// place. Refuses text that is not UTF-8 and values nested deeper than 16.
ParsedText parse_text(const SourceText& text, int source);
ParsedText parse_toml(std::string_view text, int source);
ParsedText parse_json(std::string_view text, int source);

/// The right side of `key = ...`; none when it is not a TOML value. `column` is where it starts on its line.
std::optional<Value> parse_toml_value(std::string_view text, int source, int column);

}  // namespace orrery
