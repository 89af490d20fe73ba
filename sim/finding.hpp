#pragma once

#include <string>
#include <vector>

namespace orrery {

/// What is wrong with a request, in the words of the person who made it. The libraries throw nothing
/// and print nothing: they hand back findings, and `scenarios` adds file, line and caret by `key`.
struct Finding {
  std::string key;      ///< Dotted scenario key or JSON key it is about: "plan.pipeline".
  std::string problem;  ///< What was found: "dualpipe needs an even number of ranks; found 7".
  std::string remedy;   ///< What is allowed, or the nearest match; may be empty.
};
using Findings = std::vector<Finding>;

/// A value, or the reasons why there is none.
template <class Value>
struct Checked {
  Value value{};
  Findings findings;
  bool ok() const { return findings.empty(); }
};

}  // namespace orrery
