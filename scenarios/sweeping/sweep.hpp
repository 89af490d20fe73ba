#pragma once

#include <span>
#include <string>
#include <vector>

#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/sweeping/figures.hpp"

namespace orrery {

/// One point of a sweep: what was set, and what came of it.
struct SweepPoint {
  std::vector<std::string> sets;  ///< KEY=VALUE.
  Figures figures;
};

/// Points that no other one beats in both cost and time: for each i, whether it is simulated and no simulated
/// point costs at most as much, lasts at most as long, and less in one of them. Points alike in both are all
/// marked.
std::vector<bool> pareto_front(std::span<const SweepPoint> points);

/// How the points are told.
struct SweepView {
  std::string title;
  std::vector<std::string> keys;  ///< That vary, one column each.
  RunDepth depth = RunDepth::FullBatch;
  std::string fidelity;
};
Page sweep_page(const SweepView& view, std::span<const SweepPoint> points);
Table sweep_table(const SweepView& view, std::span<const SweepPoint> points);
nlohmann::ordered_json sweep_summary(const SweepView& view, std::span<const SweepPoint> points);

}  // namespace orrery
