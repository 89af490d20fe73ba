#pragma once

#include <vector>

#include "models/work/work.hpp"

namespace orrery {

/// A choice of what to recompute that a search or a table goes through.
struct RecomputeChoice {
  const char* name;   ///< For tables: "none", "full".
  const char* words;  ///< Within a sentence: "no recompute".
  const char* set;    ///< The value of plan.recompute.
  Recompute recompute;
};

/// From least to most; "parts" is all that DeepSeek-V3 recomputes. Fused attention keeps no scores, so to
/// recompute it would change nothing: no such choice then.
std::vector<RecomputeChoice> recompute_choices(AttentionKernel attention);

}  // namespace orrery
