#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "scenarios/reading/scenario.hpp"

namespace orrery {

/// The least that a scenario must say.
inline constexpr std::string_view small = R"([model]
config = "deepseek-v3"
[cluster]
gpu = "h800"
nodes = 4
[plan]
global_batch = 64
sequence = 4096
kernels = "deepgemm"
)";

inline ScenarioReading read_text(std::string text, const std::vector<std::string>& sets = {}) {
  DocumentReading document = read_document_text({"a.toml", std::move(text)}, sets);
  ScenarioReading reading;
  if (document.diagnostics.empty()) return read_scenario(std::move(document.document));
  reading.document = std::move(document.document);
  reading.diagnostics = std::move(document.diagnostics);
  return reading;
}

inline std::string messages(const ScenarioReading& reading) {
  return diagnostics_text(reading.diagnostics, reading.document.sources);
}

/// A folder that is gone at the end of the test.
struct Folder {
  Folder()
      : path(std::filesystem::temp_directory_path() /
             ("orrery-scenario-test-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
    return (path / name).string();
  }
  std::filesystem::path path;
};

}  // namespace orrery
