#include "models/memory/parameters.hpp"

#include <algorithm>

#include "sim/check.hpp"

namespace orrery {
namespace {

std::int64_t norm_parameters(const Transformer& model) {
  return std::int64_t(model.hidden) * (model.layer_norm_bias ? 2 : 1);
}

/// MLA's down-projections and latent norms, which every tensor rank holds whole.
std::int64_t repeated_attention(const Transformer& model) {
  if (!model.latent) return 0;
  const LatentAttention& a = *model.latent;
  return std::int64_t(model.hidden) * (a.query_rank + a.key_value_rank + a.rope_dim) + a.query_rank +
         a.key_value_rank;
}

std::int64_t attention_share(const WorkShape& shape) {
  const Transformer& model = *shape.model;
  const std::int64_t repeated = repeated_attention(model);
  std::int64_t share = repeated + (attention_parameters(model) - repeated) / shape.tensor;
  if (!model.latent && model.key_value_heads < shape.tensor) {
    // One key-value head a rank where an even split would give less: K and V matrices of d x e each.
    const std::int64_t head = 2 * std::int64_t(model.hidden) * model.head_dim;
    share += head - head * model.key_value_heads / shape.tensor;
  }
  return share;
}

/// Adds one block's own parameters; tables are counted apart.
void add_block(RankParameters& sum, const WorkShape& shape, BlockKind kind) {
  const Transformer& model = *shape.model;
  const std::int64_t norm = norm_parameters(model), d = model.hidden;
  const auto add_products = [&sum](std::int64_t count) {
    sum.dense += count;
    sum.dense_products += count;
  };
  if (kind == BlockKind::Head) sum.dense += norm;
  if (has_attention(kind)) {
    add_products(attention_share(shape));
    sum.dense += 2 * norm;
  }
  if (kind == BlockKind::Dense) add_products(dense_ffn_parameters(model) / shape.tensor);
  if (has_experts(kind)) {
    const std::int64_t router = router_parameters(model);
    add_products((moe_shared_parameters(model) - router) / shape.tensor);
    sum.dense += router;
    sum.expert += model.experts->routed / shape.expert * expert_parameters(model);
  }
  if (kind == BlockKind::Predict) {
    add_products(2 * d * d / shape.tensor);
    sum.dense += 2 * norm;
  }
}

}  // namespace

RankParameters rank_parameters(const WorkShape& shape, const std::vector<const Stage*>& stages) {
  RankParameters sum;
  bool reads_input_table = false, learns_positions = false, reads_output_table = false;
  for (const Stage* stage : stages) {
    for (const Block& block : *stage) {
      add_block(sum, shape, block.kind);
      reads_input_table |= block.kind == BlockKind::Embedding || block.kind == BlockKind::Predict;
      learns_positions |= block.kind == BlockKind::Embedding && shape.model->learned_positions;
      reads_output_table |= block.kind == BlockKind::Head;
    }
  }
  const Transformer& model = *shape.model;
  const std::int64_t table = std::int64_t(model.vocabulary) * model.hidden / shape.tensor;
  const bool one_table = model.tied_embedding && reads_input_table;
  if (reads_input_table) sum.dense += table;
  if (reads_output_table && !one_table) sum.dense += table;
  if (learns_positions) sum.dense += std::int64_t(model.positions) * model.hidden;
  return sum;
}

std::vector<int> stages_of_rank(const PipelineSchedule& schedule, int rank) {
  std::vector<int> held;
  for (int stage = 0; stage < schedule.stages; ++stage) {
    const bool here = std::any_of(schedule.paths.begin(), schedule.paths.end(),
                                  [&](const auto& path) { return path[std::size_t(stage)] == rank; });
    if (here) held.push_back(stage);
  }
  return held;
}

std::vector<const Stage*> stages_on_rank(const PipelineSchedule& schedule, const std::vector<Stage>& stages,
                                         int rank) {
  ORRERY_CHECK(int(stages.size()) == schedule.stages);
  std::vector<const Stage*> held;
  for (const int stage : stages_of_rank(schedule, rank)) held.push_back(&stages[std::size_t(stage)]);
  return held;
}

}  // namespace orrery
