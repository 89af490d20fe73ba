#include <fmt/format.h>
#include <tbb/global_control.h>

#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/comparing/comparison.hpp"
#include "scenarios/comparing/variation.hpp"

namespace orrery {
namespace {

/// What the command line asks to vary; without a word, every fabric would be a guess: a finding.
Checked<std::vector<Variation>> variations_of(const CommandLine& line) {
  Checked<std::vector<Variation>> all;
  std::vector<std::string> arguments = line.vary;
  for (const std::string& names : line.topologies) arguments.push_back("cluster.topology=" + names);
  for (const std::string& argument : arguments) {
    Checked<Variation> read = read_variation(argument);
    all.findings.insert(all.findings.end(), read.findings.begin(), read.findings.end());
    all.value.push_back(std::move(read.value));
  }
  if (arguments.empty())
    all.findings.push_back(
        {"", "compare needs something that varies",
         "as in --topology multi-plane-fat-tree,dragonfly or --vary cluster.gpu=h800,h100"});
  return all;
}

}  // namespace

int compare_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  const Checked<std::vector<Variation>> variations = variations_of(line);
  if (!variations.ok())
    return refuse_usage(line, variations.findings.front().problem, variations.findings.front().remedy);
  // Contention is what is asked about, so flows are simulated unless the user says otherwise. The base must
  // be right by itself; whether it fits the memory is for the table to say.
  CommandLine as_asked = line;
  if (as_asked.fidelity.empty()) as_asked.fidelity = "full";
  as_asked.sets.push_back("simulation.memory=report");
  if (as_asked.out.empty()) as_asked.out = default_folder(line.names.front()) + "-compare";
  const std::variant<Question, int> read = read_question(as_asked);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& base = std::get<Question>(read);

  const std::vector<std::vector<std::string>> sets = combinations(variations.value);
  std::vector<Assembled> points;
  for (const std::vector<std::string>& of_a_point : sets) {
    std::vector<std::string> all = as_asked.sets;
    all.push_back("simulation.fidelity=" + as_asked.fidelity);
    all.insert(all.end(), of_a_point.begin(), of_a_point.end());
    const ScenarioReading reading = read_scenario(line.names.front(), all);
    if (!reading.ok()) return refuse(line, reading.document, reading.diagnostics);
    points.push_back(assemble(reading));
    if (!points.back().ok()) return refuse(line, points.back().document, points.back().diagnostics);
  }
  std::vector<ComparedPoint> compared;
  {
    Progress progress(fmt::format("{} combinations", points.size()), progress_outlet(line));
    compared = compare(base.assembled, points, sets, run_in_parallel(progress));
  }

  const std::string title = "orrery compare: " + base.assembled.plan.model.name;
  Results results;
  results.stem = "compare";
  results.summary = comparison_summary(title, compared);
  results.tables = {comparison_table(compared)};
  return deliver(line, base.reading.document, base.folder, std::move(results),
                 comparison_page(title, compared));
}

}  // namespace orrery
