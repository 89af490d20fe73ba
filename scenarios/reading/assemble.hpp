#pragma once

#include "models/operation/failures.hpp"
#include "models/run/run.hpp"
#include "models/training/plan_memory.hpp"
#include "scenarios/reading/scenario.hpp"

namespace orrery {

/// A scenario with every name looked up: what the models simulate.
struct Assembled {
  TrainingPlan plan;
  std::vector<TrainingPhase> phases;
  std::string fallback;
  DollarsPerHour price{};
  SwitchSpec network_switch;
  PriceList prices;
  FailureTable failures;    ///< Without causes where the scenario names none.
  Document document;        ///< The scenario's, and the texts of the faulty files that it names.
  Diagnostics diagnostics;  ///< Empty: the plan can be simulated. Places are in `document`.
  bool ok() const { return diagnostics.empty(); }
  /// A phase lets the model answer, so the run is more than steps of `plan`.
  bool answers() const;
};
Assembled assemble(const ScenarioReading& reading);

/// The cluster alone, whatever plan runs on it: of `plan`, its hardware, fabric and routing are filled in.
Assembled assemble_cluster(const ScenarioReading& reading);

}  // namespace orrery
