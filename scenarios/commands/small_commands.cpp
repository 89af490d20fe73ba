#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "models/pipeline/schedule.hpp"
#include "reports/style.hpp"
#include "reports/text_layout.hpp"
#include "scenarios/commands/commands.hpp"
#include "scenarios/commands/explain.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/assemble.hpp"
#include "scenarios/reading/hardware.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/reading/show.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

namespace orrery {

namespace {

using Json = nlohmann::ordered_json;

/// Bytes that are not UTF-8 (a file's name) are replaced instead of thrown about.
void print(const Json& tree) {
  std::cout << tree.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

/// Everything wrong with one scenario short of simulating it.
struct Verdict {
  Document document;
  Diagnostics diagnostics;
  ExitCode code = done;
};
Verdict verdict_on(const std::string& name, const std::vector<std::string>& sets) {
  const ScenarioReading reading = read_scenario(name, sets);
  if (!reading.ok()) return {reading.document, reading.diagnostics, fault_code(reading.diagnostics)};
  const Assembled assembled = assemble(reading);
  if (!assembled.ok()) return {assembled.document, assembled.diagnostics, fault_code(assembled.diagnostics)};
  if (reading.scenario.simulation.memory == "report") return {};
  const TrainingPlan& plan = assembled.plan;
  const Findings memory = check_memory(memory_request(plan), plan.gpu.memory, plan.gpu.name);
  return {reading.document, place_findings(reading.document, memory), memory.empty() ? done : does_not_fit};
}

}  // namespace

int show_command(const CommandLine& line) {
  const ScenarioReading reading = read_scenario(line.names.front(), line.sets);
  if (!reading.ok()) return refuse(line, reading.document, reading.diagnostics);
  if (line.json) {
    print(show_json(reading.document));
  } else if (!line.quiet) {
    std::cout << show_scenario(reading.document);
  }
  return done;
}

int check_command(const CommandLine& line) {
  int worst = done;
  Json all = Json::array();
  for (const std::string& name : line.names) {
    Verdict verdict = verdict_on(name, line.sets);
    worst = std::max<int>(worst, verdict.code);
    sort_by_place(verdict.diagnostics);
    if (line.json) {
      all.push_back(
          {{"scenario", name},
           {"exit_code", int(verdict.code)},
           {"findings", Json::parse(diagnostics_json(verdict.diagnostics, verdict.document.sources))}});
    } else if (verdict.code != done) {
      std::cerr << diagnostics_text(verdict.diagnostics, verdict.document.sources);
    } else if (!line.quiet) {
      std::cout << name << ": nothing wrong\n";
    }
  }
  if (line.json) print(all);
  return worst;
}

namespace {

struct DataList {
  const char* title;
  const char* key;
  DataKind kind;
};
constexpr DataList data_lists[] = {{"scenarios", "scenarios", DataKind::Scenario},
                                   {"models", "models", DataKind::Model},
                                   {"GPUs", "gpus", DataKind::Gpu},
                                   {"network adapters", "nics", DataKind::Nic},
                                   {"switches", "switches", DataKind::Switch},
                                   {"nodes", "nodes", DataKind::Node},
                                   {"price lists", "prices", DataKind::Prices},
                                   {"failure tables", "failures", DataKind::Failures},
                                   {"kernel families", "kernels", DataKind::Kernels}};

template <class Rows>
void list_rows(std::string_view title, const Rows& rows, int columns) {
  std::cout << title << "\n";
  for (const auto& row : rows) {
    std::string name = fmt::format("  {:<22}", row.name);
    for (const std::string& part : wrapped(row.help, columns - 24)) {
      std::cout << name << part << "\n";
      name = std::string(24, ' ');
    }
  }
}

void list_data(const DataList& list, int columns) {
  std::string names;
  for (const std::string_view name : data_names(list.kind)) names += std::string(name) + " ";
  std::cout << list.title << "\n";
  for (const std::string& part : wrapped(names, columns - 2)) std::cout << "  " << part << "\n";
}

template <class Rows>
Json rows_json(const Rows& rows) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back({{"name", row.name}, {"help", row.help}});
  return list;
}

}  // namespace

int list_command(const CommandLine& line) {
  if (line.json) {
    Json all;
    for (const DataList& list : data_lists) all[list.key] = data_names(list.kind);
    all["topologies"] = rows_json(topology_kinds());
    all["routings"] = rows_json(routing_kinds());
    all["schedules"] = rows_json(schedule_kinds());
    print(all);
    return done;
  }
  const int columns = choose_style(look_around(1)).columns;
  for (const DataList& list : data_lists) list_data(list, columns);
  list_rows("topologies", topology_kinds(), columns);
  list_rows("routings", routing_kinds(), columns);
  list_rows("schedules", schedule_kinds(), columns);
  std::cout << "explain any of them, or a scenario key: orrery explain NAME\n";
  return done;
}

int explain_command(const CommandLine& line) {
  const std::string& name = line.names.front();
  const std::optional<std::string> text = explanation(name);
  if (!text)
    return refuse_usage(line, "nothing is called '" + name + "'", suggestion(name, explained_names()));
  if (line.json) {
    print({{"name", name}, {"text", *text}});
  } else {
    std::cout << *text;
  }
  return done;
}

namespace {

Json schedule_json(const PipelineSchedule& schedule, const ScheduleCost& cost) {
  Json tree{{"name", schedule.name},
            {"ranks", schedule.ranks},
            {"stages", schedule.stages},
            {"micro_batches", schedule.micro_batches}};
  std::istringstream rows(picture(schedule));
  for (std::string row; std::getline(rows, row);) tree["order"].push_back(row);
  tree["makespan_units"] = cost.makespan.value();
  for (const Seconds idle : cost.idle) tree["idle_units"].push_back(idle.value());
  tree["peak_chunks"] = cost.peak_chunks;
  return tree;
}

}  // namespace

int schedule_command(const CommandLine& line) {
  const std::string& name = line.names.front();
  const ScheduleKind* kind = find_schedule(name);
  if (!kind) {
    std::vector<std::string_view> known;
    for (const ScheduleKind& k : schedule_kinds()) known.push_back(k.name);
    return refuse_usage(line, "no schedule is called '" + name + "'", suggestion(name, known));
  }
  const PipelineShape shape{
      .ranks = line.ranks, .micro_batches = line.micro_batches, .virtual_stages = line.virtual_stages};
  const Findings findings = kind->check(shape);
  if (!findings.empty()) return refuse_usage(line, findings.front().problem, findings.front().remedy);
  const PipelineSchedule schedule = kind->build(shape);
  const ScheduleCost cost = walk(schedule, {Seconds(1), Seconds(1), Seconds(1), Seconds(3)});
  if (line.json) {
    print(schedule_json(schedule, cost));
    return done;
  }
  std::cout << (line.gantt ? gantt(schedule) : picture(schedule));
  double idle = 0;
  int chunks = 0;
  for (const Seconds s : cost.idle) idle = std::max(idle, s.value());
  for (const int c : cost.peak_chunks) chunks = std::max(chunks, c);
  std::cout
      << fmt::format("\n{}: {}\n", kind->name, kind->help)
      << fmt::format(
             "a line a rank; F forward, B backward (I for inputs and W for weights apart), F&B overlapped\n"
             "if F, I and W take one unit and F&B three: {:g} units, at most {:g} of them idle on a rank,\n"
             "activations of at most {} chunks alive\n",
             cost.makespan.value(), idle, chunks);
  return done;
}

}  // namespace orrery
