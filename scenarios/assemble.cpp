#include "scenarios/assemble.hpp"

#include <algorithm>

#include "models/transformer/transformer.hpp"
#include "scenarios/hardware.hpp"
#include "scenarios/open_data.hpp"

namespace orrery {
namespace {

/// Findings inside a file that a scenario key names: each says which file it is about.
void add_findings(Assembled& assembled, const Document& document, const std::string& key, const Findings& findings,
                  const std::string& file) {
  Findings placed;
  for (const Finding& f : findings) placed.push_back({key, file + ": " + (f.key.empty() ? "" : f.key + ": ") + f.problem, f.remedy});
  const Diagnostics more = place_findings(document, placed);
  assembled.diagnostics.insert(assembled.diagnostics.end(), more.begin(), more.end());
}

template <class Spec>
Spec take(Assembled& assembled, const Document& document, const std::string& key, HardwareReading<Spec> reading) {
  Findings findings;
  for (const Diagnostic& d : reading.diagnostics) findings.push_back({d.key, d.problem, d.remedy});
  add_findings(assembled, document, key, findings, reading.spec.name.empty() ? "hardware file" : reading.spec.name);
  return std::move(reading.spec);
}

template <class Value>
Value take_data(Assembled& assembled, const Document& document, DataKind kind, const std::string& key, const std::string& name,
                Checked<Value> (*read)(std::string_view, std::string_view)) {
  const OpenedData opened = open_data(kind, name);
  Findings findings;
  for (const Diagnostic& d : opened.diagnostics) findings.push_back({d.key, d.problem, d.remedy});
  if (!findings.empty()) {
    add_findings(assembled, document, key, findings, name);
    return {};
  }
  Checked<Value> value = read(opened.source.text, name);
  add_findings(assembled, document, key, value.findings, name);
  return std::move(value.value);
}

/// Names of the tables in models/collectives by the chip that a kernel family was measured on.
struct CollectivesRow {
  std::string_view gpu;
  const CollectiveConstants* constants;
};
const CollectiveConstants* collectives_for(std::string_view gpu) {
  const CollectivesRow rows[] = {{"a100", &a100_collectives}, {"b200", &b200_collectives}};
  for (const CollectivesRow& row : rows) {
    if (gpu.starts_with(row.gpu)) return row.constants;
  }
  return &h100_collectives;  // Hopper: H100, H800, H200, H20.
}

Recompute recompute(const std::vector<std::string>& words) {
  const auto has = [&](std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  return {.norm = has("norm"),
          .up_projection = has("up_projection"),
          .activation = has("swiglu"),
          .attention = has("attention") || has("selective"),
          .layer = has("full")};
}

LayerMap layer_map(std::string_view rule) {
  if (rule == "front_heavy") return LayerMap::FrontHeavy;
  return rule == "back_heavy" ? LayerMap::BackHeavy : LayerMap::EndsShort;
}

int state_bytes(std::string_view word) { return word == "bf16" ? 2 : 4; }

void override_rates(TrainingPlan& plan, SwitchSpec& network_switch, const Scenario::Network& network) {
  if (network.nic_line) {
    plan.nic.achieved = BytesPerSecond(plan.nic.achieved.value() * (*network.nic_line / plan.nic.line));
    plan.nic.line = *network.nic_line;
  }
  plan.nic.achieved = network.nic_achieved.value_or(plan.nic.achieved);
  plan.nic.latency = network.nic_latency.value_or(plan.nic.latency);
  plan.gpu.nvlink_achieved = network.nvlink_achieved.value_or(plan.gpu.nvlink_achieved);
  network_switch.hop_latency = network.hop_latency.value_or(network_switch.hop_latency);
}

std::vector<TrainingPhase> training_phases(const Scenario& s) {
  std::vector<TrainingPhase> phases;
  for (const Scenario::Phase& p : all_phases(s)) {
    phases.push_back({.name = p.name,
                      .tokens = p.tokens,
                      .steps = p.steps,
                      .sequence = p.sequence.value_or(s.plan.sequence),
                      .global_batch = p.global_batch.value_or(s.plan.global_batch),
                      .context = p.context.value_or(s.plan.context),
                      .ramp_from = p.ramp_from.value_or(0),
                      .ramp_tokens = p.ramp_tokens.value_or(0),
                      .gpu_hours = p.gpu_hours});
  }
  return phases;
}

}  // namespace

Assembled assemble(const ScenarioReading& reading) {
  Assembled out;
  const Scenario& s = reading.scenario;
  const Document& document = reading.document;
  TrainingPlan& plan = out.plan;
  plan.model = take_data(out, document, DataKind::Model, "model.config", s.model.config, &read_transformer);
  plan.kernels = take_data(out, document, DataKind::Kernels, "plan.kernels", s.plan.kernels, &read_kernel_family);
  plan.gpu = take(out, document, "cluster.gpu", read_gpu(s.cluster.gpu));
  plan.node = take(out, document, "cluster.node", read_node(s.cluster.node.value_or(std::string(default_node(s.cluster.gpu)))));
  if (!out.ok()) return out;
  plan.nic = take(out, document, "cluster.nic", read_nic(s.cluster.nic.value_or(plan.node.nic)));
  out.network_switch = take(out, document, "cluster.switch", read_switch(s.cluster.network_switch));
  if (!out.ok()) return out;
  override_rates(plan, out.network_switch, s.network);
  plan.collectives = collectives_for(plan.kernels.fitted_on.gpu);
  plan.nodes = s.cluster.nodes;
  plan.topology = s.cluster.topology;
  plan.fabric = fabric_request(plan.node, plan.gpu, plan.nic, out.network_switch, plan.nodes);
  plan.pipeline = s.plan.pipeline, plan.expert = s.plan.expert, plan.tensor = s.plan.tensor, plan.context = s.plan.context;
  plan.virtual_stages = s.plan.virtual_stages;
  plan.micro_batch = s.plan.micro_batch, plan.global_batch = s.plan.global_batch, plan.sequence = s.plan.sequence;
  plan.precision = s.plan.precision == "fp8" ? Precision::Fp8 : Precision::Bf16;
  plan.recompute = recompute(s.plan.recompute);
  plan.attention = s.plan.attention == "unfused" ? AttentionKernel::Unfused : AttentionKernel::Fused;
  plan.schedule = s.plan.schedule;
  plan.overlap = s.plan.overlap == "exposed" ? Overlap::Exposed : Overlap::Hidden;
  plan.layer_map = layer_map(s.plan.layer_map.rule);
  plan.blocks = s.plan.layer_map.blocks;
  plan.communication_sms = s.plan.communication_sms;
  plan.optimizer = {.gradient_bytes = state_bytes(s.optimizer.gradients),
                    .master_bytes = state_bytes(s.optimizer.master),
                    .moment_bytes = state_bytes(s.optimizer.moments),
                    .weight_bytes = 2,
                    .sharded = s.optimizer.zero > 0};
  plan.row_spread = s.routing.row_spread;
  plan.popularity = s.routing.source == "skewed" ? s.routing.skew : 0;
  plan.routing_samples = s.routing.samples;
  plan.seed = s.simulation.seed;
  plan.fidelity = s.simulation.fidelity == "full" ? Fidelity::Full : Fidelity::Folded;
  out.phases = training_phases(s);
  out.fallback = s.plan.fallback_schedule;
  out.price = s.cluster.gpu_hour.value_or(plan.gpu.rent);
  out.diagnostics = place_findings(document, check_plan(plan));
  return out;
}

MemoryRequest memory_request(const TrainingPlan& plan) {
  MemoryRequest request;
  request.shape = work_shape(plan);
  request.schedule = find_schedule(plan.schedule)->build(pipeline_shape(plan));
  request.stages = plan_stages(plan);
  request.state = {.weight = plan.optimizer.weight_bytes,
                   .gradient = plan.optimizer.gradient_bytes,
                   .master = plan.optimizer.master_bytes,
                   .moment = plan.optimizer.moment_bytes};
  const int held_twice = int(request.schedule.paths.size());
  const int lanes = plan.gpus_per_pipeline_rank();
  request.dense_copies = plan.optimizer.sharded ? plan.data() * plan.context * held_twice : 1;
  request.expert_copies = plan.optimizer.sharded ? lanes / plan.expert * held_twice : 1;
  request.expert_rows = 1 + 2.5 * plan.row_spread;  // The fullest of 64 ranks lies about 2.5 deviations up.
  request.ranks_per_node = plan.node.gpus;
  return request;
}

}  // namespace orrery
