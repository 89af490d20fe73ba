#include "reports/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

namespace orrery {
namespace {

bool is_name(std::string_view name) {
  const auto bad = [](char c) { return c == '/' || std::uint8_t(c) < 0x20 || c == 0x7F; };
  return !name.empty() && name != "." && name != ".." && name.front() != ' ' && name.back() != ' ' &&
         std::none_of(name.begin(), name.end(), bad);
}

/// xarray turns numbers in these units into times of a calendar, "s" and "d" it leaves alone.
bool is_calendar_unit(std::string_view unit) {
  constexpr std::array<std::string_view, 7> units{"days",         "hours",        "minutes",    "seconds",
                                                  "milliseconds", "microseconds", "nanoseconds"};
  return std::find(units.begin(), units.end(), unit) != units.end() || unit.find(" since ") != unit.npos;
}

void look_into(const nlohmann::ordered_json& tree, const std::string& path, Findings& findings) {
  if (tree.is_number_float() && !std::isfinite(tree.get<double>())) {
    findings.push_back({path, fmt::format("{} is not a number", tree.get<double>()), "leave the key out"});
  }
  if (tree.is_object()) {
    for (const auto& [key, child] : tree.items()) {
      look_into(child, path.empty() ? key : path + "." + key, findings);
    }
  } else if (tree.is_array()) {
    for (std::size_t i = 0; i < tree.size(); ++i)
      look_into(tree[i], fmt::format("{}[{}]", path, i), findings);
  }
}

}  // namespace

Findings faults_of(const Table& table) {
  Findings findings;
  if (!is_name(table.name)) findings.push_back({table.name, "cannot be the name of a table", ""});
  if (table.columns.empty()) findings.push_back({table.name, "has no columns", ""});
  std::set<std::string_view> names;
  const auto size_of = [](const Column& column) {
    return std::visit([](const auto& values) { return values.size(); }, column.values);
  };
  for (const Column& column : table.columns) {
    const std::string key = table.name + "." + column.name;
    if (!is_name(column.name)) findings.push_back({key, "cannot be the name of a column", ""});
    if (!names.insert(column.name).second) findings.push_back({key, "is there twice", ""});
    if (is_calendar_unit(column.unit))
      findings.push_back({key, "has a unit of calendars", "write s, ms, h, d"});
    if (size_of(column) != size_of(table.columns.front())) {
      findings.push_back(
          {key,
           fmt::format("has {} rows, the first column {}", size_of(column), size_of(table.columns.front())),
           ""});
    }
    if (const auto* numbers = std::get_if<std::vector<double>>(&column.values)) {
      const auto wrong =
          std::find_if_not(numbers->begin(), numbers->end(), [](double v) { return std::isfinite(v); });
      if (wrong != numbers->end()) {
        findings.push_back({key, fmt::format("row {} is {}", wrong - numbers->begin(), *wrong), ""});
      }
    }
  }
  return findings;
}

Findings faults_of(const nlohmann::ordered_json& tree) {
  Findings findings;
  look_into(tree, "", findings);
  return findings;
}

}  // namespace orrery
