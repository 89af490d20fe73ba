#include "reports/catalog.hpp"

#include <array>

#include "reports/csv.hpp"
#include "reports/json.hpp"
#include "reports/perfetto.hpp"

namespace orrery {
namespace {

using Files = std::vector<OutputFile>;

Files unless_empty(std::string name, const std::string& bytes) {
  if (bytes.empty()) return {};
  return {{std::move(name), bytes}};
}

Files write_text(const Results& results) { return unless_empty(results.stem + ".txt", results.summary_text); }

Files write_scenario(const Results& results) { return unless_empty("scenario.toml", results.scenario_toml); }

Files write_json(const Results& results) {
  if (results.summary.empty()) return {};
  return {{results.stem + ".json", to_text(results.summary)}};
}

Files write_csv(const Results& results) {
  Files files;
  for (const Table& table : results.tables) files.push_back({table.name + ".csv", to_csv(table)});
  return files;
}

Files write_hdf5(const Results& results) {
  if (results.tables.empty()) return {};
  return {{"results.h5", to_hdf5(results.tables, results.attributes)}};
}

Files write_trace(const Results& results) {
  if (results.timeline.slices.empty()) return {};
  return {{"trace.perfetto-trace", to_perfetto(results.timeline)}};
}

constexpr std::array<Writer, 6> catalogue{{
    {"json", "summary.json", "every figure of the answer, SI units in the names of the keys", write_json},
    {"text", "summary.txt", "what the terminal showed", write_text},
    {"scenario", "scenario.toml", "the question, fully resolved: run it again", write_scenario},
    {"csv", "TABLE.csv", "every table, units in the names of the columns", write_csv},
    {"hdf5", "results.h5", "every table with units and provenance; also a netCDF-4 file", write_hdf5},
    {"trace", "trace.perfetto-trace", "who did what when, for ui.perfetto.dev", write_trace},
}};

}  // namespace

std::span<const Writer> writers() { return catalogue; }

std::vector<OutputFile> files_of(const Results& results) {
  Files files;
  for (const Writer& writer : catalogue) {
    for (OutputFile& file : writer.write(results)) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace orrery
