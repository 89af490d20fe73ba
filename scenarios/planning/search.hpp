#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/sweeping/figures.hpp"

namespace orrery {

/// What a plan must keep to.
struct PlanLimits {
  std::optional<Seconds> deadline;
  std::optional<Dollars> budget;
};

/// A cluster size of the search: the scenario on that many GPUs.
struct PlanCluster {
  Assembled base;
};

/// Why a plan of the space was not simulated.
enum class Pruned : std::uint8_t {
  Sizes,     ///< Its sizes do not divide, or its schedule cannot be built.
  Memory,    ///< It does not fit.
  Deadline,  ///< Its lower bound is over the deadline,
  Budget,    ///< or over the budget,
  Bound,     ///< or no better than a plan that was simulated.
  Count
};
std::string_view pruned_name(Pruned reason);

/// One plan that was simulated.
struct RankedPlan {
  std::vector<std::string> sets;       ///< What makes it, as --set takes it.
  std::string words;                   ///< "PP16 EP64, dualpipe, micro-batch 1, ..."
  Figures figures;                     ///< In lockstep; of finalists folded.
  Seconds bound{};                     ///< Its lower bound.
  bool folded = false, asked = false;  ///< `asked`: the scenario's own plan.
  bool meets = false;                  ///< Fits, and within the limits.
};

/// The nearest that a plan comes to the limits where none meets them.
struct NearMiss {
  std::string what;   ///< "memory", "deadline", "budget"
  std::string words;  ///< The plan, and by how much.
};

struct PlanAnswer {
  std::string title;
  PlanLimits limits;
  std::int64_t considered = 0, simulated = 0;
  std::array<std::int64_t, std::size_t(Pruned::Count)> pruned{};
  std::vector<RankedPlan> plans;  ///< Those simulated that meet the limits first, the cheapest first.
  std::vector<NearMiss> near;     ///< Only where none meets the limits.
  double tightest = 0;            ///< Mean of bound over simulated time.
  bool found() const { return !plans.empty() && plans.front().meets; }
};

/// Searches for the cheapest plan.
///
///   The space: pipeline, expert, tensor and context ranks and micro-batch in powers of two, every schedule
///   (the interleaved one with 2 and 4 stages a rank), five choices of recompute, FP8 and BF16, each cluster
///   given. A plan that fits the memory has a lower bound of its step, hence of its cost and time; plans are
///   simulated in lockstep, those with the lowest bound on the cost first, until no bound left lies below the
///   best simulated cost. So no plan that was pruned can be cheaper: its bound is below its simulated step
///   (checked for each simulated one), and at or above the best. The best twelve are simulated again, folded,
///   and the scenario's own plan with them.
///
/// The same answer at any number of threads: plans are simulated in fixed batches.
/// Leaves out  the global batch and the sequence, which are the training's, not the plan's; other layer maps.
PlanAnswer search_plans(const std::vector<PlanCluster>& clusters, const PlanLimits& limits,
                        RoutingPools& pools, const Parallel& parallel);

Page plan_page(const PlanAnswer& answer);
Table plan_table(const PlanAnswer& answer);
nlohmann::ordered_json plan_summary(const PlanAnswer& answer);

}  // namespace orrery
