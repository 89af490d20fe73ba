#include "scenarios/validate/balance_court.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "models/reference/dispatch.hpp"
#include "reports/numbers.hpp"

namespace orrery {
namespace {

using reference::TrainingRun;

struct Way {
  Variant variant;
  const char* name;
  const char* key;  ///< Of its columns.
};
constexpr Way ways[] = {{Variant::Bf16, "bias", "bias"},
                        {Variant::AuxiliaryLoss, "auxiliary loss", "auxiliary"},
                        {Variant::NoBalancing, "none", "none"}};

double mean_violation(const TrainingRun& run) { return mean_of(run.held_out_violation).value; }

Mean violation_of(const std::vector<StudyRun>& runs, Variant variant) {
  std::vector<double> values;
  for (const TrainingRun* run : runs_of(runs, variant)) values.push_back(mean_violation(*run));
  return mean_of(values);
}

/// Distinct nodes a token, when each of the gate's groups lies on a node of its own (of 8 GPUs), over all
/// layers.
Mean nodes_a_token(const std::vector<StudyRun>& runs, Variant variant, const reference::GateShape& gate) {
  const reference::Placement placement{.ranks = gate.groups, .ranks_per_node = 1};
  std::vector<double> values;
  for (const TrainingRun* run : runs_of(runs, variant)) {
    double nodes = 0, tokens = 0;
    for (const reference::Indices& choice : run->held_out_choice) {
      for (const std::int32_t n : reference::count_copies(choice, gate.experts, placement).nodes_of_token) {
        nodes += n;
        ++tokens;
      }
    }
    values.push_back(nodes / tokens);
  }
  return mean_of(values);
}

/// Mean over layers and seeds of a training batch's MaxVio, step by step.
std::vector<double> violation_over_time(const std::vector<StudyRun>& runs, Variant variant) {
  const std::vector<const TrainingRun*> of = runs_of(runs, variant);
  std::vector<double> mean(of.front()->violation.front().size(), 0.0);
  for (const TrainingRun* run : of) {
    for (const std::vector<double>& layer : run->violation) {
      for (std::size_t step = 0; step < mean.size(); ++step)
        mean[step] += layer[step] / double(run->violation.size() * of.size());
    }
  }
  return mean;
}

Table over_time_table(const std::vector<StudyRun>& runs) {
  Table table{"violation_over_time", "MaxVio of the training batch, mean over layers and seeds", {}};
  std::vector<std::int64_t> steps(violation_over_time(runs, Variant::Bf16).size());
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = std::int64_t(i) + 1;
  table.columns.push_back({"step", "1", "optimizer step", std::move(steps)});
  for (const Way& way : ways) {
    table.columns.push_back({std::string("max_violation_") + way.key, "1",
                             std::string("balancing: ") + way.name, violation_over_time(runs, way.variant)});
  }
  return table;
}

Table held_out_table(const std::vector<StudyRun>& runs) {
  std::vector<std::string> names;
  std::vector<std::int64_t> seeds, layers, tokens;
  std::vector<double> violation, loss;
  for (const Way& way : ways) {
    for (const StudyRun& run : runs) {
      if (run.variant != way.variant) continue;
      for (std::size_t layer = 0; layer < run.run.held_out_violation.size(); ++layer) {
        names.push_back(way.name);
        seeds.push_back(std::int64_t(run.seed));
        layers.push_back(std::int64_t(layer));
        violation.push_back(run.run.held_out_violation[layer]);
        loss.push_back(run.run.held_out_loss);
        tokens.push_back(run.run.held_out_tokens);
      }
    }
  }
  return {"balance_held_out",
          "held-out tokens with the bias frozen",
          {{"balancing", "", "how experts are kept equally busy", names},
           {"seed", "1", "of weights and batches", seeds},
           {"layer", "1", "with experts; the prediction module's last", layers},
           {"max_violation", "1", "(largest load - mean load) / mean load", violation},
           {"loss_nats", "1", "cross-entropy of the next token", loss},
           {"tokens", "1", "held out", tokens}}};
}

/// MaxVio of the three ways at a few moments of training, and on held-out text.
Section picture(const std::vector<StudyRun>& runs, const reference::GateShape& gate) {
  Grid grid;
  grid.headings = {{"balancing", Align::Left}};
  const std::size_t steps = violation_over_time(runs, Variant::Bf16).size();
  const std::size_t moments[] = {steps / 10, steps / 4, steps / 2, steps - 1};
  for (const std::size_t moment : moments) grid.headings.push_back({fmt::format("step {}", moment + 1)});
  grid.headings.insert(grid.headings.end(), {{"held out"}, {"loss, nats"}, {"nodes/token"}});
  for (const Way& way : ways) {
    const std::vector<double> over_time = violation_over_time(runs, way.variant);
    std::vector<std::string> row{way.name};
    for (const std::size_t moment : moments) row.push_back(fmt::format("{:.2f}", over_time[moment]));
    row.push_back(fmt::format("{:.3f}", violation_of(runs, way.variant).value));
    row.push_back(in_words(held_out_loss(runs, way.variant), 4));
    row.push_back(fmt::format("{:.3f}", nodes_a_token(runs, way.variant, gate).value));
    grid.rows.push_back(std::move(row));
  }
  return {"MaxVio over the training, means over layers and seeds", {grid}};
}

}  // namespace

Court balance_court(const StudyRequest& request, const std::vector<StudyRun>& runs) {
  const reference::GateShape& gate = request.base.shape.experts->gate;
  const Mean bias = violation_of(runs, Variant::Bf16), none = violation_of(runs, Variant::NoBalancing);
  const Mean auxiliary = violation_of(runs, Variant::AuxiliaryLoss);
  Court court{.name = "balance",
              .title = "Balance: a small model trained on real text",
              .evidence = {},
              .tables = {held_out_table(runs), over_time_table(runs)},
              .sections = {picture(runs, gate)}};
  const bool whole = request.effort == Effort::Whole;
  const std::string held =
      fmt::format("{} held-out tokens, bias frozen, {}", grouped(runs.front().run.held_out_tokens),
                  request.seeds == 1 ? "one seed" : fmt::format("mean of {} seeds", request.seeds));
  auto add = [&](Evidence evidence) { court.evidence.push_back(std::move(evidence)); };
  add({"MaxVio, bias balancing", bias.value, whole ? 0.1 : none.value, Rule::AtMost, 0, "1",
       held + (whole ? fmt::format("; update speed {}, falling to a twentieth", request.base.bias_speed)
                     : "; a quick training need only be below none")});
  add({"MaxVio, none over bias", none.value / bias.value, whole ? 5.0 : 1.0, Rule::AtLeast, 0, "1",
       fmt::format("none {}, bias {}", in_words(none, 2), in_words(bias, 3))});
  add({"MaxVio, bias balancing beside published", bias.value, 0.04, Rule::Beside, 0, "1",
       "arXiv 2408.15664, table 2: 1B and 3B models, 100 B and 200 B tokens"});
  add({"MaxVio, auxiliary loss beside published", auxiliary.value, 0.72, Rule::Beside, 0, "1",
       "the same: 0.72 (1B), 0.52 (3B)"});
  const Mean loss = held_out_loss(runs, Variant::Bf16), other = held_out_loss(runs, Variant::AuxiliaryLoss);
  add({"held-out loss, bias against auxiliary loss", loss.value, other.value,
       whole ? Rule::AtMost : Rule::Beside, 0, "1",
       fmt::format("bias {}, auxiliary {} nats a token", in_words(loss, 4), in_words(other, 4))});
  for (const Way& way : ways) {
    add({std::string("nodes a token, ") + way.name, nodes_a_token(runs, way.variant, gate).value,
         double(std::min(gate.groups_per_token, gate.per_token)), Rule::AtMost, 0, "1",
         "never above the group limit"});
  }
  return court;
}

}  // namespace orrery
