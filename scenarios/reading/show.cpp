#include "scenarios/reading/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/scenario.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\u{:04X}", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";  // An integer is another type.
  return text;
}

std::string origin(const Place& place, const Document& document) {
  if (place.source < 0 || place.source >= int(document.sources.size())) return "default";
  const SourceText& source = document.sources[place.source];
  if (source.kind == SourceKind::Argument) return source.name;
  return source.name.substr(source.name.rfind('/') + 1) + ":" + std::to_string(place.line);
}

/// A path is written as seen from where the program runs, as the resolved file may lie anywhere.
std::string written(const KeyRow& row, const Value& value, const Document& document) {
  const auto* text = std::get_if<std::string>(&value.data);
  const bool path = row.shape.type == ValueType::Data || row.shape.type == ValueType::File;
  if (!path || !text) return toml_text(value);
  const bool from_file =
      value.place.source >= 0 && document.sources[value.place.source].kind == SourceKind::File;
  const std::string beside = from_file ? document.sources[value.place.source].name : "";
  return in_quotes(row.shape.type == ValueType::File ? file_beside(*text, beside)
                                                     : path_beside(*text, beside));
}

/// One line of the resolved scenario.
struct Shown {
  const KeyRow* row;
  std::string value, origin;  ///< The value as TOML.
};

std::vector<Shown> shown_in(std::string_view section, const TableValue* table, const Document& document) {
  std::vector<Shown> shown;
  for (const KeyRow& row : scenario_keys()) {
    if (row.section() != section) continue;
    const Member* member = table ? find_member(*table, row.leaf()) : nullptr;
    const bool says_nothing = row.repeated() && row.missing.text == "\"\"";
    if (member) {
      shown.push_back({&row, written(row, member->value, document), origin(member->value.place, document)});
    } else if (row.missing.means == Missing::Means::Default && !says_nothing) {
      shown.push_back({&row, std::string(row.missing.text), "default"});
    }
  }
  return shown;
}

/// A table of the resolved scenario, or one element of a list of tables.
struct ShownSection {
  std::string_view name;
  bool repeated;
  std::vector<Shown> lines;
};

std::vector<ShownSection> shown_sections(const Document& document) {
  std::vector<ShownSection> sections;
  std::vector<std::string_view> done;
  for (const KeyRow& row : scenario_keys()) {
    const std::string_view name = row.section();
    if (std::find(done.begin(), done.end(), name) != done.end()) continue;
    done.push_back(name);
    const Member* member = name.empty() ? nullptr : find_member(document.root, name);
    if (row.repeated()) {
      const auto* list = member ? std::get_if<Array>(&member->value.data) : nullptr;
      for (const Value& item : list ? *list : Array{}) {
        sections.push_back({name, true, shown_in(name, std::get_if<TableValue>(&item.data), document)});
      }
      continue;
    }
    const TableValue* table = name.empty() ? &document.root
                              : member     ? std::get_if<TableValue>(&member->value.data)
                                           : nullptr;
    sections.push_back({name, false, shown_in(name, table, document)});
    if (sections.back().lines.empty() && !member) sections.pop_back();
  }
  return sections;
}

nlohmann::ordered_json json_of(const Value& value) {
  struct Writer {
    using Json = nlohmann::ordered_json;
    Json operator()(bool truth) const { return truth; }
    Json operator()(std::int64_t whole) const { return whole; }
    Json operator()(double real) const { return real; }
    Json operator()(const std::string& text) const { return text; }
    Json operator()(const OtherValue& other) const { return other.what; }
    Json operator()(const Array& list) const {
      Json all = Json::array();
      for (const Value& item : list) all.push_back(json_of(item));
      return all;
    }
    Json operator()(const TableValue& table) const {
      Json all = Json::object();
      for (const Member& member : table) all[member.name] = json_of(member.value);
      return all;
    }
  };
  return std::visit(Writer{}, value.data);
}

}  // namespace

std::string toml_text(const Value& value) {
  struct Writer {
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int64_t whole) const { return std::to_string(whole); }
    std::string operator()(double real) const { return number_text(real); }
    std::string operator()(const std::string& text) const { return in_quotes(text); }
    std::string operator()(const OtherValue& other) const { return in_quotes(other.what); }
    std::string operator()(const Array& list) const {
      std::string text;
      for (const Value& item : list) text += (text.empty() ? "" : ", ") + toml_text(item);
      return "[" + text + "]";
    }
    std::string operator()(const TableValue& table) const {
      std::string text;
      for (const Member& member : table)
        text += (text.empty() ? " " : ", ") + in_quotes(member.name) + " = " + toml_text(member.value);
      return "{" + text + " }";
    }
  };
  return std::visit(Writer{}, value.data);
}

std::string show_scenario(const Document& document) {
  std::string text;
  for (const ShownSection& section : shown_sections(document)) {
    const std::string name(section.name);
    if (!name.empty()) text += section.repeated ? "\n[[" + name + "]]\n" : "\n[" + name + "]\n";
    for (const Shown& line : section.lines)
      text += fmt::format("{} = {}  # {}\n", line.row->leaf(), line.value, line.origin);
  }
  return text;
}

nlohmann::ordered_json show_json(const Document& document) {
  nlohmann::ordered_json tree;
  for (const ShownSection& section : shown_sections(document)) {
    nlohmann::ordered_json lines;
    for (const Shown& line : section.lines) {
      const std::optional<Value> value = parse_toml_value(line.value, 0, 1);
      lines[line.row->leaf()] = {{"value", value ? json_of(*value) : nlohmann::ordered_json(line.value)},
                                 {"origin", line.origin}};
    }
    if (section.name.empty()) {
      tree = lines;
    } else if (section.repeated) {
      tree[section.name].push_back(lines);
    } else {
      tree[section.name] = lines;
    }
  }
  return tree;
}

}  // namespace orrery
