#include "models/training/plan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/check.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

std::string text(std::int64_t n) { return std::to_string(n); }

/// The divisors of `of` on both sides of `near`, as advice.
std::string nearest_divisors(int of, int near) {
  int below = near, above = near;
  while (below > 1 && of % below != 0) --below;
  while (above < of && of % above != 0) ++above;
  return below == above ? text(below) : text(below) + " or " + text(above);
}

void check_expert(const TrainingPlan& p, Findings& findings) {
  const int lanes = p.gpus_per_pipeline_rank();
  if (!p.model.experts) {
    if (p.expert != 1)
      findings.push_back(
          {"plan.expert", p.model.name + " has no experts; found expert = " + text(p.expert), "expert = 1"});
    return;
  }
  const int experts = p.model.experts->routed;
  if (experts % p.expert != 0) {
    findings.push_back({"plan.expert",
                        text(experts) + " experts do not divide over " + text(p.expert) + " ranks",
                        "try expert = " + nearest_divisors(experts, p.expert)});
  }
  if (lanes % p.expert != 0) {
    findings.push_back({"plan.expert",
                        "groups of " + text(p.expert) + " ranks do not divide the " + text(lanes) +
                            " GPUs of a pipeline rank",
                        "try expert = " + nearest_divisors(std::gcd(lanes, experts), p.expert)});
  }
  if (p.expert > p.node.gpus && p.expert % p.node.gpus != 0) {
    findings.push_back({"plan.expert",
                        text(p.expert) + " ranks do not fill whole nodes of " + text(p.node.gpus) + " GPUs",
                        "a multiple of " + text(p.node.gpus)});
  }
}

Findings check_plan_trace(const TrainingPlan& p) {
  if (!p.model.experts) {
    return {{"routing.trace", p.model.name + " has no experts for a trace to route tokens to",
             "leave routing.trace out"}};
  }
  if (p.expert == 1) {
    return {{"routing.trace, plan.expert",
             "with expert = 1 every GPU has all experts: nothing would follow from the trace",
             "expert above 1, or no routing.trace"}};
  }
  return check_trace(*p.trace, p.model, tokens_to_route(p));
}

}  // namespace

namespace {

Fabric sound_fabric(const TrainingPlan& p) {
  Fabric fabric = p.cabling ? *p.cabling : find_topology(p.topology)->build(p.fabric);
  for (const OtherNodes& other : p.others)
    for (GpuIndex gpu = fabric.gpu(other.first, 0); gpu < fabric.gpu(other.last + 1, 0); ++gpu)
      for (const LinkIndex port : {fabric.nvlink_out(gpu), fabric.nvlink_in(gpu)})
        fabric.links[port].capacity = other.gpu.nvlink_achieved;
  return fabric;
}

/// A job steps at one speed: GPUs beside each other must compute alike, whatever their ports.
void check_others(const TrainingPlan& p, Findings& findings) {
  const auto like = [](double a, double b) { return std::abs(a - b) <= 0.01 * std::max(a, b); };
  for (const OtherNodes& other : p.others) {
    const bool same = other.gpu.multiprocessors == p.gpu.multiprocessors &&
                      like(other.gpu.bf16.value(), p.gpu.bf16.value()) &&
                      like(other.gpu.hbm.value(), p.gpu.hbm.value()) && other.gpu.memory >= p.gpu.memory;
    if (!same)
      findings.push_back(
          {"cluster.mixed",
           other.gpu.name + " beside " + p.gpu.name + ": kernels of two chips in one job are not modelled",
           "GPUs of one chip, as h800 beside h100-sxm"});
  }
  if (!p.others.empty() && p.fidelity != Fidelity::Full)
    findings.push_back(
        {"cluster.mixed", "folded ranks are all alike: mixed nodes are not seen", "--fidelity full"});
}

}  // namespace

Fabric cluster_fabric(const TrainingPlan& p) {
  Fabric fabric = sound_fabric(p);
  ORRERY_CHECK(apply_faults(fabric, p.faults).empty());
  return fabric;
}

Findings check_cluster(const TrainingPlan& p) {
  Findings findings;
  if (p.cabling) {
    const auto expect = [&](std::uint32_t found, int wanted, const char* key, const char* what) {
      if (found == std::uint32_t(wanted)) return;
      findings.push_back({key,
                          "the file of cluster.cabling has " + std::to_string(found) + " " + what + ", and " +
                              std::to_string(wanted) + " are asked for",
                          "the same number"});
    };
    expect(p.cabling->nodes, p.nodes + p.neighbour_nodes, "cluster.nodes", "nodes");
    expect(p.cabling->gpus_per_node, p.node.gpus, "cluster.node", "GPUs a node");
  } else if (const TopologyKind* topology = find_topology(p.topology)) {
    findings = topology->check(p.fabric);
  }
  const std::uint32_t nodes = p.cabling ? p.cabling->nodes : std::uint32_t(p.fabric.nodes);
  for (const OtherNodes& other : p.others)
    if (other.last >= nodes || other.first > other.last)
      findings.push_back({"cluster.mixed",
                          "nodes " + std::to_string(other.first) + "-" + std::to_string(other.last) + " of " +
                              std::to_string(nodes),
                          "0-" + std::to_string(nodes - 1)});
  const bool tables = p.cabling && !p.cabling->forwarding.empty();
  if (p.routing == RoutingPolicy::Tables && !tables)
    findings.push_back({"cluster.routing", "there are no tables to follow",
                        "cluster.cabling and cluster.forwarding, the files of ibnetdiscover and OpenSM"});
  if (p.routing == RoutingPolicy::Tables && !p.faults.empty())
    findings.push_back({"cluster.faults", "forwarding tables know of no faults", "another cluster.routing"});
  if (!findings.empty() || p.faults.empty()) return findings;
  Fabric fabric = sound_fabric(p);
  return apply_faults(fabric, p.faults);
}

Findings check_plan(const TrainingPlan& p) {
  Findings findings;
  if (p.model.predict_layers > 0 && !p.model.experts) {
    findings.push_back(
        {"model.config",
         p.model.name + " has multi-token-prediction modules but no experts: such a module is not modelled",
         "num_nextn_predict_layers = 0"});
    return findings;
  }
  findings = check_cluster(p);
  if (!p.faults.empty() && p.fidelity != Fidelity::Full)
    findings.push_back(
        {"cluster.faults", "folded ranks are all alike: faults are not seen", "--fidelity full"});
  check_others(p, findings);
  if (p.neighbour_nodes > 0 && p.fidelity != Fidelity::Full)
    findings.push_back(
        {"cluster.neighbour_nodes", "folded ranks do not meet the traffic of others", "--fidelity full"});
  const int layout = p.pipeline * p.tensor * p.context;
  if (p.gpus() % layout != 0) {
    findings.push_back(
        {"plan.pipeline",
         "pipeline " + text(p.pipeline) + " x tensor " + text(p.tensor) + " x context " + text(p.context) +
             " = " + text(layout) + " does not divide " + text(p.gpus()) + " GPUs",
         "pipeline = " + nearest_divisors(std::max(1, p.gpus() / (p.tensor * p.context)), p.pipeline)});
    return findings;
  }
  if (p.tensor > p.node.gpus) {
    findings.push_back(
        {"plan.tensor",
         "tensor " + text(p.tensor) + " is wider than a node of " + text(p.node.gpus) + " GPUs",
         "at most " + text(p.node.gpus)});
  }
  if (p.model.heads % p.tensor != 0) {
    findings.push_back({"plan.tensor",
                        text(p.model.heads) + " heads do not divide by tensor " + text(p.tensor),
                        "tensor = " + nearest_divisors(p.model.heads, p.tensor)});
  }
  if (p.sequence % (p.context * p.tensor) != 0) {
    findings.push_back(
        {"plan.sequence",
         text(p.sequence) + " tokens do not divide by context x tensor = " + text(p.context * p.tensor), ""});
  }
  check_expert(p, findings);
  if (p.trace) {
    const Findings trace = check_plan_trace(p);
    findings.insert(findings.end(), trace.begin(), trace.end());
  }
  const int each = p.data() * p.micro_batch;
  if (p.global_batch % each != 0) {
    findings.push_back({"plan.global_batch",
                        text(p.global_batch) + " sequences do not divide over " + text(p.data()) +
                            " data-parallel copies of micro-batch " + text(p.micro_batch),
                        "try " + text(std::max(1, p.global_batch / each) * each) + " or " +
                            text((p.global_batch / each + 1) * each)});
    return findings;
  }
  if (p.gpu.fp8.value() == 0 && p.precision == Precision::Fp8) {
    findings.push_back({"plan.precision", p.gpu.name + " has no FP8 tensor cores", "precision = \"bf16\""});
  }
  const ScheduleKind* kind = find_schedule(p.schedule);
  if (!kind) {
    std::string known;
    for (const ScheduleKind& k : schedule_kinds()) known += (known.empty() ? "" : ", ") + std::string(k.name);
    findings.push_back({"plan.schedule", "unknown schedule \"" + p.schedule + "\"", "known: " + known});
    return findings;
  }
  const Findings shape = kind->check(pipeline_shape(p));
  findings.insert(findings.end(), shape.begin(), shape.end());
  if (!shape.empty()) return findings;
  const int stages = kind->stages(pipeline_shape(p)), blocks = p.model.layers + p.model.predict_layers;
  // The first stage may hold the embedding alone, the last the head: Llama 3 (arXiv 2407.21783, 3.3.2).
  const int most = blocks + (p.layer_map == LayerMap::EndsShort ? 2 : 0);
  if (p.blocks.empty() && stages > most) {
    findings.push_back({"plan.pipeline",
                        text(stages) + " stages for " + text(blocks) + " layers: a stage would be empty",
                        "at most " + text(most) + " stages"});
  }
  const auto inner_empty = [&] {
    return std::find(p.blocks.begin() + 1, p.blocks.end() - 1, 0) != p.blocks.end() - 1;
  };
  if (p.blocks.size() > 2 && inner_empty()) {
    findings.push_back(
        {"plan.layer_map", "a stage between the first and the last has no layer", "0 at the ends alone"});
  }
  if (p.scaling == Scaling::Tensor && (p.model.latent || p.model.experts)) {
    findings.push_back({"plan.scaling",
                        "one scale a tensor is modelled for dense models without latent attention",
                        "scaling = \"tile\""});
  }
  if (!p.blocks.empty() &&
      (int(p.blocks.size()) != stages || std::accumulate(p.blocks.begin(), p.blocks.end(), 0) != blocks)) {
    findings.push_back(
        {"plan.layer_map",
         "the list must have " + text(stages) + " entries that sum to " + text(blocks) + " layers", ""});
  }
  return findings;
}

int packed_samples(int sequence, int context, double seen) {
  const int part = std::max(1, sequence / context);
  const double wanted = std::max(1.0, sequence / seen);
  int best = 1;
  double off = wanted;
  for (int n = 2; n <= part; ++n) {
    const double ratio = std::max(n / wanted, wanted / n);
    if (part % n == 0 && ratio < off) best = n, off = ratio;
  }
  return best;
}

WorkShape work_shape(const TrainingPlan& p) {
  return {.model = &p.model,
          .sequence = p.sequence,
          .micro_batch = p.micro_batch,
          .samples = p.samples,
          .tensor = p.tensor,
          .context = p.context,
          .expert = p.expert,
          .precision = p.precision,
          .attention = p.attention,
          .recompute = p.recompute,
          .messages = p.layer_messages,
          .scaling = p.scaling};
}

PipelineShape pipeline_shape(const TrainingPlan& p) {
  return {.ranks = p.pipeline, .micro_batches = p.micro_batches(), .virtual_stages = p.virtual_stages};
}

std::vector<Stage> plan_stages(const TrainingPlan& p) {
  const int stages = find_schedule(p.schedule)->stages(pipeline_shape(p));
  const int blocks = p.model.layers + p.model.predict_layers;
  return cut_stages(p.model, p.blocks.empty() ? blocks_per_stage(blocks, stages, p.layer_map) : p.blocks);
}

std::vector<int> layers_with_experts(const TrainingPlan& plan) {
  std::vector<int> layers;
  for (const Stage& stage : plan_stages(plan)) {
    for (const Block& block : stage) {
      if (has_experts(block.kind)) layers.push_back(block.layer);
    }
  }
  return layers;
}

int tokens_to_route(const TrainingPlan& plan) { return int(work_shape(plan).tokens() / plan.tensor); }

}  // namespace orrery
