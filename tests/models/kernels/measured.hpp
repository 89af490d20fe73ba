#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/kernels/family.hpp"

namespace orrery::measured {

/// One row of a table in tests/measured, by column name.
using Row = std::map<std::string, std::string>;
std::vector<Row> read_table(const std::string& file);
double number(const Row& row, const std::string& column);
std::int64_t whole(const Row& row, const std::string& column);

/// A built-in family; fails the test where it does not read.
KernelFamily family(const std::string& name);
std::vector<std::string> family_names();
std::string family_text(const std::string& name);

/// The chip a family was fitted on.
GpuSpec fitted_gpu(const KernelFamily& family);

/// A kernel of 100 us or more, and what the model says.
struct Sample {
  std::pair<std::int64_t, std::int64_t> shape;  ///< (n, k) or (tokens, heads): held out as a whole.
  double measured = 0, modelled = 0;
};
/// Every second distinct shape in ascending order: tests/measured/fit_kernels.py holds out the same.
std::set<std::pair<std::int64_t, std::int64_t>> held_shapes(const std::vector<Sample>& samples);

struct Score {
  int fitted_rows = 0, held_rows = 0;
  double fitted = 0, held = 0;  ///< Mean absolute error, percent; 0 without rows.
  double low = 0, high = 0;     ///< Worst signed errors, percent.
};
Score score(const std::vector<Sample>& samples, const std::set<std::pair<std::int64_t, std::int64_t>>& held);
void print(const std::string& family, const std::string& table, const std::string& what, const Score& score);

/// The line of the family's own file about this table.
std::optional<TableError> stated(const KernelFamily& family, const std::string& table,
                                 const std::string& what);

}  // namespace orrery::measured
