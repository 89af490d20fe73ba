#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "models/run/run.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// What a network architect asks of one combination.
struct ComparedPoint {
  std::vector<std::string> sets;  ///< KEY=VALUE, what makes it this one.
  int gpus = 0;
  std::int64_t switches = 0;
  Dollars network{};  ///< Bill of the network by the price list.
  Watts network_power{};
  DollarsPerHour gpu_hour{};  ///< Of one GPU, this network instead of the scenario's own.
  Seconds step{};
  double mfu = 0;               ///< Attention counted causal.
  Seconds exposed{};            ///< All-to-all that compute waits for, mean over ranks.
  std::string hottest;          ///< The network link with the most use; empty when folded.
  double hottest_use = 0;       ///< What crossed it over what the step could carry.
  double usd_per_trillion = 0;  ///< Trained tokens.
  Bytes over{};                 ///< What the fullest rank lacks in memory; zero: it fits.
};

/// Simulates a step of every point and prices it.
///
///   $/GPU-hour       the scenario's price, which pays its own network, and the difference of the two
///                    networks' bills over the life that the price list gives them
///   $ a trillion     GPUs * step time / tokens of a step * 1e12 * $/GPU-hour
///   hottest link     among NIC and trunk links, at full fidelity
///
/// Precondition: `base` and each of `points` is ok(). `sets` names the points, in the same order.
std::vector<ComparedPoint> compare(const Assembled& base, std::span<const Assembled> points,
                                   std::span<const std::vector<std::string>> sets, const Parallel& parallel);

/// The first of those that fit with the fewest dollars a token; the first of all where none fits.
std::size_t best_of(std::span<const ComparedPoint> points);

Page comparison_page(std::string title, std::span<const ComparedPoint> points);
Table comparison_table(std::span<const ComparedPoint> points);
nlohmann::ordered_json comparison_summary(std::string_view title, std::span<const ComparedPoint> points);

}  // namespace orrery
