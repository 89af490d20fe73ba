#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/hdf5.hpp"
#include "reports/publish.hpp"
#include "scenarios/reading/assemble.hpp"
#include "scenarios/validate/court.hpp"
#include "scenarios/validate/small_model_sizes.hpp"

namespace orrery {

enum class CourtName : std::uint8_t { Cost, Balance, Precision };

/// One row a court: how the command line names it and what it asks.
struct CourtKind {
  CourtName court;
  std::string_view name, help;
};
std::span<const CourtKind> court_kinds();

struct ValidateRequest {
  const TrainingPlan* plan = nullptr;
  std::vector<CourtName> courts;
  bool quick = false;
  std::string text;  ///< Path of the text to train on; empty: what the system carries.
  SmallModelSizes sizes;
  std::optional<int> seeds;
};

/// What all courts found, and the routing traces that the balance court leaves for scenarios.
struct Validation {
  std::vector<Court> courts;
  std::vector<OutputFile> traces;
  std::vector<Attribute> provenance;  ///< Text and small model, for files.
  std::vector<std::string> notes;     ///< Courts that have nothing to judge, and why.
  bool holds() const;
};

/// What a court is doing and how much of it is done.
using CourtProgress = std::function<void(const std::string& what, double share)>;

/// Hears the courts on the threads of the arena it is called in; the result does not depend on their number.
/// Findings: a text that cannot be trained on, sizes that do not fit together, a processor without AVX2 and
/// FMA.
Checked<Validation> validate(const ValidateRequest& request, const CourtProgress& progress);

}  // namespace orrery
