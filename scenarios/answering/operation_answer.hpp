#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "models/operation/operation.hpp"
#include "models/run/run.hpp"
#include "reports/table.hpp"
#include "reports/terminal.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// How good a run is at one time between interruption and first step.
struct DownTime {
  Seconds down{};                         ///< Detection and restart together.
  double goodput = 0, low = 0, high = 0;  ///< Mean, 5th and 95th of a hundred runs.
};

/// What interruptions make of a run.
struct OperationAnswer {
  FailureTable table;
  int job_gpus = 0;    ///< Without spares.
  int gpus = 0;        ///< Spares counted.
  Bytes checkpoint{};  ///< Of the whole job.
  Seconds between{};   ///< Two interruptions, in the mean.
  Seconds young{}, daly{};
  OperationRequest request;  ///< As simulated; without a known downtime, without one.
  bool down_is_known = false;
  std::vector<OperationOutcome> runs;  ///< One a seed; none where the downtime is not known.
  std::vector<IntervalWaste> by_interval;
  std::vector<DownTime> curve;
  std::optional<Seconds> down_at_90;  ///< Where the curve passes 90 %.
  DollarsPerHour price{};
};

/// Bytes of a checkpoint: master weights and moments of every parameter once.
Bytes checkpoint_bytes(const TrainingPlan& plan);

/// Simulates the run of `work` with what [operation] says, several times. Precondition: it names failures.
OperationAnswer operate_run(const Scenario::Operation& operation, const FailureTable& table,
                            const Assembled& assembled, Seconds work, Seconds step, const Parallel& parallel);

std::vector<Section> operation_sections(const OperationAnswer& answer);
std::vector<Table> operation_tables(const OperationAnswer& answer);
nlohmann::ordered_json operation_summary(const OperationAnswer& answer);

}  // namespace orrery
