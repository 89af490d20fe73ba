#include <array>

#include "scenarios/ablating/ablation.hpp"

namespace orrery {
namespace {

using Trace = std::shared_ptr<const RoutingTrace>;

bool has_groups(const TrainingPlan& p) {
  return p.model.experts && p.model.experts->groups_per_token < p.model.experts->groups &&
         p.expert > p.node.gpus;
}
bool has_bias(const TrainingPlan& p) {
  return p.model.experts && p.model.experts->selection_bias && !p.trace;
}
bool has_pairs(const TrainingPlan& p) {
  return p.model.experts && p.expert > 1 && p.schedule.starts_with("dualpipe") &&
         p.overlap == Overlap::Hidden;
}
bool is_bidirectional(const TrainingPlan& p) { return p.schedule.starts_with("dualpipe"); }
bool has_fine_experts(const TrainingPlan& p) {
  return p.model.experts && p.model.experts->per_token % 4 == 0 &&
         p.model.experts->routed % (4 * p.expert) == 0;
}
bool has_recompute(const TrainingPlan& p) {
  const Recompute& r = p.recompute;
  return r.norm || r.up_projection || r.activation || r.attention || r.layer;
}
bool spans_nodes(const TrainingPlan& p) {
  return p.model.experts && p.expert > p.node.gpus && p.dispatch == Dispatch::NodeOnce;
}

void take_groups(TrainingPlan& p, const Trace&) {
  p.model.experts->groups = p.model.experts->groups_per_token = 1;
}
void take_latent(TrainingPlan& p, const Trace&) {
  p.model.latent.reset();
  p.model.key_value_heads = 8;
  p.model.head_dim = 128;
  p.recompute.up_projection = false;
}
void take_fine_experts(TrainingPlan& p, const Trace&) {
  Experts& e = *p.model.experts;
  e.routed /= 4, e.per_token /= 4, e.width *= 4;
  if (e.groups_per_token > e.per_token) e.groups_per_token = e.per_token;
}

constexpr std::array rows{
    Removal{"fp8", "BF16 instead of FP8", [](const TrainingPlan& p) { return p.precision == Precision::Fp8; },
            [](TrainingPlan& p, const Trace&) { p.precision = Precision::Bf16; }},
    Removal{"overlap", "compute waits for every all-to-all", has_pairs,
            [](TrainingPlan& p, const Trace&) { p.overlap = Overlap::Exposed; }},
    Removal{"bidirectional", "1F1B in one direction, without pairs", is_bidirectional,
            [](TrainingPlan& p, const Trace&) { p.schedule = "1f1b"; }},
    Removal{"node_limit", "tokens may reach every node", has_groups, take_groups},
    Removal{"bias", "a gate that nobody balances", has_bias,
            [](TrainingPlan& p, const Trace& unbalanced) { p.trace = unbalanced; }, true},
    Removal{"mla", "grouped-query attention, 8 key-value heads",
            [](const TrainingPlan& p) { return p.model.latent.has_value(); }, take_latent},
    Removal{"fine_experts", "a quarter of the experts, four times as wide", has_fine_experts,
            take_fine_experts},
    Removal{"recompute", "nothing recomputed", has_recompute,
            [](TrainingPlan& p, const Trace&) { p.recompute = {}; }},
    Removal{"dispatch", "a copy for every rank over the network", spans_nodes,
            [](TrainingPlan& p, const Trace&) { p.dispatch = Dispatch::RankEach; }},
    Removal{"multi_plane", "one plane, multi-rail fat tree",
            [](const TrainingPlan& p) { return p.topology == "multi-plane-fat-tree" && !p.cabling; },
            [](TrainingPlan& p, const Trace&) { p.topology = "multi-rail-fat-tree"; }},
};

}  // namespace

std::span<const Removal> removals() { return rows; }

}  // namespace orrery
