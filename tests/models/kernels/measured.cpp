#include "measured.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace orrery::measured {
namespace {

const std::string source = ORRERY_SOURCE;

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) found.push_back(cell);
  return found;
}

}  // namespace

std::vector<Row> read_table(const std::string& file) {
  std::ifstream in(source + "/tests/measured/" + file);
  EXPECT_TRUE(in.is_open()) << file;
  std::vector<std::string> header;
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> values = cells(line);
    if (header.empty()) {
      header = values;
      continue;
    }
    Row row;
    for (std::size_t i = 0; i < header.size() && i < values.size(); ++i) row[header[i]] = values[i];
    rows.push_back(row);
  }
  EXPECT_FALSE(rows.empty()) << file;
  return rows;
}

double number(const Row& row, const std::string& column) { return std::stod(row.at(column)); }
std::int64_t whole(const Row& row, const std::string& column) { return std::stoll(row.at(column)); }

std::string family_text(const std::string& name) {
  std::ifstream in(source + "/models/kernels/families/" + name + ".json");
  EXPECT_TRUE(in.is_open()) << name;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

KernelFamily family(const std::string& name) {
  const Checked<KernelFamily> read = read_kernel_family(family_text(name), name);
  for (const Finding& finding : read.findings) {
    ADD_FAILURE() << name << ": " << finding.key << " " << finding.problem << " " << finding.remedy;
  }
  return read.value;
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source + "/models/kernels/families")) {
    names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

GpuSpec fitted_gpu(const KernelFamily& family) {
  GpuSpec gpu;
  gpu.name = family.fitted_on.gpu;
  gpu.multiprocessors = family.fitted_on.multiprocessors;
  gpu.bf16 = family.fitted_on.bf16;
  gpu.fp8 = family.fitted_on.fp8;
  gpu.hbm = family.fitted_on.hbm;
  gpu.power = family.fitted_on.power;
  return gpu;
}

std::set<std::pair<std::int64_t, std::int64_t>> held_shapes(const std::vector<Sample>& samples) {
  std::set<std::pair<std::int64_t, std::int64_t>> shapes, held;
  for (const Sample& sample : samples) shapes.insert(sample.shape);
  std::size_t place = 0;
  for (const auto& shape : shapes) {
    if (place++ % 2 == 1) held.insert(shape);
  }
  return held;
}

Score score(const std::vector<Sample>& samples, const std::set<std::pair<std::int64_t, std::int64_t>>& held) {
  Score result;
  for (const Sample& sample : samples) {
    const double error = 100 * (sample.modelled / sample.measured - 1);
    const bool out = held.contains(sample.shape);
    (out ? result.held_rows : result.fitted_rows) += 1;
    (out ? result.held : result.fitted) += std::abs(error);
    result.low = std::min(result.low, error);
    result.high = std::max(result.high, error);
  }
  if (result.fitted_rows > 0) result.fitted /= result.fitted_rows;
  if (result.held_rows > 0) result.held /= result.held_rows;
  return result;
}

void print(const std::string& family, const std::string& table, const std::string& what, const Score& s) {
  std::printf(
      "%-18s %-32s %-22s fitted %5.2f %% of %3d   held out %5.2f %% of %3d   worst %+4.0f %+4.0f %%\n",
      family.c_str(), table.c_str(), what.c_str(), s.fitted, s.fitted_rows, s.held, s.held_rows, s.low,
      s.high);
}

std::optional<TableError> stated(const KernelFamily& family, const std::string& table,
                                 const std::string& what) {
  for (const TableError& error : family.errors) {
    if (error.table == table && error.what == what) return error;
  }
  return std::nullopt;
}

}  // namespace orrery::measured
