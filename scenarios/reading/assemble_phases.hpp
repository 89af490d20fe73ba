#pragma once

#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// The phases of the scenario, those that answer on a layout of [generation]. Precondition: `out.plan`
/// stands.
std::vector<TrainingPhase> assemble_phases(Assembled& out, const Scenario& scenario);

}  // namespace orrery
