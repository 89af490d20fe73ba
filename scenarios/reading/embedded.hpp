#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace orrery {

/// What a data file describes; each kind is a folder of the source tree.
enum class DataKind : std::uint8_t { Scenario, Model, Kernels, Gpu, Nic, Switch, Node, Prices, Failures };
constexpr int data_kinds = 9;

std::string_view data_kind_name(DataKind kind);  ///< "GPU", "kernel family".

/// One data file, compiled into the program by embed.cmake.
struct DataRow {
  DataKind kind;
  std::string_view name;  ///< The file's name without its ending.
  std::string_view path;  ///< In the source tree.
  std::string_view text;
};
/// Every built-in file, by kind and name. Defined in the generated source.
std::span<const DataRow> data_rows();

const DataRow* find_row(DataKind kind, std::string_view name);
std::optional<std::string_view> find_data(DataKind kind, std::string_view name);
std::vector<std::string_view> data_names(DataKind kind);

}  // namespace orrery
