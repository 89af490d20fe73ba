#include "models/generation/deployment.hpp"

#include <algorithm>
#include <string>

#include "models/memory/parameters.hpp"

namespace orrery {
namespace {

constexpr double fp8_weight = 1 + 4.0 / (128 * 128), bf16_weight = 2;

std::string text(std::int64_t n) { return std::to_string(n); }

/// Of one token on one tensor rank: latents whole, grouped heads shared out.
Bytes cache_bytes(const TrainingPlan& layout) {
  const Transformer& model = layout.model;
  const Bytes whole = kv_cache_bytes_per_token(model);
  return model.latent ? whole
                      : whole / model.key_value_heads * std::max(1, model.key_value_heads / layout.tensor);
}

}  // namespace

InstanceMemory instance_memory(const Deployment& deployment) {
  const TrainingPlan& layout = deployment.layout;
  const std::vector<Stage> stages = plan_stages(layout);
  std::vector<const Stage*> all;
  for (const Stage& stage : stages) all.push_back(&stage);
  const RankParameters p = rank_parameters(work_shape(layout), all);
  const double each = layout.precision == Precision::Fp8 ? fp8_weight : bf16_weight;
  InstanceMemory memory;
  memory.weights = Bytes(std::int64_t(each * double(p.expert + p.dense_products) +
                                      bf16_weight * double(p.dense - p.dense_products)));
  memory.cache_token = cache_bytes(layout);
  const double room =
      deployment.memory_share * double(layout.gpu.memory.value()) - double(memory.weights.value());
  memory.cache_tokens = std::max<std::int64_t>(0, std::int64_t(room / double(memory.cache_token.value())));
  return memory;
}

Findings check_deployment(const Deployment& d, std::int64_t longest) {
  Findings findings;
  const TrainingPlan& layout = d.layout;
  if (!layout.kernels.decode) {
    findings.push_back(
        {"generation.kernels",
         "kernel family " + layout.kernels.name + " has no kernels that were measured generating",
         "kernels = \"deepgemm\""});
  }
  for (Finding finding : check_plan(layout)) {
    finding.key = "generation.nodes, generation.tensor";
    finding.problem = "generation: " + finding.problem;
    findings.push_back(std::move(finding));
  }
  if (d.acceptance > 0 && layout.model.predict_layers == 0) {
    findings.push_back({"generation.draft_acceptance",
                        layout.model.name + " has no multi-token prediction to draft with",
                        "draft_acceptance = \"0 %\""});
  }
  if (!findings.empty()) return findings;
  const InstanceMemory memory = instance_memory(d);
  if (memory.cache_tokens < longest) {
    const double gb = double(memory.weights.value()) / 1e9;
    findings.push_back({"generation.nodes, generation.memory",
                        "beside " + text(std::int64_t(gb + 0.5)) + " GB of weights the cache has room for " +
                            text(memory.cache_tokens) + " tokens; the longest answer with its prompt has " +
                            text(longest),
                        "more nodes an instance, or a lower answer_limit"});
  }
  return findings;
}

}  // namespace orrery
