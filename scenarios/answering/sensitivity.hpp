#pragma once

#include "models/run/run.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"

namespace orrery {

/// The step under other choices of what nobody published: how much the answer hangs on each.
struct SensitivityTable {
  Section section;
  Table table;
};
SensitivityTable sensitivity_of(const TrainingPlan& plan, const TrainingStep& step, const Parallel& parallel);

}  // namespace orrery
