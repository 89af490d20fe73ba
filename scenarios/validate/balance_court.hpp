#pragma once

#include "models/training/plan.hpp"
#include "scenarios/validate/study.hpp"

namespace orrery {

/// Court 2. MaxVio over time and on held-out tokens with the bias frozen, the losses, node copies a token,
/// for bias balancing, the auxiliary loss and none, beside the published trend (arXiv 2408.15664, table 2: 1B
/// model, MaxVio 0.04 against 0.72).
///
/// Judged of whole trainings: mean MaxVio of bias balancing below 0.1 and at least 5 times below none;
/// held-out loss no worse than with the auxiliary loss. Of quick ones: MaxVio below none.
Court balance_court(const StudyRequest& request, const std::vector<StudyRun>& runs);

}  // namespace orrery
