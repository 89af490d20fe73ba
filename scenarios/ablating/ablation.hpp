#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/sweeping/figures.hpp"

namespace orrery {

/// One innovation that can be taken out of a plan.
struct Removal {
  std::string_view name;     ///< As --only takes it: "fp8".
  std::string_view instead;  ///< "BF16 products and dispatch instead of FP8".
  bool (*has)(const TrainingPlan&);
  /// The trace is that of a gate that nobody balances, where one is given.
  void (*take_out)(TrainingPlan&, const std::shared_ptr<const RoutingTrace>&);
  bool needs_trace = false;
};

/// Every one there is, in the order of the waterfall.
///
///   fp8          BF16 products, activations and dispatch
///   overlap      compute waits for every all-to-all
///   bidirectional  1F1B with one direction, which has no pairs to overlap either
///   node_limit   a token may reach every node: gates without groups
///   bias         the gate whose load nobody balances, from a measured trace (`orrery validate` leaves one)
///   mla          grouped-query attention with 8 key-value heads of 128, as Llama-3.1-405B has
///   fine_experts  a quarter as many experts of four times the width, a quarter as many a token: as many
///   parameters and
///                products
///   recompute    nothing recomputed
///   dispatch     a copy for every rank over the network, as NCCL's all-to-all sends, instead of one for
///   every node multi_plane  the single-plane multi-rail fat tree
///
/// Leaves out  what each does to the model's loss.
std::span<const Removal> removals();

/// What was taken out, and what that came to.
struct AblationRow {
  std::string name, instead;
  Figures figures;
  double nodes_per_token = 0;  ///< 0: none.
};

/// A dense model at as many tokens, on its own scenario.
struct DenseBeside {
  std::string name;
  Figures figures;
  double flops_per_token = 0, base_flops_per_token = 0;  ///< Of training, attention causal.
  double tokens = 0;
};

struct Ablation {
  std::string title, fidelity;
  Bytes capacity{};
  AblationRow base;
  std::vector<AblationRow> alone;       ///< One taken out at a time.
  std::vector<AblationRow> cumulative;  ///< All up to this one.
  std::vector<std::string> left_out;    ///< Notes: what the plan has not, or could not be simulated.
  std::optional<DenseBeside> dense;
};

/// Simulates a step of each. `unbalanced`: a measured trace of the gate that nobody balances;
/// none: that removal is left out, with a note. `wanted`: names; empty: all. A combination that makes no plan
/// is left out, with a note, and the next one goes on from the last that did.
Ablation ablate(const Assembled& base, const std::shared_ptr<const RoutingTrace>& unbalanced,
                std::span<const std::string> wanted, RoutingPools& pools, const Parallel& parallel);

Page ablation_page(const Ablation& ablation);
std::vector<Table> ablation_tables(const Ablation& ablation);
nlohmann::ordered_json ablation_summary(const Ablation& ablation);

}  // namespace orrery
