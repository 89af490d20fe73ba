#include "scenarios/reading/embedded.hpp"

#include <array>

namespace orrery {

std::string_view data_kind_name(DataKind kind) {
  constexpr std::array<std::string_view, data_kinds> names{
      "scenario", "model", "kernel family", "GPU", "NIC", "switch", "node", "price list", "failure table"};
  return names[std::size_t(kind)];
}

const DataRow* find_row(DataKind kind, std::string_view name) {
  for (const DataRow& row : data_rows())
    if (row.kind == kind && row.name == name) return &row;
  return nullptr;
}

std::optional<std::string_view> find_data(DataKind kind, std::string_view name) {
  const DataRow* row = find_row(kind, name);
  if (!row) return std::nullopt;
  return row->text;
}

std::vector<std::string_view> data_names(DataKind kind) {
  std::vector<std::string_view> names;
  for (const DataRow& row : data_rows())
    if (row.kind == kind) names.push_back(row.name);
  return names;
}

}  // namespace orrery
