#include "scenarios/reading/diagnostics.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace orrery {
namespace {

bool known(const Place& place, std::span<const SourceText> sources) {
  return place.source >= 0 && place.source < int(sources.size());
}

std::string_view line_of(std::string_view text, int line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    shown += c == '\t' ? ' ' : byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return shown;
}

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// At most `wanted` columns around the place, so that a line of megabytes does not fill the screen.
struct Excerpt {
  std::string text;
  int caret, width;
};
Excerpt excerpt(std::string_view line, const Place& place) {
  constexpr int before = 60, widest = 110;
  const int first = place.column > before ? place.column - before : 1;
  int column = 0;
  std::string cut;
  for (const char c : line) {
    column += starts_code_point(c);
    if (column >= first + widest) break;
    if (column >= first) cut += c;
  }
  const int columns = int(std::ranges::count_if(cut, starts_code_point));
  const int caret = std::max(place.column - first, 0);
  return {printable(cut), caret, std::clamp(place.width, 1, std::max(columns - caret, 1))};
}

void add_place(std::string& text, const Place& place, std::span<const SourceText> sources) {
  const SourceText& source = sources[place.source];
  text += "  --> " + place_text(place, sources) + "\n";
  const Excerpt part = excerpt(line_of(source.text, place.line), place);
  const std::string number = source.kind == SourceKind::Argument ? "" : std::to_string(place.line);
  const std::string margin(std::max<std::size_t>(number.size(), 1), ' ');
  text += "  " + margin + "|\n  " + (number.empty() ? margin : number) + "| " + part.text + "\n  " + margin +
          "| ";
  text += std::string(part.caret, ' ') + std::string(part.width, '^') + "\n";
}

nlohmann::ordered_json place_json(const Place& place, std::span<const SourceText> sources) {
  return {{"source", sources[place.source].name}, {"line", place.line}, {"column", place.column}};
}

}  // namespace

void sort_by_place(Diagnostics& diagnostics) {
  std::ranges::stable_sort(diagnostics, {}, [](const Diagnostic& diagnostic) {
    return diagnostic.places.empty() ? Place{} : diagnostic.places.front();
  });
}

std::string place_text(const Place& place, std::span<const SourceText> sources) {
  if (!known(place, sources)) return "default";
  const SourceText& source = sources[place.source];
  if (source.kind == SourceKind::Argument) return source.name;
  return printable(source.name) + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

std::string diagnostics_text(const Diagnostics& diagnostics, std::span<const SourceText> sources) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    text += "error: " + printable(diagnostic.problem) + "\n";
    std::string margin = "   ";
    for (const Place& place : diagnostic.places) {
      if (!known(place, sources)) continue;
      add_place(text, place, sources);
      margin = std::string(2 + std::max<std::size_t>(std::to_string(place.line).size(), 1), ' ');
    }
    if (!diagnostic.remedy.empty()) text += margin + "= help: " + printable(diagnostic.remedy) + "\n";
    text += "\n";
  }
  return text;
}

std::string diagnostics_json(const Diagnostics& diagnostics, std::span<const SourceText> sources) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& diagnostic : diagnostics) {
    nlohmann::ordered_json entry{
        {"key", diagnostic.key}, {"problem", diagnostic.problem}, {"remedy", diagnostic.remedy}};
    entry["places"] = nlohmann::ordered_json::array();
    for (const Place& place : diagnostic.places)
      if (known(place, sources)) entry["places"].push_back(place_json(place, sources));
    list.push_back(std::move(entry));
  }
  // Bytes that are not UTF-8 (a file's name) are replaced instead of thrown about.
  return list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace orrery
