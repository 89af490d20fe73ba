#include <fmt/format.h>
#include <tbb/global_control.h>

#include <variant>

#include "reports/numbers.hpp"
#include "reports/progress.hpp"
#include "scenarios/answering/answer.hpp"
#include "scenarios/answering/sensitivity.hpp"
#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"

namespace orrery {
namespace {

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
  Seconds work{};
  for (const PhaseOutcome& phase : answer.phases) work += phase.wall;
  double gpu_hours = 0;
  for (const PhaseOutcome& phase : answer.phases) gpu_hours += phase.gpu_hours;
  if (checked.ok() && gpu_hours > 0)
    answer.ownership =
        own_or_rent(question.reading.scenario.ownership, question.assembled, answer.step, gpu_hours);
  if (checked.ok() && !question.assembled.failures.causes.empty() && work > Seconds(0)) {
    Progress weeks("weeks with interruptions", outlet);
    answer.operation =
        operate_run(question.reading.scenario.operation, question.assembled.failures, question.assembled,
                    work, to_seconds(answer.step.time), run_in_parallel(weeks));
  }
  return checked;
}

}  // namespace

int run_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  const std::variant<Question, int> read = read_question(line);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);
  const Document& document = question.reading.document;

  const Progress::Outlet outlet = progress_outlet(line);
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
  results.attributes = {{"seed", std::to_string(answer.plan->seed)}};
  results.timeline = std::move(answer.step.outcome.timeline);
  return deliver(line, document, question.folder, std::move(results), page);
}

}  // namespace orrery
