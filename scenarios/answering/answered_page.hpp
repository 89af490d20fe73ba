#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "models/run/run.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"

namespace orrery {

// Phases in which the model answers: precondition of all, `phase.answered` is there.

/// The parts of a policy step, or of the whole phase, and how the answering went.
Section answered_section(const PhaseOutcome& phase);

/// The same for the summary: "parts" and "answers".
nlohmann::ordered_json answered_summary(const PhaseOutcome& phase);

/// The parts of all such phases, a row each.
Table answered_table(const std::vector<PhaseOutcome>& phases);

}  // namespace orrery
