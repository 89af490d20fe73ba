#include "scenarios/validate/court.hpp"

#include <algorithm>
#include <cmath>

namespace orrery {

bool holds(const Evidence& evidence) {
  if (std::isnan(evidence.measured)) return false;
  if (evidence.rule == Rule::Beside) return true;
  if (!evidence.expected || std::isnan(*evidence.expected)) return false;
  const double measured = evidence.measured, expected = *evidence.expected;
  switch (evidence.rule) {
    case Rule::Equal:
      return measured == expected;
    case Rule::Interval:
      return std::abs(measured - expected) <= evidence.tolerance;
    case Rule::AtMost:
      return measured <= expected;
    case Rule::AtLeast:
      return measured >= expected;
    case Rule::Beside:
      return true;
  }
  return false;
}

bool holds(const Court& court) {
  return std::all_of(court.evidence.begin(), court.evidence.end(),
                     [](const Evidence& evidence) { return holds(evidence); });
}

}  // namespace orrery
