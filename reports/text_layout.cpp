#include "reports/text_layout.hpp"

#include <algorithm>
#include <cmath>

#include "reports/unicode.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

/// As much of the text as fits into `width` columns; at least one character. Removes it from `text`.
std::string take(std::string_view& text, int width) {
  std::string head;
  std::size_t taken = 0;
  for (const char32_t point : code_points(text)) {
    std::string next;
    append_utf8(next, point);
    if (!head.empty() && display_width(head) + display_width(point) > width) break;
    head += next;
    taken += next.size();
  }
  text.remove_prefix(std::min(taken, text.size()));
  return head;
}

void wrap_line(std::string_view line, int width, std::vector<std::string>& lines) {
  // An indent leaves room for a character of two columns.
  const std::size_t indent =
      std::min(line.find_first_not_of(' '), std::size_t(width) / 2 - (width < 4 ? 1 : 0));
  std::string current(line.substr(0, std::min(indent, line.size())));
  bool started = false;
  while (!line.empty()) {
    const std::size_t start = line.find_first_not_of(' ');
    if (start == std::string_view::npos) break;
    line.remove_prefix(start);
    std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    if (started && display_width(current) + 1 + display_width(word) > width) {
      lines.push_back(std::move(current));
      current.clear();
      started = false;
    }
    if (started) current += ' ';
    while (display_width(current) + display_width(word) > width) {
      current += take(word, width - display_width(current));
      lines.push_back(std::move(current));
      current.clear();
    }
    current += word;
    started = true;
  }
  lines.push_back(std::move(current));
}

}  // namespace

std::string padded(std::string_view text, int width, Align align) {
  const std::string blanks(std::size_t(std::max(0, width - display_width(text))), ' ');
  return align == Align::Left ? std::string(text) + blanks : blanks + std::string(text);
}

std::vector<std::string> wrapped(std::string_view text, int width) {
  ORRERY_CHECK(width >= 2);
  const std::string whole = valid_utf8(text);
  std::vector<std::string> lines;
  for (std::string_view rest = whole;;) {
    const std::size_t end = rest.find('\n');
    wrap_line(rest.substr(0, end), width, lines);
    if (end == std::string_view::npos) return lines;
    rest.remove_prefix(end + 1);
  }
}

std::string shortened(std::string_view text, int width, Glyphs glyphs) {
  if (display_width(text) <= width) return std::string(text);
  const std::string ellipsis = glyphs == Glyphs::Unicode ? "…" : "...";
  const int room = width - display_width(ellipsis);
  if (room <= 0) return std::string(std::size_t(std::max(0, width)), '.');
  std::string head = take(text, room);
  if (display_width(head) > room) head.clear();
  return head + ellipsis;
}

std::string bar(double share, int width, Glyphs glyphs) {
  if (!(share > 0) || width <= 0) return "";
  const double length = std::min(share, 1.0) * width;
  if (glyphs == Glyphs::Ascii) return std::string(std::size_t(std::max(1l, std::lround(length))), '#');
  const long eighths = std::max(1l, std::lround(8 * length));
  std::string result;
  for (long i = 0; i < eighths / 8; ++i) result += "█";
  if (eighths % 8 != 0) append_utf8(result, char32_t(0x2590 - eighths % 8));  // U+2589 is seven eighths.
  return result;
}

}  // namespace orrery
