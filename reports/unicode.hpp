#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orrery {

/// The code points of UTF-8 text; every byte that is not part of a well-formed one (overlong,
/// surrogate, cut off, above U+10FFFF) becomes U+FFFD, as the files we write must be UTF-8.
std::vector<char32_t> code_points(std::string_view text);
void append_utf8(std::string& text, char32_t point);
std::string valid_utf8(std::string_view text);

/// Columns of a terminal: 0 for combining marks, 2 for East Asian wide and emoji, else 1. Ranges of
/// Unicode 15 EastAsianWidth (W, F) and of the Mn/Cf blocks that names are likely to hold. Leaves out
/// emoji sequences (joined by U+200D), which terminals disagree about.
int display_width(char32_t point);
int display_width(std::string_view text);

/// Fit for one line of a terminal or a mail: valid UTF-8, and control characters (an escape sequence
/// in a name could repaint the screen) become U+FFFD; tabs and line ends become spaces.
std::string one_line(std::string_view text);

/// For terminals without UTF-8: signs we use become their ASCII spelling, the rest '?'.
std::string to_ascii(std::string_view text);

}  // namespace orrery
