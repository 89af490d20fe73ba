#include "models/work/stages.hpp"

#include "sim/check.hpp"

namespace orrery {

std::vector<int> blocks_per_stage(int blocks, int stages, LayerMap map) {
  const int least = blocks / stages, more = blocks % stages;
  std::vector<int> count(std::size_t(stages), least);
  switch (map) {
    case LayerMap::FrontHeavy:
      for (int s = 0; s < more; ++s) ++count[std::size_t(s)];
      break;
    case LayerMap::BackHeavy:
      for (int s = 0; s < more; ++s) ++count[std::size_t(stages - 1 - s)];
      break;
    case LayerMap::EndsShort: {
      // The stages that stay short: last, first, last but one, second, ...
      std::vector<bool> is_short(std::size_t(stages), false);
      for (int i = 0; i < stages - more; ++i)
        is_short[std::size_t(i % 2 == 0 ? stages - 1 - i / 2 : i / 2)] = true;
      for (int s = 0; s < stages; ++s) count[std::size_t(s)] += is_short[std::size_t(s)] ? 0 : 1;
      break;
    }
  }
  return count;
}

std::vector<Stage> cut_stages(const Transformer& model, const std::vector<int>& blocks) {
  std::vector<Stage> stages;
  const int all = model.layers + model.predict_layers;
  int next = 0;
  for (const int count : blocks) {
    Stage stage;
    if (stages.empty()) stage.push_back({BlockKind::Embedding, -1});
    for (int i = 0; i < count; ++i, ++next) {
      if (next < model.layers) {
        const bool moe = model.experts && model.is_moe[std::size_t(next)];
        stage.push_back({moe ? BlockKind::Moe : BlockKind::Dense, next});
      } else {
        stage.push_back({BlockKind::Predict, next});
      }
      if (next >= model.layers - 1) stage.push_back({BlockKind::Head, all});
    }
    stages.push_back(std::move(stage));
  }
  ORRERY_CHECK(next == all);
  // A last stage without blocks holds the head alone.
  if (stages.size() > 1 && stages.back().empty()) {
    Stage& before = stages[stages.size() - 2];
    stages.back().push_back(before.back());
    before.pop_back();
  }
  return stages;
}

}  // namespace orrery
