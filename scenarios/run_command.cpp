#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "reports/json.hpp"
#include "reports/progress.hpp"
#include "reports/publish.hpp"
#include "reports/style.hpp"
#include "scenarios/answer.hpp"
#include "scenarios/commands.hpp"
#include "scenarios/refusal.hpp"
#include "scenarios/sensitivity.hpp"
#include "scenarios/show.hpp"

namespace orrery {
namespace {

Seconds clock_now() {
  return Seconds(std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

/// Wishes of the command line that are keys of the scenario as well.
std::vector<std::string> all_sets(const CommandLine& line) {
  std::vector<std::string> sets = line.sets;
  if (!line.fidelity.empty()) sets.push_back("simulation.fidelity=\"" + line.fidelity + "\"");
  return sets;
}

Parallel run_in_parallel() {
  return [](int count, const std::function<void(int)>& job) { tbb::parallel_for(0, count, [&](int i) { job(i); }); };
}

std::vector<std::uint32_t> traced_ranks(const CommandLine& line, const Scenario& scenario) {
  if (!line.trace.empty()) return line.trace;
  if (!line.traced || !scenario.trace.ranks.empty()) return scenario.trace.ranks;
  return {0};
}

/// The step's timeline is kept by simulated rank; users count GPUs.
std::vector<std::uint32_t> simulated_ranks(const TrainingPlan& plan, const std::vector<std::uint32_t>& gpus) {
  std::vector<std::uint32_t> ranks;
  const bool experts = plan.model.experts && plan.expert > 1;
  const int per_member = experts ? 1 : plan.tensor * plan.context;
  const int members = experts ? plan.expert : 1;
  const int simulated = plan.fidelity == Fidelity::Full ? plan.gpus_per_pipeline_rank() / per_member : members;
  for (const std::uint32_t gpu : gpus) {
    const int pipeline_rank = int(gpu) / plan.gpus_per_pipeline_rank(), lane = int(gpu) % plan.gpus_per_pipeline_rank() / per_member;
    if (lane < simulated && pipeline_rank < plan.pipeline) ranks.push_back(std::uint32_t(pipeline_rank * simulated + lane));
  }
  return ranks;
}

std::vector<Attribute> provenance(const Answer& answer, const std::string& scenario_toml) {
  return {{"title", answer.scenario->title},
          {"source", "orrery " ORRERY_VERSION},
          {"history", "orrery run"},
          {"orrery_version", ORRERY_VERSION},
          {"seed", std::to_string(answer.plan->seed)},
          {"scenario_toml", scenario_toml}};
}

std::string default_folder(const std::string& name) { return "out/" + std::filesystem::path(name).stem().string(); }

}  // namespace

int run_command(const CommandLine& line) {
  const std::string name = line.names.front();
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                    line.threads > 0 ? std::size_t(line.threads) : std::size_t(tbb::info::default_concurrency()));
  const std::vector<std::string> sets = all_sets(line);
  ScenarioReading reading = read_scenario(name, sets);
  if (!reading.ok()) return refuse(line, reading.document, reading.diagnostics);
  Assembled assembled = assemble(reading);
  if (!assembled.ok()) return refuse(line, reading.document, assembled.diagnostics);
  TrainingPlan& plan = assembled.plan;
  const MemoryRequest memory = memory_request(plan);
  const Findings too_large = check_memory(memory, plan.gpu.memory, plan.gpu.name);
  const bool report_only = reading.scenario.simulation.memory == "report";
  if (!too_large.empty() && !report_only) return refuse_memory(line, reading.document, too_large);
  plan.traced = simulated_ranks(plan, traced_ranks(line, reading.scenario));

  const Style terminal = choose_style(look_around(2), Wish::Automatic, line.ascii ? Wish::Always : Wish::Automatic);
  const ProgressChannel channel = line.quiet ? ProgressChannel::Quiet : progress_channel(look_around(2));
  Answer answer{.scenario = &reading.scenario, .plan = &plan, .price = assembled.price, .step = {}, .phases = {}, .memory = {}};
  const std::optional<RoutingPool> pool = plan_routing(plan);
  {
    Progress progress("simulating " + plan.model.name + " on " + std::to_string(plan.gpus()) + " GPUs",
                      {channel, terminal, clock_now, [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }});
    answer.step = simulate_step(plan, pool ? &*pool : nullptr, [&](double share) { progress.update(share); });
  }
  for (const Finding& finding : too_large) answer.step.notes.push_back(finding.problem);
  Checked<std::vector<PhaseOutcome>> run = simulate_run(
      {.plan = plan, .phases = assembled.phases, .fallback = assembled.fallback, .full = &answer.step}, run_in_parallel());
  if (!run.ok()) return refuse(line, reading.document, place_findings(reading.document, run.findings));
  answer.phases = std::move(run.value);
  for (int rank = 0; rank < plan.pipeline; ++rank) answer.memory.push_back(rank_memory(memory, rank));

  Results results;
  results.summary = summary_of(answer);
  const std::vector<ComparedFigure> compared = compare_published(answer, results.summary);
  Page page = page_of(answer, results.summary, compared);
  results.tables = tables_of(answer, compared);
  if (line.sensitivity) {
    const SensitivityTable sensitivity = sensitivity_of(plan, answer.step, run_in_parallel());
    page.sections.push_back(sensitivity.section);
    results.tables.push_back(sensitivity.table);
  }
  const std::string folder = line.out.empty() ? default_folder(name) : line.out;
  Style plain;
  results.summary_text = to_text(page, plain);
  results.scenario_toml = show_scenario(reading.document);
  results.attributes = provenance(answer, results.scenario_toml);
  results.timeline = std::move(answer.step.outcome.timeline);
  const std::vector<OutputFile> files = files_of(results);
  if (const auto fault = publish(folder, files)) {
    std::cerr << "error: " << to_text(*fault) << "\n";
    return world_failed;
  }
  if (line.json) {
    std::cout << to_text(results.summary);
  } else if (!line.quiet) {
    std::cout << to_text(page, choose_style(look_around(1), Wish::Automatic, line.ascii ? Wish::Always : Wish::Automatic));
  }
  if (!line.quiet) {
    std::cerr << "\nwritten to " << folder << "/:";
    for (const OutputFile& file : files) std::cerr << " " << file.name;
    std::cerr << "\n";
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "error: cannot write standard output\n";
    return world_failed;
  }
  return done;
}

}  // namespace orrery
