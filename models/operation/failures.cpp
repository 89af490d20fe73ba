#include "models/operation/failures.hpp"

#include <array>
#include <limits>

namespace orrery {

std::string_view failing_part_name(FailingPart part) {
  constexpr std::array<std::string_view, std::size_t(FailingPart::Count)> names = {
      "gpu", "hbm", "nic", "link", "switch", "host", "software"};
  return names[std::size_t(part)];
}

std::vector<Interruption> interruptions_on(const FailureTable& table, int gpus) {
  std::vector<Interruption> all;
  for (const FailureCause& cause : table.causes)
    all.push_back(
        {cause.name, cause.part, cause.planned, cause.count / table.observed.value() * gpus / table.gpus});
  return all;
}

Seconds mean_time_between(const std::vector<Interruption>& causes) {
  double rate = 0;
  for (const Interruption& cause : causes) rate += cause.per_second;
  return Seconds(rate > 0 ? 1 / rate : std::numeric_limits<double>::infinity());
}

}  // namespace orrery
