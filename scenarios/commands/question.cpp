#include "scenarios/commands/question.hpp"

#include <fmt/format.h>
#include <tbb/info.h>
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

#include "reports/json.hpp"
#include "reports/publish.hpp"
#include "reports/text_layout.hpp"
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
  const int members = experts && plan.fidelity != Fidelity::Lockstep ? plan.expert : 1;
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
           fmt::format("GPU {} is not simulated: this fidelity runs the first {} of every {}", gpu,
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

}  // namespace

std::string default_folder(const std::string& name) {
  std::string last = std::filesystem::path(name).filename().string();
  if (last.ends_with(".toml") || last.ends_with(".json")) last.resize(last.size() - 5);
  return "out/" + (last.empty() ? "scenario" : last);
}

std::optional<int> refuse_answers(const CommandLine& line, const Question& question, std::string_view verb) {
  const Document& document = question.reading.document;
  for (const TrainingPhase& phase : question.assembled.phases) {
    if (!phase.answers) continue;
    const std::string key = phase.answers->place + ".method";
    return refuse(
        line, document,
        place_findings(document, {{key,
                                   "orrery " + std::string(verb) + " weighs training steps; in phase \"" +
                                       phase.name + "\" the model answers",
                                   "orrery sweep varies such phases; or a scenario without it"}}));
  }
  return std::nullopt;
}

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

Progress::Outlet progress_outlet(const CommandLine& line) {
  return {.channel = line.quiet ? ProgressChannel::Quiet : progress_channel(look_around(2)),
          .style = choose_style(look_around(2), Wish::Automatic, ascii_wish(line)),
          .clock = clock_now,
          .write = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }};
}

std::size_t thread_count(const CommandLine& line) {
  return line.threads > 0 ? std::size_t(line.threads) : std::size_t(tbb::info::default_concurrency());
}

Wish ascii_wish(const CommandLine& line) { return line.ascii ? Wish::Always : Wish::Automatic; }

namespace {

/// "written to FOLDER/: a b c", on standard error.
void say_what_was_written(const CommandLine& line, const std::string& folder,
                          const std::vector<OutputFile>& files) {
  const int of_answer = errno;  // Looking at the terminal must not hide why the answer could not be written.
  if (line.quiet) return;
  std::string names;
  for (const OutputFile& file : files) names += " " + file.name;
  std::cerr << "\n";
  const int columns = choose_style(look_around(2)).columns;
  for (const std::string& part : wrapped("written to " + folder + "/:" + names, columns))
    std::cerr << part << "\n";
  errno = of_answer;
}

}  // namespace

int deliver(const CommandLine& line, const Document& document, const std::string& folder, Results results,
            const Page& page, std::vector<OutputFile> more) {
  results.summary_text = to_text(page, Style{});
  results.scenario_toml = show_scenario(document);
  std::vector<Attribute> attributes{{"title", page.title},
                                    {"source", "orrery " ORRERY_VERSION},
                                    {"history", "orrery " + line.verb},
                                    {"orrery_version", ORRERY_VERSION},
                                    {"scenario_toml", results.scenario_toml}};
  results.attributes.insert(results.attributes.begin(), attributes.begin(), attributes.end());
  std::vector<OutputFile> files = files_of(results);
  for (OutputFile& file : more) files.push_back(std::move(file));
  if (const auto fault = publish(folder, files)) return refuse_world(line, to_text(*fault));
  if (line.json) {
    std::cout << to_text(results.summary);
  } else if (!line.quiet) {
    std::cout << to_text(page, choose_style(look_around(1), Wish::Automatic, ascii_wish(line)));
  }
  std::cout.flush();  // The answer comes before the talk about it, also where both go to one file.
  say_what_was_written(line, folder, files);
  return done;
}

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

}  // namespace orrery
