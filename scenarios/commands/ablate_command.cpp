#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <sstream>

#include "scenarios/ablating/ablation.hpp"
#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/nearest.hpp"

namespace orrery {
namespace {

constexpr const char* dense_scenario = "llama-3.1-405b-16k";

/// The names of --only; a wrong one is refused with the nearest.
std::variant<std::vector<std::string>, int> wanted_of(const CommandLine& line) {
  std::vector<std::string_view> known;
  for (const Removal& removal : removals()) known.push_back(removal.name);
  std::vector<std::string> wanted;
  for (const std::string& word : line.ablate.only) {
    std::istringstream names(word);
    for (std::string name; std::getline(names, name, ',');) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        std::string all;
        for (const std::string_view one : known) all += (all.empty() ? "" : ", ") + std::string(one);
        const std::string near = suggestion(name, known);
        return refuse_usage(line, "--only: nothing is called '" + name + "'",
                            near.empty() ? all : near + "; known: " + all);
      }
      wanted.push_back(name);
    }
  }
  return wanted;
}

DenseBeside dense_beside(const Assembled& base, RoutingPools& pools) {
  double tokens = 0;
  for (const TrainingPhase& phase : base.phases)
    tokens += double(
        phase.tokens.value_or(phase.steps.value_or(0) * std::int64_t(phase.global_batch) * phase.sequence));
  const std::vector<std::string> sets{fmt::format("train.tokens={:.0f}", tokens > 0 ? tokens : 1e12)};
  const Assembled dense = assemble(read_scenario(dense_scenario, sets));
  const auto flops = [](const TrainingPlan& p) {
    return training_flops_per_token(p.model, p.sequence, AttentionCount::Causal).value();
  };
  return {.name = dense.plan.model.name,
          .figures = weigh(dense, {.too_large = TooLarge::Simulate}, pools),
          .flops_per_token = flops(dense.plan),
          .base_flops_per_token = flops(base.plan),
          .tokens = tokens > 0 ? tokens : 1e12};
}

}  // namespace

int ablate_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  const auto wanted = wanted_of(line);
  if (const int* refused = std::get_if<int>(&wanted)) return *refused;
  CommandLine as_asked = line;
  as_asked.sets.push_back(
      "simulation.memory=report");  // What does not fit without it is a finding, no fault.
  if (as_asked.out.empty()) as_asked.out = default_folder(line.names.front()) + "-ablate";
  const std::variant<Question, int> read = read_question(as_asked);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);
  const Assembled& base = question.assembled;
  if (const auto refused = refuse_answers(line, question, "ablate")) return *refused;

  std::shared_ptr<const RoutingTrace> unbalanced;
  if (!line.ablate.unbalanced.empty()) {
    std::vector<std::string> sets = as_asked.sets;
    sets.push_back("routing.trace=" + line.ablate.unbalanced);
    const Assembled with_trace = assemble(read_scenario(line.names.front(), sets));
    if (!with_trace.ok()) return refuse(line, with_trace.document, with_trace.diagnostics);
    unbalanced = with_trace.plan.trace;
  }
  RoutingPools pools;
  Ablation ablation;
  {
    Progress progress("steps without one thing or another", progress_outlet(line));
    ablation = ablate(base, unbalanced, std::get<std::vector<std::string>>(wanted), pools,
                      run_in_parallel(progress));
  }
  ablation.title = "orrery ablate: " + question.reading.scenario.title;
  ablation.fidelity = question.reading.scenario.simulation.fidelity;
  if (base.plan.model.experts) ablation.dense = dense_beside(base, pools);
  Results results;
  results.stem = "ablate";
  results.summary = ablation_summary(ablation);
  results.tables = ablation_tables(ablation);
  return deliver(line, question.reading.document, question.folder, std::move(results),
                 ablation_page(ablation));
}

}  // namespace orrery
