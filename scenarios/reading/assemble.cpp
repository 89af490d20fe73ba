#include "scenarios/reading/assemble.hpp"

#include <algorithm>
#include <sstream>

#include "models/transformer/transformer.hpp"
#include "scenarios/reading/assemble_phases.hpp"
#include "scenarios/reading/failure_table.hpp"
#include "scenarios/reading/hardware.hpp"
#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/routing_trace.hpp"
#include "scenarios/reading/taking.hpp"
#include "topologies/catalog.hpp"
#include "topologies/files/files.hpp"

namespace orrery {
namespace {

std::shared_ptr<const RoutingTrace> take_trace(Assembled& out, const std::string& path) {
  const std::string key = "routing.trace";
  OpenedData opened =
      open_file(path, largest_trace_file, "orrery validate leaves traces in the folder of its --out");
  Diagnostics faults = std::move(opened.diagnostics);
  Checked<RoutingTrace> read;
  if (faults.empty()) read = read_routing_trace(opened.source.text);
  for (Finding& f : read.findings) faults.push_back({key, std::move(f.problem), std::move(f.remedy), {}});
  if (!faults.empty()) {
    add_faults(out, key, path, std::move(faults));
    return nullptr;
  }
  return std::make_shared<const RoutingTrace>(std::move(read.value));
}

std::shared_ptr<const Fabric> take_cabling(Assembled& out, const Scenario::Cluster& cluster) {
  const auto cabling =
      take_text(out, "cluster.cabling", *cluster.cabling, "orrery topology export writes fabrics");
  if (!cabling) return nullptr;
  std::string key = "cluster.cabling", path = *cluster.cabling;
  Checked<Fabric> read = read_fabric(*cabling, out.plan.fabric);
  if (read.ok() && cluster.forwarding) {
    key = "cluster.forwarding", path = *cluster.forwarding;
    const auto tables = take_text(out, key, path, "opensm --dump_files_dir writes opensm-lfts.dump");
    if (!tables) return nullptr;
    read = read_routed_fabric(*cabling, *tables, out.plan.fabric);
  }
  if (read.ok()) return std::make_shared<const Fabric>(std::move(read.value));
  Diagnostics faults;
  for (Finding& f : read.findings) faults.push_back({key, std::move(f.problem), std::move(f.remedy), {}});
  add_faults(out, key, path, std::move(faults));
  return nullptr;
}

/// "0-63: h100-sxm; 70: h200".
std::vector<OtherNodes> take_others(Assembled& out, const std::string& text) {
  std::vector<OtherNodes> others;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ';');) {
    std::istringstream words(part);
    std::uint32_t first = 0, last = 0;
    char sign = 0;
    std::string name;
    if (!(words >> std::ws) || words.eof()) continue;
    bool read = bool(words >> first);
    last = first;
    if (read && words.peek() == '-') read = bool(words >> sign >> last);
    read = read && (words >> sign) && sign == ':' && (words >> name) && (words >> std::ws).eof();
    if (!read) {
      const Findings wrong{
          {"cluster.mixed", "'" + part + "' names no nodes and their GPU", "as in 0-63: h100-sxm"}};
      for (Diagnostic& fault : place_findings(out.document, wrong))
        out.diagnostics.push_back(std::move(fault));
      continue;
    }
    others.push_back({first, last, take(out, "cluster.mixed", name, read_gpu(name))});
  }
  return others;
}

Recompute recompute(const std::vector<std::string>& words) {
  const auto has = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
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

LayerMessages layer_messages(std::string_view word) {
  if (word == "all_reduce") return LayerMessages::AllReduce;
  if (word == "backward") return LayerMessages::Backward;
  return word == "pieces" ? LayerMessages::Pieces : LayerMessages::Exposed;
}

Fidelity fidelity(std::string_view word) {
  if (word == "lockstep") return Fidelity::Lockstep;
  return word == "full" ? Fidelity::Full : Fidelity::Folded;
}

int state_bytes(std::string_view word) { return word == "bf16" ? 2 : 4; }

/// Everything that [cluster] and [network] name. Looks names up as far as they lead.
void take_cluster(Assembled& out, const Scenario& s) {
  TrainingPlan& plan = out.plan;
  plan.gpu = take(out, "cluster.gpu", s.cluster.gpu, read_gpu(s.cluster.gpu));
  const std::string node = s.cluster.node.value_or(std::string(default_node(s.cluster.gpu)));
  plan.node = take(out, "cluster.node", node, read_node(node));
  out.network_switch =
      take(out, "cluster.switch", s.cluster.network_switch, read_switch(s.cluster.network_switch));
  out.prices = take(out, "cluster.prices", s.cluster.prices, read_prices(s.cluster.prices));
  const std::string nic = s.cluster.nic.value_or(plan.node.nic);
  if (!nic.empty()) plan.nic = take(out, "cluster.nic", nic, read_nic(nic));
}

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

/// What the fabric's builder is asked for. Precondition: every name of the cluster was found.
void wire_cluster(Assembled& out, const Scenario& s) {
  TrainingPlan& plan = out.plan;
  override_rates(plan, out.network_switch, s.network);
  plan.nodes = s.cluster.nodes;
  plan.topology = s.cluster.topology;
  plan.routing = find_routing(s.cluster.routing)->policy;
  plan.neighbour_nodes = s.cluster.neighbour_nodes;
  plan.fabric =
      fabric_request(plan.node, plan.gpu, plan.nic, out.network_switch, plan.nodes + plan.neighbour_nodes);
  plan.fabric.planes = s.cluster.planes.value_or(0);
  plan.fabric.oversubscription = s.cluster.oversubscription;
  plan.fabric.shape.assign(s.cluster.shape.begin(), s.cluster.shape.end());
  if (s.cluster.cabling) plan.cabling = take_cabling(out, s.cluster);
  plan.others = take_others(out, s.cluster.mixed);
  Findings alone;
  if (s.cluster.forwarding && !s.cluster.cabling)
    alone.push_back({"cluster.forwarding", "tables without the fabric that they are of",
                     "cluster.cabling: what ibnetdiscover printed of it"});
  for (Diagnostic& fault : place_findings(out.document, alone)) out.diagnostics.push_back(std::move(fault));
  Checked<std::vector<NetworkFault>> faults = read_faults(s.cluster.faults);
  for (Diagnostic& fault : place_findings(out.document, faults.findings))
    out.diagnostics.push_back(std::move(fault));
  plan.faults = std::move(faults.value);
}

}  // namespace

bool Assembled::answers() const {
  return std::any_of(phases.begin(), phases.end(),
                     [](const TrainingPhase& phase) { return phase.answers.has_value(); });
}

Assembled assemble(const ScenarioReading& reading) {
  Assembled out;
  const Scenario& s = reading.scenario;
  out.document = reading.document;
  TrainingPlan& plan = out.plan;
  plan.model = take_data(out, DataKind::Model, "model.config", s.model.config, &read_transformer);
  plan.kernels = take_data(out, DataKind::Kernels, "plan.kernels", s.plan.kernels, &read_kernel_family);
  take_cluster(out, s);
  if (s.operation.failures)
    out.failures =
        take(out, "operation.failures", *s.operation.failures, read_failures(*s.operation.failures));
  if (s.routing.trace) plan.trace = take_trace(out, *s.routing.trace);
  if (!out.ok()) return out;
  plan.collectives = collectives_for(plan.kernels.fitted_on.gpu);
  wire_cluster(out, s);
  if (!out.ok()) return out;
  plan.pipeline = s.plan.pipeline, plan.expert = s.plan.expert, plan.tensor = s.plan.tensor,
  plan.context = s.plan.context;
  plan.virtual_stages = s.plan.virtual_stages;
  plan.micro_batch = s.plan.micro_batch, plan.global_batch = s.plan.global_batch,
  plan.sequence = s.plan.sequence;
  plan.precision = s.plan.precision == "fp8" ? Precision::Fp8 : Precision::Bf16;
  plan.recompute = recompute(s.plan.recompute);
  plan.attention = s.plan.attention == "unfused" ? AttentionKernel::Unfused : AttentionKernel::Fused;
  plan.schedule = s.plan.schedule;
  plan.overlap = s.plan.overlap == "exposed" ? Overlap::Exposed : Overlap::Hidden;
  plan.layer_messages = layer_messages(s.plan.layer_messages);
  plan.scaling = s.plan.scaling == "tensor" ? Scaling::Tensor : Scaling::Tile;
  plan.pipeline_messages =
      s.plan.pipeline_messages == "eager" ? PipelineMessages::Eager : PipelineMessages::Batched;
  plan.copy_messages = s.plan.copy_messages == "hidden" ? CopyMessages::Hidden : CopyMessages::Exposed;
  plan.dispatch = s.plan.dispatch == "rank" ? Dispatch::RankEach : Dispatch::NodeOnce;
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
  plan.fidelity = fidelity(s.simulation.fidelity);
  out.phases = assemble_phases(out, s);
  if (!out.ok()) return out;
  out.fallback = s.plan.fallback_schedule;
  out.price = s.cluster.gpu_hour.value_or(plan.gpu.rent);
  Findings findings = check_plan(plan);
  if (findings.empty()) {
    for (const TrainingPhase& phase : out.phases) {
      if (!phase.answers) continue;
      for (Finding& finding : check_answer_phase(*phase.answers, plan))
        findings.push_back(std::move(finding));
    }
  }
  out.diagnostics = place_findings(out.document, findings);
  return out;
}

Assembled assemble_cluster(const ScenarioReading& reading) {
  Assembled out;
  out.document = reading.document;
  take_cluster(out, reading.scenario);
  if (!out.ok()) return out;
  wire_cluster(out, reading.scenario);
  if (!out.ok()) return out;
  if (out.plan.cabling) out.plan.nodes = int(out.plan.cabling->nodes) - out.plan.neighbour_nodes;
  out.diagnostics = place_findings(out.document, check_cluster(out.plan));
  return out;
}

}  // namespace orrery
