#include "scenarios/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/open_data.hpp"
#include "scenarios/scenario.hpp"

namespace orrery {
namespace {

std::string quoted(std::string_view text) {
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
  if (row.shape.type != ValueType::Data || !text) return toml_text(value);
  const bool from_file =
      value.place.source >= 0 && document.sources[value.place.source].kind == SourceKind::File;
  return quoted(path_beside(*text, from_file ? document.sources[value.place.source].name : ""));
}

void show_section(std::string& shown, std::string_view section, const TableValue* table,
                  const Document& document) {
  for (const KeyRow& row : scenario_keys()) {
    if (row.section() != section) continue;
    const Member* member = table ? find_member(*table, row.leaf()) : nullptr;
    if (member) {
      shown += fmt::format("{} = {}  # {}\n", row.leaf(), written(row, member->value, document),
                           origin(member->value.place, document));
    } else if (row.missing.means == Missing::Means::Default) {
      shown += fmt::format("{} = {}  # default\n", row.leaf(), row.missing.text);
    }
  }
}

bool has_default(std::string_view section) {
  for (const KeyRow& row : scenario_keys())
    if (row.section() == section && row.missing.means == Missing::Means::Default) return true;
  return false;
}

}  // namespace

std::string toml_text(const Value& value) {
  struct Writer {
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int64_t whole) const { return std::to_string(whole); }
    std::string operator()(double real) const { return number_text(real); }
    std::string operator()(const std::string& text) const { return quoted(text); }
    std::string operator()(const OtherValue& other) const { return quoted(other.what); }
    std::string operator()(const Array& list) const {
      std::string text;
      for (const Value& item : list) text += (text.empty() ? "" : ", ") + toml_text(item);
      return "[" + text + "]";
    }
    std::string operator()(const TableValue& table) const {
      std::string text;
      for (const Member& member : table)
        text += (text.empty() ? " " : ", ") + quoted(member.name) + " = " + toml_text(member.value);
      return "{" + text + " }";
    }
  };
  return std::visit(Writer{}, value.data);
}

std::string show_scenario(const Document& document) {
  std::string shown;
  std::vector<std::string_view> done;
  for (const KeyRow& row : scenario_keys()) {
    const std::string_view section = row.section();
    if (std::find(done.begin(), done.end(), section) != done.end()) continue;
    done.push_back(section);
    const Member* member = section.empty() ? nullptr : find_member(document.root, section);
    if (row.repeated()) {
      const auto* list = member ? std::get_if<Array>(&member->value.data) : nullptr;
      for (const Value& item : list ? *list : Array{}) {
        shown += fmt::format("\n[[{}]]\n", section);
        show_section(shown, section, std::get_if<TableValue>(&item.data), document);
      }
    } else if (section.empty()) {
      show_section(shown, section, &document.root, document);
    } else if (member || has_default(section)) {
      shown += fmt::format("\n[{}]\n", section);
      show_section(shown, section, member ? std::get_if<TableValue>(&member->value.data) : nullptr, document);
    }
  }
  return shown;
}

}  // namespace orrery
