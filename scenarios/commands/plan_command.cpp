#include <fmt/format.h>
#include <tbb/global_control.h>

#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/comparing/variation.hpp"
#include "scenarios/planning/search.hpp"
#include "scenarios/reading/quantity.hpp"
#include "scenarios/reading/show.hpp"

namespace orrery {
namespace {

/// A limit of the command line; a text that is none is refused with the units allowed.
std::variant<std::optional<double>, int> read_limit(const CommandLine& line, const char* option,
                                                    const std::string& text, QuantityKind kind) {
  if (text.empty()) return std::optional<double>();
  const Checked<double> read = read_quantity(text, kind);
  if (!read.ok())
    return refuse_usage(line, std::string(option) + ": " + read.findings.front().problem,
                        read.findings.front().remedy);
  if (read.value <= 0)
    return refuse_usage(line, std::string(option) + " must be more than nothing, found " + text,
                        std::string(kind_example(kind)));
  return std::optional<double>(read.value);
}

/// Node counts of "512..8192": a range without a step doubles, as clusters do.
std::variant<std::vector<int>, int> read_gpus(const CommandLine& line, const std::string& text,
                                              int gpus_per_node, int nodes) {
  if (text.empty()) return std::vector<int>{nodes};
  const bool bare_range =
      text.find("..") != std::string::npos && text.find_first_of("*+") == std::string::npos;
  const Checked<Variation> read = read_variation("gpus=" + text + (bare_range ? "*2" : ""));
  if (!read.ok()) {
    std::string problem = read.findings.front().problem;
    return refuse_usage(line, "--gpus: " + problem, "as in --gpus 512..8192 or --gpus 1024,1536,2048");
  }
  std::vector<int> counts;
  for (const auto& alternative : read.value.alternatives) {
    const std::string word = alternative.front().substr(5);
    const Checked<double> number = read_quantity(word, QuantityKind::Count);
    if (!number.ok() || number.value < 1 || number.value > 1 << 20 || int(number.value) % gpus_per_node != 0)
      return refuse_usage(line, "--gpus: '" + word + "' is no number of whole nodes",
                          fmt::format("multiples of {} up to {}", gpus_per_node, 1 << 20));
    counts.push_back(int(number.value) / gpus_per_node);
  }
  return counts;
}

/// The winner as a file that runs by itself.
OutputFile winner_file(const std::string& scenario, const CommandLine& line, const RankedPlan& winner) {
  std::vector<std::string> sets = line.sets;
  sets.insert(sets.end(), winner.sets.begin(), winner.sets.end());
  return {"winner.toml", "# The best plan that orrery plan found: " + winner.words + "\n" +
                             show_scenario(read_scenario(scenario, sets).document)};
}

}  // namespace

int plan_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  const auto deadline = read_limit(line, "--deadline", line.plan.deadline, QuantityKind::Time),
             budget = read_limit(line, "--budget", line.plan.budget, QuantityKind::Money);
  for (const auto* limit : {&deadline, &budget})
    if (const int* refused = std::get_if<int>(limit)) return *refused;
  PlanLimits limits;
  if (const auto& days = std::get<std::optional<double>>(deadline)) limits.deadline = Seconds(*days);
  if (const auto& dollars = std::get<std::optional<double>>(budget)) limits.budget = Dollars(*dollars);

  CommandLine as_asked = line;
  as_asked.sets.push_back("simulation.memory=report");
  if (as_asked.out.empty()) as_asked.out = default_folder(line.names.front()) + "-plan";
  const std::variant<Question, int> read = read_question(as_asked);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);
  const TrainingPlan& asked = question.assembled.plan;
  if (const auto refused = refuse_answers(line, question, "plan")) return *refused;

  const auto nodes = read_gpus(line, line.plan.gpus, asked.node.gpus, asked.nodes);
  if (const int* refused = std::get_if<int>(&nodes)) return *refused;
  std::vector<PlanCluster> clusters;
  for (const int count : std::get<std::vector<int>>(nodes)) {
    std::vector<std::string> sets = as_asked.sets;
    sets.push_back(fmt::format("cluster.nodes={}", count));
    clusters.push_back({assemble(read_scenario(line.names.front(), sets))});
  }
  PlanAnswer answer;
  RoutingPools pools;
  {
    Progress progress("plans", progress_outlet(line));
    answer = search_plans(clusters, limits, pools, run_in_parallel(progress));
  }
  answer.title =
      "orrery plan: " +
      (question.reading.scenario.title.empty() ? asked.model.name : question.reading.scenario.title);
  Results results;
  results.stem = "plan";
  results.summary = plan_summary(answer);
  if (!answer.plans.empty()) results.tables = {plan_table(answer)};
  std::vector<OutputFile> more;
  if (answer.found()) more.push_back(winner_file(line.names.front(), line, answer.plans.front()));
  const int code = deliver(line, question.reading.document, question.folder, std::move(results),
                           plan_page(answer), std::move(more));
  return code != done || answer.found() ? code : int(does_not_fit);
}

}  // namespace orrery
