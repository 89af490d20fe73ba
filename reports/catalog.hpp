#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reports/hdf5.hpp"
#include "reports/publish.hpp"
#include "reports/table.hpp"
#include "sim/timeline.hpp"

namespace orrery {

/// All that a run has to say, before any format. What is empty is not written.
struct Results {
  std::string stem = "summary";  ///< Of the names of JSON and text: summary.json, validate.json.
  nlohmann::ordered_json summary;
  std::string summary_text;   ///< What the terminal shows, without colour.
  std::string scenario_toml;  ///< Fully resolved.
  std::vector<Table> tables;
  std::vector<Attribute> attributes;  ///< Provenance, for formats with room for it.
  Timeline timeline;                  ///< Of the actors that were asked for.
};

/// One report: results in, files out. Pure; `publish` is what touches the disk.
struct Writer {
  std::string_view name;   ///< As the command line names it.
  std::string_view files;  ///< What it writes, for help texts.
  std::string_view meaning;
  std::vector<OutputFile> (*write)(const Results&);
};

/// Every report there is. A new one is a function and a row.
std::span<const Writer> writers();

/// The files of all writers, in the order of the catalogue: what `publish` takes.
std::vector<OutputFile> files_of(const Results& results);

}  // namespace orrery
