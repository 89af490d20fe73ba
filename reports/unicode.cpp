#include "reports/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace orrery {
namespace {

constexpr char32_t replacement = U'\uFFFD';

/// The well-formed code point at the head of `text` and its length in bytes; length 0 if there is none.
std::pair<char32_t, std::size_t> first_point(std::string_view text) {
  const auto head = std::uint8_t(text[0]);
  if (head < 0x80) return {head, 1};
  const std::size_t length = head >= 0xF0 ? 4 : head >= 0xE0 ? 3 : 2;
  if (head < 0xC2 || head > 0xF4 || text.size() < length) return {replacement, 0};
  char32_t point = head & (0xFF >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = std::uint8_t(text[i]);
    if ((next & 0xC0) != 0x80) return {replacement, 0};
    point = point << 6 | (next & 0x3F);
  }
  const char32_t least = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < least || point > 0x10FFFF || surrogate) return {replacement, 0};
  return {point, length};
}

struct Range {
  char32_t first, last;
};
constexpr std::array<Range, 13> zero_wide{{{0x0300, 0x036F},
                                           {0x0483, 0x0489},
                                           {0x0591, 0x05BD},
                                           {0x064B, 0x065F},
                                           {0x1AB0, 0x1AFF},
                                           {0x1DC0, 0x1DFF},
                                           {0x200B, 0x200F},
                                           {0x202A, 0x202E},
                                           {0x2060, 0x2064},
                                           {0x20D0, 0x20F0},
                                           {0xFE00, 0xFE0F},
                                           {0xFE20, 0xFE2F},
                                           {0xFEFF, 0xFEFF}}};
constexpr std::array<Range, 14> two_wide{{{0x1100, 0x115F},
                                          {0x231A, 0x231B},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0x4DBF},
                                          {0x4E00, 0xA4CF},
                                          {0xA960, 0xA97C},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F680, 0x1F9FF},
                                          {0x20000, 0x3FFFD}}};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t point) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [point](Range range) { return point >= range.first && point <= range.last; });
}

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7F && point < 0xA0); }

constexpr std::array<std::pair<char32_t, std::string_view>, 24> spellings{{
    {U'µ', "u"},  {U'\u03BC', "u"}, {U'×', "x"},      {U'·', "*"},      {U'→', "->"}, {U'←', "<-"},
    {U'–', "-"},  {U'—', "--"},     {U'\u2212', "-"}, {U'≤', "<="},     {U'≥', ">="}, {U'≈', "~"},
    {U'±', "+-"}, {U'…', "..."},    {U'\u00A0', " "}, {U'\u202F', " "}, {U'‘', "'"},  {U'’', "'"},
    {U'“', "\""}, {U'”', "\""},     {U'°', " deg"},   {U'²', "^2"},     {U'³', "^3"}, {U'€', "EUR"},
}};

}  // namespace

std::vector<char32_t> code_points(std::string_view text) {
  std::vector<char32_t> points;
  while (!text.empty()) {
    const auto [point, length] = first_point(text);
    points.push_back(point);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return points;
}

void append_utf8(std::string& text, char32_t point) {
  const auto continuation = [](char32_t bits) { return char(0x80 | (bits & 0x3F)); };
  if (point < 0x80) {
    text += char(point);
  } else if (point < 0x800) {
    text += {char(0xC0 | point >> 6), continuation(point)};
  } else if (point < 0x10000) {
    text += {char(0xE0 | point >> 12), continuation(point >> 6), continuation(point)};
  } else {
    text +=
        {char(0xF0 | point >> 18), continuation(point >> 12), continuation(point >> 6), continuation(point)};
  }
}

std::string valid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char32_t point : code_points(text)) append_utf8(result, point);
  return result;
}

int display_width(char32_t point) {
  if (point < 0x300) return is_control(point) ? 0 : 1;
  if (in(zero_wide, point)) return 0;
  return in(two_wide, point) ? 2 : 1;
}

int display_width(std::string_view text) {
  int width = 0;
  for (const char32_t point : code_points(text)) width += display_width(point);
  return width;
}

std::string one_line(std::string_view text) {
  std::string result;
  for (const char32_t point : code_points(text)) {
    const bool blank = point == '\t' || point == '\n' || point == '\r';
    append_utf8(result, blank ? U' ' : is_control(point) ? replacement : point);
  }
  return result;
}

std::string to_ascii(std::string_view text) {
  std::string result;
  for (const char32_t point : code_points(text)) {
    const auto spelling = std::find_if(spellings.begin(), spellings.end(),
                                       [point](const auto& row) { return row.first == point; });
    if (point < 0x80) {
      result += char(point);
    } else if (spelling != spellings.end()) {
      result += spelling->second;
    } else if (display_width(point) > 0) {
      result += '?';
    }
  }
  return result;
}

}  // namespace orrery
