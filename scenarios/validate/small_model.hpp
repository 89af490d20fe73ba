#pragma once

#include "models/reference/training.hpp"
#include "models/transformer/transformer.hpp"
#include "scenarios/validate/small_model_sizes.hpp"
#include "scenarios/validate/study.hpp"

namespace orrery {

/// A training from scratch of a small model that is built as `model` is: the same attention, score, group
/// limits, shared expert, first dense layer and prediction module; what `sizes` does not say is
///
///   experts      64, 6 a token (fewer where the model has fewer); as wide as a quarter of `hidden`
///   hidden       64, four heads; ranks and head sizes of latent attention are fixed shares of `hidden`
///   layers       3; vocabulary 1,024
///   training     400 steps (quick: 24) of 64 sequences of 32 tokens; 131,072 held-out tokens (quick: 32,768)
///
/// Its gate always has a selection bias, which stays 0 where experts are balanced otherwise, so that all ways
/// of balancing share one gate. A model without experts gives a dense one.
///
/// Findings  sizes that do not fit together; keys are the command line's options.
/// Leaves out  biases, QK norms, sinks and other parts that the reference has not.
Checked<reference::TrainingRequest> small_training(const Transformer& model, const SmallModelSizes& sizes,
                                                   Effort effort);

/// The sizes that give the small model the model's own gate: the trace of its choices can then stand for the
/// model's.
SmallModelSizes with_own_gate(const Transformer& model, SmallModelSizes sizes);

/// Whether the gates choose alike: as many experts, groups and choices.
bool same_gate(const reference::GateShape& gate, const Experts& experts);

/// "64 experts, 6 a token of 4 of 8 groups; hidden 64, 3 layers, vocabulary 1,024"
std::string describe(const reference::ModelShape& shape);

}  // namespace orrery
