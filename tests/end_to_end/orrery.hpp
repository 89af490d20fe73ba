#pragma once

#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

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

/// A mixture of experts on 32 GPUs with a ramp, a second phase and given hours: all the parts of the main
/// case, in a tenth of a second.
inline constexpr const char* small_scenario = R"(orrery = 1
title = "a small mixture of experts"
[model]
config = "deepseek-v2-lite"
[cluster]
gpu = "h800"
nodes = 4
topology = "multi-plane-fat-tree"
switch = "qm9700"
[plan]
pipeline = 2
expert = 16
schedule = "dualpipe"
fallback_schedule = "zb1p"
global_batch = 128
sequence = 4096
precision = "fp8"
kernels = "dualpipe_trace"
recompute = ["norm", "up_projection", "swiglu"]
[routing]
row_spread = "7.6 %"
samples = 16
[train]
tokens = "1 B"
ramp_from = 32
ramp_tokens = "100 M"
[[phase]]
name = "longer"
steps = 10
sequence = 8192
global_batch = 64
[[phase]]
name = "given"
gpu_hours = 5
[[published]]
what = "step.time_s"
value = "1 s"
source = "invented for this test"
)";

}  // namespace orrery
