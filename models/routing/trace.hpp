#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/routing/routing.hpp"
#include "sim/finding.hpp"

namespace orrery {

/// Which experts the tokens of a real model chose, layer by layer: measured, where `sample_routing` draws.
struct RoutingTrace {
  int experts = 0, per_token = 0, groups = 1, groups_per_token = 1;  ///< Of the gate that was recorded.
  int layers = 0;
  std::int64_t tokens = 0;            ///< Consecutive ones, the same in every layer.
  std::vector<std::uint16_t> expert;  ///< [layer][token][per_token]
  std::string model;                  ///< Whose gate it was.
  std::uint64_t text_hash = 0;        ///< FNV-1a of the text that the tokens come from; 0: not said.
  std::string balancing;              ///< How that model was kept balanced, in a word.

  const std::uint16_t* choice(int layer, std::int64_t token) const {
    return expert.data() + (std::int64_t(layer) * tokens + token) * per_token;
  }
};

/// What is wrong with a trace by itself: a gate that cannot be, an expert that is not there or twice in a
/// token, more groups than the gate allows. Only the first wrong token is named. Keys are "routing.trace".
Findings check_choices(const RoutingTrace& trace);

/// What keeps a trace from standing for the model's routing: another gate, or fewer tokens than the `tokens`
/// of a rank's micro-batch. Keys are "routing.trace".
Findings check_trace(const RoutingTrace& trace, const Transformer& model, int tokens);

/// Standard deviation over ranks and layers of the rows that a rank of `ranks` computes in the trace, over
/// their mean.
double trace_spread(const RoutingTrace& trace, int ranks);

/// A pool of windows of the trace instead of draws of the gate: `samples` for each layer of the simulated
/// model, each of `shape.tokens` consecutive tokens from a random one on (round the end of the trace).
///
/// `layers`: numbers of the simulated model's layers with experts, which may be more than the trace has: the
/// i-th of n uses the trace's layer floor(i * trace.layers / n). Each renames the experts by a random order
/// of its own that keeps groups together, so that the hot experts of layers that share one of the trace do
/// not all lie on one rank. Loads, choices made together and group limits stay as they were measured.
///
/// Checked  tests/models/routing/trace_test.cpp: traces of equal loads and of one choice for all, by hand; a
///          slow twin that walks every window gives the same samples; sent and received copies agree.
/// Leaves out  that a token's choices in one layer go with those in another: layers take windows of their
///             own.
/// Precondition: `check_choices` and `check_trace` found nothing.
RoutingPool sample_trace(const RoutingShape& shape, const RoutingTrace& trace, const std::vector<int>& layers,
                         int samples, std::uint64_t seed);

/// [expert of the trace] its name in layer `layer` of the simulated model.
std::vector<std::uint16_t> expert_names(const RoutingTrace& trace, int layer, std::uint64_t seed);

/// First tokens of the windows of layer `layer`, in the order of the samples.
std::vector<std::int64_t> window_starts(const RoutingTrace& trace, int layer, int samples,
                                        std::uint64_t seed);

}  // namespace orrery
