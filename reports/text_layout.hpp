#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reports/style.hpp"

namespace orrery {

enum class Align { Left, Right };

/// Spaces up to `width` columns of a terminal; longer text stays whole.
std::string padded(std::string_view text, int width, Align align);

/// Lines of at most `width` columns, broken between words; a longer word is broken inside. Line ends
/// in the text are kept. At least one line; words of one line are one space apart, but the spaces
/// before a line's first word stay. Precondition: width >= 2, so that any character fits.
std::vector<std::string> wrapped(std::string_view text, int width);

/// Cut to `width` columns, the cut shown by an ellipsis.
std::string shortened(std::string_view text, int width, Glyphs glyphs);

/// A bar `share` (clamped to 0..1) of `width` columns long, to an eighth of a column, without padding;
/// in ASCII to a whole column. More than nothing shows at least the thinnest stroke.
std::string bar(double share, int width, Glyphs glyphs);

}  // namespace orrery
