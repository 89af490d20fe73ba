#include <algorithm>

#include "scenarios/reading/keys.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

/// Walks a tree beside the rows.
class SettingsReader {
 public:
  SettingsReader(std::span<const KeyRow> rows, std::span<const SourceText> sources)
      : rows_(rows), sources_(sources) {}

  Settings read(const TableValue& root) {
    refuse_unknown(root, "", "");
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::string_view section = rows_[i].section();
      if (!begins_section(i)) continue;
      const Member* member = section.empty() ? nullptr : find_member(root, section);
      if (rows_[i].repeated()) {
        read_list(section, member);
      } else if (section.empty()) {
        read_section(section, &root, {}, 0);
      } else {
        const TableValue* table = member ? std::get_if<TableValue>(&member->value.data) : nullptr;
        if (table) refuse_unknown(*table, section, std::string(section));
        if (member && !table) {
          fail(section,
               std::string(section) + " is a section, found " + std::string(value_kind(member->value)),
               "as in [" + std::string(section) + "] with keys below it", member->place);
        } else {
          read_section(section, table, member ? member->place : start(), 0);
        }
      }
    }
    sort_by_place(settings_.diagnostics);
    return std::move(settings_);
  }

 private:
  void fail(std::string_view key, std::string problem, std::string remedy, const Place& place) {
    settings_.diagnostics.push_back({std::string(key), std::move(problem), std::move(remedy), {place}});
  }

  Place start() const { return sources_.empty() ? Place{} : Place{0, 1, 1, 1}; }

  bool begins_section(std::size_t i) const {
    for (std::size_t before = 0; before < i; ++before)
      if (rows_[before].section() == rows_[i].section()) return false;
    return true;
  }

  std::vector<std::string_view> names_of(std::string_view section) const {
    std::vector<std::string_view> names;
    for (const KeyRow& row : rows_)
      if (row.section() == section) names.push_back(row.leaf());
    if (!section.empty()) return names;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (begins_section(i) && !rows_[i].section().empty()) names.push_back(rows_[i].section());
    return names;
  }

  void refuse_unknown(const TableValue& table, std::string_view section, const std::string& shown) {
    const auto names = names_of(section);
    for (const Member& member : table) {
      if (std::ranges::find(names, member.name) != names.end()) continue;
      const bool is_table = std::holds_alternative<TableValue>(member.value.data);
      std::string remedy = suggestion(member.name, names);
      for (const KeyRow& row : rows_)
        if (row.leaf() == member.name && row.section() != section)
          remedy = "did you mean '" + std::string(row.name) + "'?";
      fail(shown.empty() ? member.name : shown + "." + member.name,
           section.empty() ? std::string(is_table ? "unknown section [" : "unknown key '") + member.name +
                                 (is_table ? "]" : "'")
                           : "unknown key '" + member.name + "' in [" + shown + "]",
           std::move(remedy), member.place);
    }
  }

  void read_list(std::string_view section, const Member* member) {
    const auto* list = member ? std::get_if<Array>(&member->value.data) : nullptr;
    if (!member) return;
    const std::string example = "as in [[" + std::string(section) + "]] with keys below it";
    if (!list) {
      return fail(
          section,
          std::string(section) + " is a list of tables, found " + std::string(value_kind(member->value)),
          example, member->place);
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Value& item = (*list)[i];
      const auto* table = std::get_if<TableValue>(&item.data);
      const std::string shown = std::string(section) + "[" + std::to_string(i) + "]";
      if (!table) {
        fail(shown, shown + " is a table, found " + std::string(value_kind(item)), example, item.place);
        continue;
      }
      refuse_unknown(*table, section, shown);
      read_section(section, table, item.place, i);
    }
  }

  void read_section(std::string_view section, const TableValue* table, const Place& header,
                    std::size_t element) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const KeyRow& row = rows_[i];
      if (row.section() != section) continue;
      const Member* member = table ? find_member(*table, row.leaf()) : nullptr;
      if (member) {
        store(i, element, check_value(row, member->value, file_of(member->value.place)));
      } else if (row.missing.means == Missing::Means::Default) {
        store(i, element, check_value(row, default_value(row), ""));
      } else if (row.missing.means == Missing::Means::Fault) {
        settings_.diagnostics.push_back({std::string(row.name),
                                         std::string(row.name) + " is missing",
                                         "write " + example_line(row),
                                         {header}});
      }
    }
  }

  void store(std::size_t row, std::size_t element, CheckedValue checked) {
    for (Diagnostic& diagnostic : checked.diagnostics) {
      if (const std::size_t list = diagnostic.key.find("[]"); list != std::string::npos)
        diagnostic.key.replace(list, 2, "[" + std::to_string(element) + "]");
      settings_.diagnostics.push_back(std::move(diagnostic));
    }
    settings_.list.push_back({row, element, std::move(checked.parsed)});
  }

  std::string_view file_of(const Place& place) const {
    const bool file = place.source >= 0 && place.source < int(sources_.size()) &&
                      sources_[place.source].kind == SourceKind::File;
    return file ? std::string_view(sources_[place.source].name) : std::string_view();
  }

  static Value default_value(const KeyRow& row) {
    if (auto value = parse_toml_value(row.missing.text, -1, 1)) return std::move(*value);
    return {std::string(row.missing.text), {}};
  }

  std::span<const KeyRow> rows_;
  std::span<const SourceText> sources_;
  Settings settings_;
};

}  // namespace

Settings read_settings(const TableValue& root, std::span<const KeyRow> rows,
                       std::span<const SourceText> sources) {
  return SettingsReader(rows, sources).read(root);
}

}  // namespace orrery
