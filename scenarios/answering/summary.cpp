#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "scenarios/answering/answer.hpp"
#include "scenarios/answering/answered_page.hpp"

namespace orrery {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Picoseconds time) { return to_seconds(time).value(); }

/// The rows of the published step table, of one rank or of a mean.
struct StepRows {
  double forward = 0, input_backward = 0, weight_backward = 0, overlapped = 0, bubble = 0, optimizer = 0,
         exposed = 0;
};

StepRows rows_of(const Answer& answer, std::size_t member) {
  const RankTime& a = answer.step.outcome.ranks[member];
  const std::size_t each = answer.step.outcome.ranks.size() / answer.step.tails.size();
  const StepTail& tail = answer.step.tails[member / each];
  // Ranks with less to reduce wait for the one with most: idle time like any other.
  const double waiting = seconds(answer.step.time - answer.step.outcome.pipeline_end) - tail.total().value();
  return {seconds(a.forward),    seconds(a.input_backward),   seconds(a.weight_backward),
          seconds(a.overlapped), seconds(a.bubble) + waiting, tail.total().value(),
          seconds(a.exposed)};
}

constexpr double StepRows::*step_members[] = {
    &StepRows::forward, &StepRows::input_backward, &StepRows::weight_backward, &StepRows::overlapped,
    &StepRows::bubble,  &StepRows::optimizer,      &StepRows::exposed};
constexpr const char* step_names[] = {
    "forward_s", "input_backward_s", "weight_backward_s",      "overlapped_s",
    "bubble_s",  "optimizer_s",      "exposed_communication_s"};

void put_rows(Json& to, const StepRows& rows) {
  for (std::size_t i = 0; i < std::size(step_members); ++i) to[step_names[i]] = rows.*step_members[i];
}

Json step_summary(const Answer& answer) {
  const TrainingPlan& plan = *answer.plan;
  const double time = seconds(answer.step.time);
  Json step;
  step["time_s"] = time;
  step["tokens"] = plan.tokens();
  step["tokens_per_s_per_gpu"] = double(plan.tokens()) / time / plan.gpus();
  step["tokens_per_day"] = double(plan.tokens()) / time * 86400;
  step["sequences_per_s_per_gpu"] = plan.global_batch / time / plan.gpus();
  step["mfu_causal"] = answer.step.mfu_causal;
  step["mfu_noncausal"] = answer.step.mfu_full;
  // Papers on dense models count attention in full.
  step["flops_per_s_per_gpu_noncausal"] = answer.step.mfu_full * plan.gpu.bf16.value();
  step["flops_per_s_per_gpu_causal"] = answer.step.mfu_causal * plan.gpu.bf16.value();
  const std::size_t ranks = answer.step.outcome.ranks.size();
  StepRows mean, least, most;
  for (std::size_t member = 0; member < ranks; ++member) {
    const StepRows rows = rows_of(answer, member);
    for (const auto part : step_members) {
      mean.*part += rows.*part / double(ranks);
      least.*part = member == 0 ? rows.*part : std::min(least.*part, rows.*part);
      most.*part = std::max(most.*part, rows.*part);
    }
  }
  put_rows(step, mean);
  put_rows(step["rank0"], rows_of(answer, 0));
  put_rows(step["min"], least);
  put_rows(step["max"], most);
  return step;
}

Json trace_summary(const RoutingTrace& trace) {
  Json summary{{"model", trace.model},
               {"balancing", trace.balancing},
               {"layers", trace.layers},
               {"tokens", trace.tokens}};
  if (trace.text_hash != 0) summary["text_hash"] = fmt::format("{:016x}", trace.text_hash);
  return summary;
}

}  // namespace

Json summary_of(const Answer& answer) {
  const TrainingPlan& plan = *answer.plan;
  const ParameterCount parameters = count_parameters(plan.model);
  Json summary;
  summary["schema"] = "orrery-summary-1";
  summary["title"] = answer.scenario->title;
  summary["model"] = {
      {"name", plan.model.name},
      {"parameters", parameters.total},
      {"activated_parameters", parameters.activated},
      {"activated_parameters_without_embedding", parameters.activated_no_embedding},
      {"predict_module_parameters", parameters.predict_own},
      {"kv_cache_bytes_per_token", kv_cache_bytes_per_token(plan.model).value()},
      {"training_flops_per_token_causal",
       training_flops_per_token(plan.model, plan.sequence, AttentionCount::Causal).value()},
      {"training_flops_per_token_noncausal",
       training_flops_per_token(plan.model, plan.sequence, AttentionCount::Full).value()},
  };
  summary["cluster"] = {{"gpus", plan.gpus()},
                        {"gpu", plan.gpu.name},
                        {"nodes", plan.nodes},
                        {"topology", plan.topology},
                        {"gpu_hour_usd", answer.price.value()}};
  summary["plan"] = {{"schedule", plan.schedule},
                     {"pipeline", plan.pipeline},
                     {"expert", plan.expert},
                     {"tensor", plan.tensor},
                     {"context", plan.context},
                     {"data", plan.data()},
                     {"micro_batches", plan.micro_batches()},
                     {"precision", plan.precision == Precision::Fp8 ? "fp8" : "bf16"},
                     {"kernels", plan.kernels.name}};
  summary["step"] = step_summary(answer);
  if (answer.step.domains_per_token > 0) {
    summary["routing"] = {{"nodes_per_token", answer.step.domains_per_token},
                          {"ranks_per_token", answer.step.ranks_per_token}};
    if (plan.trace) summary["routing"]["trace"] = trace_summary(*plan.trace);
  }
  Bytes peak{};
  std::size_t fullest = 0;
  for (std::size_t i = 0; i < answer.memory.size(); ++i) {
    if (answer.memory[i].peak.total() > peak) peak = answer.memory[i].peak.total(), fullest = i;
  }
  summary["memory"] = {{"peak_bytes", peak.value()},
                       {"capacity_bytes", plan.gpu.memory.value()},
                       {"fullest_rank", answer.memory[fullest].rank}};
  Json phases = Json::array();
  double hours = 0, wall = 0, dollars = 0, tokens = 0;
  for (const PhaseOutcome& phase : answer.phases) {
    const double cost = phase.gpu_hours * answer.price.value();
    phases.push_back({{"name", phase.name},
                      {"tokens", phase.tokens},
                      {"steps", phase.steps},
                      {"step_time_s", phase.step_time.value()},
                      {"peak_bytes", phase.peak.value()},
                      {"gpu_hours", phase.gpu_hours},
                      {"days", phase.wall.value() / 86400},
                      {"cost_usd", cost}});
    if (phase.answered) phases.back().update(answered_summary(phase));
    hours += phase.gpu_hours, wall += phase.wall.value(), dollars += cost, tokens += double(phase.tokens);
  }
  summary["phases"] = phases;
  summary["run"] = {{"tokens", tokens}, {"gpu_hours", hours}, {"days", wall / 86400}, {"cost_usd", dollars}};
  if (answer.ownership) summary["energy"] = ownership_summary(*answer.ownership);
  if (answer.operation) summary["operation"] = operation_summary(*answer.operation);
  Json published = Json::array();
  for (const ComparedFigure& figure : compare_published(answer, summary)) {
    published.push_back({{"what", figure.what},
                         {"simulated", figure.simulated},
                         {"published", figure.published},
                         {"error_percent", figure.error_percent},
                         {"source", figure.source}});
    if (!figure.note.empty()) published.back()["note"] = figure.note;
  }
  summary["published"] = published;
  const StepOutcome& outcome = answer.step.outcome;
  std::uint64_t kernels = 0;
  for (const RankTime& rank : outcome.ranks) kernels += rank.kernels;
  summary["engine"] = {
      {"fidelity", answer.scenario->simulation.fidelity},
      {"ranks", outcome.ranks.size()},
      {"gpus_per_rank", plan.gpus() / plan.pipeline /
                            std::max<std::size_t>(1, outcome.ranks.size() / std::size_t(plan.pipeline))},
      {"events", outcome.events},
      {"flows", outcome.flows},
      {"kernels", kernels},
      {"all_to_alls", outcome.transfers},
      {"pipeline_messages", outcome.messages},
      {"seed", plan.seed}};
  Json notes = Json::array();
  for (const std::string& note : answer.step.notes) notes.push_back(note);
  for (const PhaseOutcome& phase : answer.phases) {
    for (const std::string& note : phase.notes) notes.push_back(phase.name + ": " + note);
  }
  summary["notes"] = notes;
  return summary;
}

std::optional<double> figure_at(const Json& summary, std::string_view key) {
  const Json* at = &summary;
  while (!key.empty()) {
    const std::string word(key.substr(0, key.find('.')));
    key = word.size() == key.size() ? std::string_view() : key.substr(word.size() + 1);
    if (at->is_array()) {
      double sum = 0;
      bool found = false;
      for (const Json& element : *at) {
        const std::string name = element.value("name", "");
        if (name != word && !name.starts_with(word + "-")) continue;
        const std::optional<double> part = figure_at(element, key);
        if (!part) return std::nullopt;
        sum += *part;
        found = true;
      }
      return found ? std::optional(sum) : std::nullopt;
    }
    if (!at->is_object() || !at->contains(word)) return std::nullopt;
    at = &at->at(word);
  }
  return at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

std::vector<ComparedFigure> compare_published(const Answer& answer, const Json& summary) {
  std::vector<ComparedFigure> compared;
  for (const Scenario::Published& p : answer.scenario->published) {
    const std::optional<double> ours = figure_at(summary, p.what);
    if (!ours || p.value == 0) continue;
    compared.push_back({p.what, *ours, p.value, 100 * (*ours / p.value - 1), p.source, p.note});
  }
  return compared;
}

}  // namespace orrery
