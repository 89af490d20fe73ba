// The only place that sees toml++. It is linked as a library: the header-only build aborts on some inputs.
#include <toml++/toml.h>

#include <algorithm>

#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

Place place_of(const toml::source_region& region, int source) {
  const int column = int(region.begin.column), line = int(region.begin.line);
  const bool one_line = region.end.line == region.begin.line && region.end.column > region.begin.column;
  return {source, std::max(line, 1), std::max(column, 1), one_line ? int(region.end.column) - column : 1};
}

struct Converter {
  int source;
  Diagnostics diagnostics;

  TableValue table(const toml::table& from, int depth) {
    TableValue to;
    for (const auto& [key, node] : from)
      to.push_back({std::string(key.str()), place_of(key.source(), source), value(node, depth)});
    // toml++ iterates by name.
    std::ranges::stable_sort(to, {}, &Member::place);
    return to;
  }

  Value value(const toml::node& from, int depth) {
    Value to{false, place_of(from.source(), source)};
    if (depth > deepest_nesting) {
      if (diagnostics.empty())
        diagnostics.push_back(
            {"", "values are nested deeper than 16", "keep scenarios at two levels", {to.place}});
      return to;
    }
    if (const auto* nested = from.as_table()) {
      to.data = table(*nested, depth + 1);
    } else if (const auto* list = from.as_array()) {
      Array items;
      for (const toml::node& item : *list) items.push_back(value(item, depth + 1));
      to.data = std::move(items);
    } else if (const auto* text = from.as_string()) {
      to.data = text->get();
    } else if (const auto* integer = from.as_integer()) {
      to.data = std::int64_t(integer->get());
    } else if (const auto* number = from.as_floating_point()) {
      to.data = number->get();
    } else if (const auto* truth = from.as_boolean()) {
      to.data = truth->get();
    } else {
      to.data = OtherValue{"a date or time"};
    }
    return to;
  }
};

std::string first_line(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  constexpr std::size_t longest = 300;
  if (line.size() > longest) line.resize(longest);
  return line;
}

std::string remedy_for(std::string_view problem) {
  if (problem.find("expected a comment or whitespace") != std::string_view::npos)
    return "a quantity with a unit is written in quotes, as in \"50 GB/s\"";
  if (problem.find("expected '='") != std::string_view::npos) return "write key = value";
  return "";
}

}  // namespace

ParsedText parse_toml(std::string_view text, int source) {
  ParsedText parsed;
  try {
    const toml::table root = toml::parse(text);
    Converter converter{source, {}};
    parsed.root = converter.table(root, 1);
    parsed.diagnostics = std::move(converter.diagnostics);
  } catch (const toml::parse_error& error) {
    const std::string problem = first_line(error.description());
    parsed.diagnostics.push_back({"", problem, remedy_for(problem), {place_of(error.source(), source)}});
  }
  return parsed;
}

std::optional<Value> parse_toml_value(std::string_view text, int source, int column) {
  constexpr std::string_view prefix = "x = ";
  if (text.find_first_of("\n\r#") != std::string_view::npos)
    return std::nullopt;  // Would be more than a value.
  ParsedText parsed = parse_toml(std::string(prefix) + std::string(text), source);
  if (!parsed.diagnostics.empty() || parsed.root.size() != 1) return std::nullopt;
  const int shift = column - 1 - int(prefix.size());
  struct Mover {
    int by;
    void operator()(Value& value) const {
      value.place.column += by;
      if (auto* list = std::get_if<Array>(&value.data)) std::ranges::for_each(*list, *this);
      if (auto* table = std::get_if<TableValue>(&value.data)) {
        for (Member& member : *table) {
          member.place.column += by;
          (*this)(member.value);
        }
      }
    }
  };
  Mover{shift}(parsed.root.front().value);
  return std::move(parsed.root.front().value);
}

}  // namespace orrery
