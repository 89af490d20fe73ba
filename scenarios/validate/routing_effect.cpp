#include "scenarios/validate/routing_effect.hpp"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "models/training/step.hpp"

namespace orrery {

RoutingTrace routing_trace_of(const reference::TrainingRun& run, const reference::GateShape& gate,
                              std::string model, std::string balancing, std::uint64_t text_hash) {
  RoutingTrace trace{.experts = gate.experts,
                     .per_token = gate.per_token,
                     .groups = gate.groups,
                     .groups_per_token = gate.groups_per_token,
                     .layers = int(run.held_out_choice.size()),
                     .tokens = run.held_out_tokens,
                     .expert = {},
                     .model = std::move(model),
                     .text_hash = text_hash,
                     .balancing = std::move(balancing)};
  for (const reference::Indices& choice : run.held_out_choice)
    trace.expert.insert(trace.expert.end(), choice.data(), choice.data() + choice.size());
  return trace;
}

namespace {

double mean_violation(const RoutingTrace& trace) {
  std::vector<double> of_layer;
  for (int layer = 0; layer < trace.layers; ++layer) {
    std::vector<std::int64_t> load(std::size_t(trace.experts));
    const std::uint16_t* const first = trace.choice(layer, 0);
    for (const std::uint16_t* e = first; e != first + trace.tokens * trace.per_token; ++e) ++load[*e];
    of_layer.push_back(reference::max_violation(load));
  }
  return mean_of(of_layer).value;
}

RoutingEffect effect_of(TrainingPlan plan, const RoutingTrace* trace) {
  plan.row_spread = 0;
  plan.popularity = 0;
  plan.fidelity = Fidelity::Folded;
  plan.traced.clear();
  plan.trace = trace ? std::make_shared<const RoutingTrace>(*trace) : nullptr;
  const std::optional<RoutingPool> pool = plan_routing(plan);
  const TrainingStep step = simulate_step(plan, pool ? &*pool : nullptr);
  return {.routing = trace ? trace->balancing : "even",
          .step = to_seconds(step.time),
          .max_violation = trace ? mean_violation(*trace) : 0,
          .nodes_per_token = step.domains_per_token,
          .ranks_per_token = step.ranks_per_token};
}

}  // namespace

std::vector<RoutingEffect> routing_effects(const TrainingPlan& plan, const std::vector<RoutingTrace>& traces,
                                           std::vector<std::string>& notes) {
  std::vector<const RoutingTrace*> ways{nullptr};
  for (const RoutingTrace& trace : traces) {
    const Findings findings = check_trace(trace, plan.model, tokens_to_route(plan));
    if (findings.empty()) ways.push_back(&trace);
    for (const Finding& f : findings)
      notes.push_back(fmt::format("no step with {} routing: {}", trace.balancing, f.problem));
  }
  std::vector<RoutingEffect> effects(ways.size());
  tbb::parallel_for(std::size_t(0), ways.size(),
                    [&](std::size_t i) { effects[i] = effect_of(plan, ways[i]); });
  return effects;
}

void add_routing_effects(Court& court, const std::vector<RoutingEffect>& effects) {
  const double even = effects.front().step.value();
  Grid grid;
  grid.headings = {{"routing", Align::Left}, {"MaxVio"},     {"step, s"}, {"over even"},
                   {"nodes/token"},          {"ranks/token"}};
  std::vector<std::string> names;
  std::vector<double> violation, step, ratio, nodes, ranks;
  for (const RoutingEffect& effect : effects) {
    const double over = effect.step.value() / even;
    grid.rows.push_back(
        {effect.routing, fmt::format("{:.2f}", effect.max_violation),
         fmt::format("{:.3f}", effect.step.value()), fmt::format("{:+.1f} %", 100 * (over - 1)),
         fmt::format("{:.2f}", effect.nodes_per_token), fmt::format("{:.2f}", effect.ranks_per_token)});
    names.push_back(effect.routing);
    violation.push_back(effect.max_violation);
    step.push_back(effect.step.value());
    ratio.push_back(over);
    nodes.push_back(effect.nodes_per_token);
    ranks.push_back(effect.ranks_per_token);
    if (&effect == &effects.front()) continue;
    court.evidence.push_back({"step, " + effect.routing + " over even routing", over, std::nullopt,
                              Rule::Beside, 0, "1", "folded step, measured choices"});
  }
  court.sections.push_back(
      {"The scenario's step under measured routing",
       {grid,
        Paragraph{
            "Even: every expert equally likely. The others: choices of small models with the scenario's "
            "own gate; each trace is a file beside this one, for routing.trace of a scenario."}}});
  court.tables.push_back({"routing_effect",
                          "the scenario's step under measured routing",
                          {{"routing", "", "how the gate was balanced", names},
                           {"max_violation", "1", "mean over the trace's layers", violation},
                           {"step_s", "s", "folded step", step},
                           {"over_even", "1", "step over that of even routing", ratio},
                           {"nodes_per_token", "1", "distinct nodes", nodes},
                           {"ranks_per_token", "1", "distinct ranks", ranks}}});
}

}  // namespace orrery
