#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace orrery {

/// One named quantity, a value a row. `name` ends in the unit (`time_s`, `size_bytes`); `unit` is the
/// UDUNITS spelling for files that carry units apart ("s", "B", "B s-1", "1", "" for text).
struct Column {
  std::string name, unit, meaning;
  std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::string>> values;
};

/// What a run hands to every writer: columns of equal length. The first column is the row's name or
/// index, and the dimension scale in HDF5.
struct Table {
  std::string name, meaning;
  std::vector<Column> columns;
};

}  // namespace orrery
