#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace orrery {

struct ProcessLimits {
  int cpu_seconds = 10;
  std::int64_t more_memory = std::int64_t(1) << 30;  ///< Bytes beyond what this process has mapped already.
  std::int64_t answer = std::int64_t(1) << 30;       ///< Bytes.
};

/// What `work` answers in a copy of this process: for libraries that wrong input can crash. None when the
/// copy died, took more than its limits or could not be started. It prints nothing and leaves no core file.
std::optional<std::string> answer_of_own_process(const ProcessLimits& limits,
                                                 const std::function<std::string()>& work);

}  // namespace orrery
