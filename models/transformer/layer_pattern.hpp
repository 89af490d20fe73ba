#pragma once

#include <optional>
#include <vector>

#include "models/transformer/config_keys.hpp"

namespace orrery {

/// Which of `layers` layers hold experts, from the keys of every family that says so; a layer holds them
/// when all the rules that are given say yes. Nothing when a rule is wrong; `keys` then has the finding.
///   first_k_dense_replace, n_dense_layers   the first k do not
///   moe_layer_freq                          layer i when i is a multiple; or a list of 0 and 1
///   decoder_sparse_step, interleave_moe_layer_step   layer i when i + 1 is a multiple
///   mlp_only_layers                         the listed ones do not
///   mlp_layer_types                         "sparse" or "dense", one a layer
std::optional<std::vector<bool>> read_moe_layers(ConfigKeys& keys, int layers);

/// Refuses, by name, every key that says that layers differ in a way that is not modelled: windows, linear
/// attention, state spaces, compressed or shared caches. `positions` 0: not stated.
void refuse_unknown_patterns(ConfigKeys& keys, int layers, int positions);

}  // namespace orrery
