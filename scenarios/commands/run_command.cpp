#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <mutex>
#include <sstream>
#include <variant>

#include "reports/json.hpp"
#include "reports/numbers.hpp"
#include "reports/progress.hpp"
#include "reports/publish.hpp"
#include "reports/style.hpp"
#include "reports/text_layout.hpp"
#include "scenarios/answering/answer.hpp"
#include "scenarios/answering/sensitivity.hpp"
#include "scenarios/commands/commands.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/show.hpp"

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

/// Several jobs at once, and how many of them are done.
Parallel run_in_parallel(Progress& progress) {
  return [&progress](int count, const std::function<void(int)>& job) {
    std::mutex one;
    int finished = 0;
    tbb::parallel_for(0, count, [&](int i) {
      job(i);
      const std::lock_guard lock(one);
      progress.update(double(++finished) / count);
    });
  };
}

/// The GPUs that the command line asks to trace ("0", "0,128"), else those of the scenario.
std::vector<std::uint32_t> traced_gpus(const CommandLine& line, const Scenario& scenario) {
  std::vector<std::uint32_t> gpus;
  for (const std::string& word : line.trace) {
    std::istringstream numbers(word);
    for (std::string number; std::getline(numbers, number, ',');) {
      if (number.empty()) continue;
      const bool fits = number.size() <= 9;  // Else larger than any cluster: refused as such.
      gpus.push_back(fits ? std::uint32_t(std::stoul(number)) : std::numeric_limits<std::uint32_t>::max());
    }
  }
  if (!gpus.empty()) return gpus;
  if (!line.traced || !scenario.trace.ranks.empty()) return scenario.trace.ranks;
  return {0};
}

/// The step's timeline is kept by simulated rank; users count GPUs. A GPU that is not simulated is a finding.
Checked<std::vector<std::uint32_t>> simulated_ranks(const TrainingPlan& plan,
                                                    const std::vector<std::uint32_t>& gpus) {
  Checked<std::vector<std::uint32_t>> ranks;
  const bool experts = plan.model.experts && plan.expert > 1;
  const int each = plan.gpus_per_pipeline_rank(), per_member = experts ? 1 : plan.tensor * plan.context;
  const int members = experts ? plan.expert : 1;
  const int simulated = plan.fidelity == Fidelity::Full ? each / per_member : members;
  for (const std::uint32_t gpu : gpus) {
    if (gpu >= std::uint32_t(plan.gpus())) {
      ranks.findings.push_back({"trace.ranks",
                                fmt::format("there is no GPU {} to trace among {}", gpu, plan.gpus()),
                                fmt::format("0 to {}", plan.gpus() - 1)});
      continue;
    }
    const int pipeline_rank = int(gpu) / each, lane = int(gpu) % each / per_member;
    if (lane < simulated) {
      ranks.value.push_back(std::uint32_t(pipeline_rank * simulated + lane));
    } else {
      ranks.findings.push_back(
          {"trace.ranks",
           fmt::format("GPU {} is not simulated: folded fidelity runs the first {} of every {}", gpu,
                       simulated * per_member, each),
           fmt::format("trace GPU {} of the same pipeline rank, or run with --fidelity full",
                       pipeline_rank * each)});
    }
  }
  return ranks;
}

/// What would keep files from being written, found before the work instead of after it.
std::optional<PublishFault> folder_fault(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::path there = std::filesystem::absolute(folder, ignored);
  while (!std::filesystem::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  const std::string shown =
      there == std::filesystem::absolute(folder, ignored) ? folder.string() : there.string();
  if (!std::filesystem::is_directory(there, ignored))
    return PublishFault{shown, "write into", std::strerror(ENOTDIR)};
  if (::access(there.c_str(), W_OK | X_OK) != 0)
    return PublishFault{shown, "write into", std::strerror(errno)};
  return std::nullopt;
}

std::vector<Attribute> provenance(const Answer& answer, const std::string& scenario_toml) {
  return {{"title", answer.scenario->title},
          {"source", "orrery " ORRERY_VERSION},
          {"history", "orrery run"},
          {"orrery_version", ORRERY_VERSION},
          {"seed", std::to_string(answer.plan->seed)},
          {"scenario_toml", scenario_toml}};
}

/// "deepseek-v3" and "mine/deepseek-v3.toml" alike go to out/deepseek-v3; a dot may be part of a name.
std::string default_folder(const std::string& name) {
  std::string last = std::filesystem::path(name).filename().string();
  if (last.ends_with(".toml") || last.ends_with(".json")) last.resize(last.size() - 5);
  return "out/" + (last.empty() ? "scenario" : last);
}

/// A question that can be simulated.
struct Question {
  ScenarioReading reading;
  Assembled assembled;
  Findings too_large;  ///< Only of a scenario that wants the answer all the same.
  std::string folder;
};

/// The question, or the exit code of its refusal.
std::variant<Question, int> read_question(const CommandLine& line) {
  Question q{.reading = read_scenario(line.names.front(), all_sets(line)),
             .assembled = {},
             .too_large = {},
             .folder = line.out};
  const Document& document = q.reading.document;
  if (!q.reading.ok()) return refuse(line, document, q.reading.diagnostics);
  q.assembled = assemble(q.reading);
  if (!q.assembled.ok()) return refuse(line, q.assembled.document, q.assembled.diagnostics);
  TrainingPlan& plan = q.assembled.plan;
  q.too_large = check_memory(memory_request(plan), plan.gpu.memory, plan.gpu.name);
  if (!q.too_large.empty() && q.reading.scenario.simulation.memory != "report")
    return refuse_memory(line, document, q.too_large);
  Checked<std::vector<std::uint32_t>> traced = simulated_ranks(plan, traced_gpus(line, q.reading.scenario));
  if (!traced.ok()) return refuse(line, document, place_findings(document, traced.findings));
  plan.traced = std::move(traced.value);
  if (q.folder.empty()) q.folder = default_folder(line.names.front());
  if (const auto fault = folder_fault(q.folder)) return refuse_world(line, to_text(*fault));
  return q;
}

/// The step, the run and the memory. Findings are about phases whose step cannot be laid on the cluster.
Checked<Answer> simulate(const Question& question, const Progress::Outlet& outlet) {
  const TrainingPlan& plan = question.assembled.plan;
  Checked<Answer> checked;
  Answer& answer = checked.value;
  answer.scenario = &question.reading.scenario;
  answer.plan = &plan;
  answer.price = question.assembled.price;
  const std::optional<RoutingPool> pool = plan_routing(plan);
  {
    Progress progress("a step of " + plan.model.name + " on " + grouped(plan.gpus()) + " GPUs", outlet);
    answer.step = simulate_step(plan, pool ? &*pool : nullptr, [&](double share) { progress.update(share); });
  }
  for (const Finding& finding : question.too_large) answer.step.notes.push_back(finding.problem);
  Progress progress("steps of the phases", outlet);
  Checked<std::vector<PhaseOutcome>> run = simulate_run({.plan = plan,
                                                         .phases = question.assembled.phases,
                                                         .fallback = question.assembled.fallback,
                                                         .full = &answer.step,
                                                         .pool = pool ? &*pool : nullptr},
                                                        run_in_parallel(progress));
  answer.phases = std::move(run.value);
  checked.findings = std::move(run.findings);
  const MemoryRequest memory =
      memory_request(plan);  // It points into the plan, so it is made where the plan stays.
  for (int rank = 0; rank < plan.pipeline; ++rank) answer.memory.push_back(rank_memory(memory, rank));
  return checked;
}

void print(const CommandLine& line, const Results& results, const Page& page, const Style& style) {
  if (line.json) {
    std::cout << to_text(results.summary);
  } else if (!line.quiet) {
    std::cout << to_text(page, style);
  }
}

void say_what_was_written(const std::string& folder, const std::vector<OutputFile>& files,
                          const Style& style) {
  std::string names;
  for (const OutputFile& file : files) names += " " + file.name;
  std::cerr << "\n";
  for (const std::string& part : wrapped("written to " + folder + "/:" + names, style.columns))
    std::cerr << part << "\n";
}

}  // namespace

int run_command(const CommandLine& line) {
  const std::size_t wanted =
      line.threads > 0 ? std::size_t(line.threads) : std::size_t(tbb::info::default_concurrency());
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, wanted);
  const std::variant<Question, int> read = read_question(line);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);
  const Document& document = question.reading.document;

  const Wish ascii = line.ascii ? Wish::Always : Wish::Automatic;
  const Style talk = choose_style(look_around(2), Wish::Automatic, ascii);
  const Progress::Outlet outlet{
      .channel = line.quiet ? ProgressChannel::Quiet : progress_channel(look_around(2)),
      .style = talk,
      .clock = clock_now,
      .write = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }};
  Checked<Answer> simulated = simulate(question, outlet);
  if (!simulated.ok()) return refuse(line, document, place_findings(document, simulated.findings));
  Answer& answer = simulated.value;

  Results results;
  results.summary = summary_of(answer);
  const std::vector<ComparedFigure> compared = compare_published(answer, results.summary);
  Page page = page_of(answer, results.summary, compared);
  results.tables = tables_of(answer, compared);
  if (line.sensitivity) {
    Progress progress("steps under other choices", outlet);
    const SensitivityTable sensitivity = sensitivity_of(*answer.plan, answer.step, run_in_parallel(progress));
    page.sections.push_back(sensitivity.section);
    results.tables.push_back(sensitivity.table);
  }
  results.summary_text = to_text(page, Style{});
  results.scenario_toml = show_scenario(document);
  results.attributes = provenance(answer, results.scenario_toml);
  results.timeline = std::move(answer.step.outcome.timeline);
  const std::vector<OutputFile> files = files_of(results);
  if (const auto fault = publish(question.folder, files)) return refuse_world(line, to_text(*fault));
  print(line, results, page, choose_style(look_around(1), Wish::Automatic, ascii));
  std::cout.flush();  // The answer comes before the talk about it, also where both go to one file.
  if (!line.quiet) say_what_was_written(question.folder, files, talk);
  return done;
}

}  // namespace orrery
