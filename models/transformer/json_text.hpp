#pragma once

#include <string_view>

#include "sim/finding.hpp"

namespace orrery {

inline constexpr std::size_t largest_json_text = 4 << 20;  ///< Bytes; a real config.json has some kilobytes.
inline constexpr int deepest_json_nesting = 32;            ///< A real config.json nests three deep.

/// What keeps a text from being JSON that can be read safely: too long, broken (with line, column and
/// byte), nested too deep, or a key given twice, of which a parser would silently keep the last.
Findings check_json_text(std::string_view text);

}  // namespace orrery
