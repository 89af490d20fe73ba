#include <fmt/format.h>

#include <iostream>

#include "models/pipeline/schedule.hpp"
#include "scenarios/assemble.hpp"
#include "scenarios/commands.hpp"
#include "scenarios/explain.hpp"
#include "scenarios/hardware.hpp"
#include "scenarios/nearest.hpp"
#include "scenarios/refusal.hpp"
#include "scenarios/show.hpp"
#include "topologies/catalog.hpp"

namespace orrery {

int show_command(const CommandLine& line) {
  const ScenarioReading reading = read_scenario(line.names.front(), line.sets);
  if (!reading.ok()) return refuse(line, reading.document, reading.diagnostics);
  std::cout << show_scenario(reading.document);
  return done;
}

int check_command(const CommandLine& line) {
  int worst = done;
  for (const std::string& name : line.names) {
    const ScenarioReading reading = read_scenario(name, line.sets);
    if (!reading.ok()) {
      worst = std::max(worst, refuse(line, reading.document, reading.diagnostics));
      continue;
    }
    const Assembled assembled = assemble(reading);
    if (!assembled.ok()) {
      worst = std::max(worst, refuse(line, reading.document, assembled.diagnostics));
      continue;
    }
    const TrainingPlan& plan = assembled.plan;
    const Findings memory = check_memory(memory_request(plan), plan.gpu.memory, plan.gpu.name);
    if (!memory.empty() && reading.scenario.simulation.memory == "refuse") {
      worst = std::max(worst, refuse_memory(line, reading.document, memory));
      continue;
    }
    if (!line.quiet) std::cout << name << ": nothing wrong\n";
  }
  return worst;
}

namespace {

template <class Rows>
void list_rows(std::string_view title, const Rows& rows) {
  std::cout << title << "\n";
  for (const auto& row : rows) std::cout << fmt::format("  {:<24} {}\n", row.name, row.help);
}

void list_data(std::string_view title, DataKind kind) {
  std::cout << title << "\n ";
  std::size_t column = 1;
  for (const std::string_view name : data_names(kind)) {
    if (column + name.size() + 1 > 100) {
      std::cout << "\n ";
      column = 1;
    }
    std::cout << " " << name;
    column += name.size() + 1;
  }
  std::cout << "\n";
}

}  // namespace

int list_command(const CommandLine&) {
  list_data("scenarios", DataKind::Scenario);
  list_data("models", DataKind::Model);
  list_data("GPUs", DataKind::Gpu);
  list_data("network adapters", DataKind::Nic);
  list_data("switches", DataKind::Switch);
  list_data("nodes", DataKind::Node);
  list_data("kernel families", DataKind::Kernels);
  list_rows("topologies", topology_kinds());
  list_rows("schedules", schedule_kinds());
  std::cout << "explain any of them, or a scenario key: orrery explain NAME\n";
  return done;
}

int explain_command(const CommandLine& line) {
  const std::optional<std::string> text = explanation(line.names.front());
  if (text) {
    std::cout << *text;
    return done;
  }
  const std::vector<std::string_view> known = explained_names();
  return refuse_usage("nothing is called '" + line.names.front() + "'", suggestion(line.names.front(), known));
}

int schedule_command(const CommandLine& line) {
  const std::string& name = line.names.front();
  const ScheduleKind* kind = find_schedule(name);
  if (!kind) {
    std::vector<std::string_view> known;
    for (const ScheduleKind& k : schedule_kinds()) known.push_back(k.name);
    return refuse_usage("no schedule is called '" + name + "'", suggestion(name, known));
  }
  const PipelineShape shape{.ranks = line.ranks, .micro_batches = line.micro_batches, .virtual_stages = line.virtual_stages};
  const Findings findings = kind->check(shape);
  if (!findings.empty()) return refuse_usage(findings.front().problem, findings.front().remedy);
  const PipelineSchedule schedule = kind->build(shape);
  const ScheduleCost cost = walk(schedule, {Seconds(1), Seconds(1), Seconds(1), Seconds(3)});
  std::cout << (line.gantt ? gantt(schedule) : picture(schedule));
  double idle = 0;
  int chunks = 0;
  for (const Seconds s : cost.idle) idle = std::max(idle, s.value());
  for (const int c : cost.peak_chunks) chunks = std::max(chunks, c);
  std::cout << fmt::format("{}: {}\n", kind->name, kind->help)
            << fmt::format("with every pass of one unit (an overlapped pair: three): {:g} units, at most {:g} idle on a rank, at most {} "
                           "chunks of activations alive\n",
                           cost.makespan.value(), idle, chunks);
  return done;
}

}  // namespace orrery
