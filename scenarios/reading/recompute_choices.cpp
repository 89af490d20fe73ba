#include "scenarios/reading/recompute_choices.hpp"

namespace orrery {

std::vector<RecomputeChoice> recompute_choices(AttentionKernel attention) {
  const RecomputeChoice all[] = {
      {"none", "no recompute", "none", {}},
      {"parts (norm, up_projection, swiglu)",
       "recompute parts",
       "[\"norm\", \"up_projection\", \"swiglu\"]",
       {.norm = true, .up_projection = true, .activation = true}},
      {"attention", "recompute attention", "attention", {.attention = true}},
      {"parts and attention",
       "recompute parts and attention",
       "[\"norm\", \"up_projection\", \"swiglu\", \"attention\"]",
       {.norm = true, .up_projection = true, .activation = true, .attention = true}},
      {"full", "recompute all", "full", {.layer = true}}};
  std::vector<RecomputeChoice> choices;
  for (const RecomputeChoice& choice : all)
    if (!choice.recompute.attention || attention == AttentionKernel::Unfused) choices.push_back(choice);
  return choices;
}

}  // namespace orrery
