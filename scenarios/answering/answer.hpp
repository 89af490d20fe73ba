#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/memory/memory.hpp"
#include "models/run/run.hpp"
#include "reports/catalog.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/answering/operation_answer.hpp"
#include "scenarios/answering/ownership.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// All that one `orrery run` found out, before it takes any form.
struct Answer {
  const Scenario* scenario = nullptr;
  const TrainingPlan* plan = nullptr;
  DollarsPerHour price{};
  TrainingStep step;
  std::vector<PhaseOutcome> phases;
  std::vector<RankMemory> memory;            ///< [pipeline rank]
  std::optional<OwnershipAnswer> ownership;  ///< Of a run that lasts.
  std::optional<OperationAnswer> operation;  ///< Where the scenario lets things fail.
};

/// One published figure beside ours.
struct ComparedFigure {
  std::string what;
  double simulated, published, error_percent;
  std::string source, note;
};

/// The summary: the one tree that --json prints and summary.json holds. Keys end in their units.
nlohmann::ordered_json summary_of(const Answer& answer);

/// A figure of the summary by its dotted key. In a list of objects the second word is a name:
/// "phases.x.gpu_hours" sums over every phase named x or x-something. None where there is no such number.
std::optional<double> figure_at(const nlohmann::ordered_json& summary, std::string_view key);

std::vector<ComparedFigure> compare_published(const Answer& answer, const nlohmann::ordered_json& summary);

/// Where the mean rank's step goes, for the bars: disjoint parts that sum to the step.
struct TimePart {
  std::string name;
  Seconds time;
};
std::vector<TimePart> time_parts(const Answer& answer);

std::vector<Table> tables_of(const Answer& answer, const std::vector<ComparedFigure>& compared);
Page page_of(const Answer& answer, const nlohmann::ordered_json& summary,
             const std::vector<ComparedFigure>& compared);

}  // namespace orrery
