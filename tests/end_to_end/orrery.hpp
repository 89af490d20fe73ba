#pragma once

#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/end_to_end/small_scenario.hpp"
#include "tests/reports/scratch_folder.hpp"

namespace orrery {

/// What a command left behind, its two streams apart.
struct Outcome {
  int code;  ///< 128 + n for signal n, as shells say it.
  std::string out, err;
};

/// Runs a shell command in the folder; what it printed is kept elsewhere.
inline Outcome run_in(const std::filesystem::path& folder, const std::string& command) {
  const ScratchFolder streams;
  const std::string out = streams.path() / "out", err = streams.path() / "err";
  // NOLINTNEXTLINE: the commands are this test's own.
  const int status = std::system(
      ("cd '" + folder.string() + "' && { " + command + "; } >'" + out + "' 2>'" + err + "' </dev/null")
          .c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), bytes_of(out), bytes_of(err)};
}

inline Outcome orrery(const std::filesystem::path& folder, const std::string& arguments) {
  return run_in(folder, "'" ORRERY_BINARY "' " + arguments);
}

inline std::string put(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

/// Every path under the folder, hidden ones too.
inline std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    names.insert(entry.path().string());
  return names;
}

}  // namespace orrery
