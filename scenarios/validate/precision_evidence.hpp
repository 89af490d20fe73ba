#pragma once

#include "scenarios/validate/study.hpp"

namespace orrery {

/// A product over 4,096 terms of positive random numbers in E4M3, as the tensor cores sum it: both readings
/// of what they cut off, with and without promotion to FP32 every 128 terms.
void hear_accumulators(Court& court, Effort effort);

/// Products of activations with outlier channels by tile and by tensor, and of activation gradients with
/// outlier tokens by tile and by block.
void hear_scaling(Court& court, Effort effort);

}  // namespace orrery
