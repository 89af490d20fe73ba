#include "scenarios/reading/assemble_phases.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "scenarios/reading/length_list.hpp"
#include "scenarios/reading/taking.hpp"

namespace orrery {
namespace {

/// One instance of [generation]: the cluster's hardware, a layout of its own.
Deployment deployment(Assembled& out, const Scenario& s) {
  const Scenario::Generation& g = s.generation;
  Deployment d{.layout = out.plan,
               .micro_batches = g.micro_batches,
               .acceptance = g.draft_acceptance,
               .memory_share = g.memory,
               .most_sequences = g.sequences,
               .host = g.host};
  TrainingPlan& layout = d.layout;
  layout.kernels = take_data(out, DataKind::Kernels, "generation.kernels", g.kernels, &read_kernel_family);
  layout.collectives = collectives_for(layout.kernels.fitted_on.gpu);
  layout.nodes = g.nodes;
  // Messages between nodes are laws of the NICs here, so the least fabric serves.
  layout.topology = "multi-rail-fat-tree";
  layout.fabric = fabric_request(layout.node, layout.gpu, layout.nic, out.network_switch, layout.nodes);
  layout.cabling = nullptr;
  layout.others.clear();
  layout.neighbour_nodes = 0;
  layout.faults.clear();
  layout.pipeline = layout.context = layout.virtual_stages = layout.micro_batch = 1;
  layout.tensor = g.tensor;
  layout.expert = layout.model.experts ? layout.gpus() : 1;
  layout.schedule = "1f1b";
  layout.overlap = Overlap::Exposed;
  layout.recompute = {};
  layout.scaling = Scaling::Tile;
  layout.blocks.clear();
  layout.precision = g.precision == "fp8" ? Precision::Fp8 : Precision::Bf16;
  layout.trace = nullptr;
  layout.fidelity = Fidelity::Folded;
  layout.traced.clear();
  layout.sequence = layout.tensor;
  layout.global_batch = std::max(1, layout.gpus() / layout.tensor);
  return d;
}

AnswerLengths answer_lengths(Assembled& out, const Scenario::Phase& p, const std::string& place) {
  AnswerLengths lengths;
  lengths.mean = double(p.answer_tokens.value_or(1));
  if (!p.answer_lengths) {
    lengths.law = p.answer_law == "fixed"     ? AnswerLengths::Law::Fixed
                  : p.answer_law == "uniform" ? AnswerLengths::Law::Uniform
                                              : AnswerLengths::Law::Exponential;
    return lengths;
  }
  const std::string key = place + ".answer_lengths";
  const auto text = take_text(out, key, *p.answer_lengths, "a text file with one number of tokens a line");
  if (!text) return lengths;
  Checked<std::vector<double>> read = read_lengths(*text);
  Diagnostics faults;
  for (Finding& f : read.findings) faults.push_back({key, std::move(f.problem), std::move(f.remedy), {}});
  if (!faults.empty()) {
    add_faults(out, key, *p.answer_lengths, std::move(faults));
    return lengths;
  }
  double mean = 0;
  for (const double tokens : read.value) mean += tokens / double(read.value.size());
  for (double& tokens : read.value) tokens /= mean;
  lengths.law = AnswerLengths::Law::Measured;
  if (!p.answer_tokens) lengths.mean = mean;
  lengths.measured = std::make_shared<const std::vector<double>>(std::move(read.value));
  return lengths;
}

AnswerPhase answer_phase(Assembled& out, const Scenario& s, const Scenario::Phase& p,
                         const std::string& place) {
  AnswerPhase a;
  a.place = place;
  a.deployment = deployment(out, s);
  a.prompt_tokens = p.prompt_tokens.value_or(1);
  a.lengths = answer_lengths(out, p, place);
  const std::int64_t sequence = p.sequence.value_or(s.plan.sequence);
  constexpr std::int64_t usual_limit = 32768;
  a.lengths.limit = p.answer_limit.value_or(
      p.method == "grpo" ? std::max<std::int64_t>(1, sequence - a.prompt_tokens) : usual_limit);
  a.answers = p.instances.value_or(0);
  a.kept = p.kept;
  if (p.method == "grpo")
    a.learning = {.prompts = p.prompts.value_or(1),
                  .group = p.group,
                  .rollout_steps = p.rollout_steps,
                  .reward_model = p.reward == "model",
                  .sequence = int(sequence),
                  .packing = p.packing,
                  .host_link = p.host_link};
  return a;
}

}  // namespace

std::vector<TrainingPhase> assemble_phases(Assembled& out, const Scenario& s) {
  std::vector<TrainingPhase> phases;
  const std::vector<Scenario::Phase> all = all_phases(s);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Scenario::Phase& p = all[i];
    phases.push_back({.name = p.name,
                      .tokens = p.tokens,
                      .steps = p.steps,
                      .sequence = p.sequence.value_or(s.plan.sequence),
                      .global_batch = p.global_batch.value_or(s.plan.global_batch),
                      .context = p.context.value_or(s.plan.context),
                      .samples = p.instance_tokens ? packed_samples(p.sequence.value_or(s.plan.sequence),
                                                                    p.context.value_or(s.plan.context),
                                                                    double(*p.instance_tokens))
                                                   : 1,
                      .ramp_from = p.ramp_from.value_or(0),
                      .ramp_tokens = p.ramp_tokens.value_or(0),
                      .gpu_hours = p.gpu_hours,
                      .answers = {}});
    if (p.method != "answers" && p.method != "grpo") continue;
    const std::size_t before = all.size() - s.phases.size();  // [train] stands before [[phase]].
    phases.back().answers = answer_phase(out, s, p, "phase[" + std::to_string(i - before) + "]");
  }
  return phases;
}

}  // namespace orrery
