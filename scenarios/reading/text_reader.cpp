#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

/// Where the first byte lies that is not part of well-formed UTF-8 (overlong forms and surrogates refused).
std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) {
      return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned lead = byte(at);
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4) return at;
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    for (int i = 1; i <= more; ++i)
      if ((byte(at + i) & 0xC0) != 0x80) return at;
    const unsigned second = byte(at + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return at;
    at += 1 + more;
  }
  return std::nullopt;
}

}  // namespace

bool is_utf8(std::string_view text) { return !first_bad_byte(text); }

ParsedText parse_text(const SourceText& text, int source) {
  if (const auto bad = first_bad_byte(text.text)) {
    Place place{source, 1, 1, 1};
    for (const char c : std::string_view(text.text).substr(0, *bad)) {
      place.line += c == '\n';
      place.column = c == '\n' ? 1 : place.column + ((static_cast<unsigned char>(c) & 0xC0) != 0x80);
    }
    return {{}, {{"", "the file is not valid UTF-8", "save it as UTF-8", {place}}}};
  }
  return text.name.ends_with(".json") ? parse_json(text.text, source) : parse_toml(text.text, source);
}

}  // namespace orrery
