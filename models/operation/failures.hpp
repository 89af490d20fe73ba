#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/units.hpp"

namespace orrery {

/// Which part of a cluster an interruption comes from; it says what must be replaced.
enum class FailingPart : std::uint8_t { Gpu, Hbm, Nic, Link, Switch, Host, Software, Count };
std::string_view failing_part_name(FailingPart part);  ///< "gpu"

/// One line of an observed table.
struct FailureCause {
  std::string name;  ///< "faulty GPU"
  FailingPart part = FailingPart::Software;
  double count = 0;      ///< In the time observed.
  bool planned = false;  ///< Told beforehand: a checkpoint is taken first.
};

/// Interruptions of one job, counted for a while.
struct FailureTable {
  std::string name;
  int gpus = 0;
  Seconds observed{};
  std::vector<FailureCause> causes;
  std::string source;
};

/// A cause on the cluster at hand.
struct Interruption {
  std::string name;
  FailingPart part;
  bool planned;
  double per_second;  ///< Of the whole job.
};

/// The table's rates on another number of GPUs.
///
///   rate of a cause = count / observed * gpus / table's gpus
///
/// Source      the table's own. Parts of other kinds are taken to grow with the GPUs, as NICs, links,
///             hosts and switches of like clusters do; so is software, whose growth nobody has published.
/// Checked     tests/models/operation: on its own cluster the table's counts come back.
/// Leaves out  wear, burn-in, the heat of noon, failures that come in groups.
std::vector<Interruption> interruptions_on(const FailureTable& table, int gpus);

/// Between two interruptions of any cause.
Seconds mean_time_between(const std::vector<Interruption>& causes);

}  // namespace orrery
