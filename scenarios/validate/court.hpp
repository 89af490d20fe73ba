#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reports/table.hpp"
#include "reports/terminal.hpp"

namespace orrery {

/// How a measured figure is held against an expected one.
enum class Rule {
  Equal,     ///< The same number, exactly.
  Interval,  ///< |measured - expected| at most `tolerance`, the stated sampling error.
  AtMost,    ///< measured <= expected
  AtLeast,   ///< measured >= expected
  Beside,    ///< No verdict: a published figure of another model, printed beside ours.
};

/// One line of evidence.
struct Evidence {
  std::string figure;  ///< "dispatch copies a token to nodes"
  double measured = 0;
  std::optional<double> expected;
  Rule rule = Rule::Beside;
  double tolerance = 0;
  std::string unit;  ///< As Column::unit.
  std::string note;  ///< Where the expected figure comes from; what was sampled.
};
/// Not a number fails, whatever the rule; Beside passes.
bool holds(const Evidence& evidence);

/// What one court heard, and its tables for files.
struct Court {
  std::string name;   ///< "cost", "balance", "precision"
  std::string title;  ///< "Cost: what was computed against what the simulator assumes"
  std::vector<Evidence> evidence;
  std::vector<Table> tables;      ///< Beside the one of the evidence, which is made from it.
  std::vector<Section> sections;  ///< Pictures and words for the terminal, beside the evidence.
};
bool holds(const Court& court);

/// Told how much of a court is done, 0 to 1; called from any thread.
using ShareDone = std::function<void(double)>;

}  // namespace orrery
