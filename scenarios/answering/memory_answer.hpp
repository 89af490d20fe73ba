#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/memory/memory.hpp"
#include "models/training/step.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"

namespace orrery {

/// One other way to run the plan, and what its fullest rank would need.
struct MemoryChoice {
  std::string schedule, recompute;
  Bytes peak{};
  bool as_asked = false;  ///< The plan itself.
};

/// What `orrery memory` found out.
struct MemoryAnswer {
  std::string title;
  Bytes capacity{};
  std::string gpu;
  std::vector<RankMemory> ranks;                   ///< [pipeline rank]
  std::vector<std::vector<Picoseconds>> op_start;  ///< [pipeline rank][op]
  std::vector<std::vector<std::string>> op_name;   ///< [pipeline rank][op] "F3", "F5&B1".
  Picoseconds step{};
  std::vector<MemoryChoice> choices;     ///< The plan first; then by schedule, from least to most recomputed.
  std::optional<std::size_t> first_fit;  ///< Among `choices`: own schedule first, then least recomputed.
  const RankMemory& fullest() const;
};

/// The memory of every rank over a step simulated in lockstep, and the peaks under every schedule that the
/// plan's sizes allow and every choice of recompute. Precondition: the plan was checked.
MemoryAnswer remember(const TrainingPlan& plan);

Page memory_page(const MemoryAnswer& answer);
std::vector<Table> memory_tables(const MemoryAnswer& answer);
nlohmann::ordered_json memory_summary(const MemoryAnswer& answer);

}  // namespace orrery
