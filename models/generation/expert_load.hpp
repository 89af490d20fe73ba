#pragma once

#include <map>
#include <optional>

#include "models/generation/deployment.hpp"
#include "models/work/decode_work.hpp"

namespace orrery {

/// What the fullest rank of the expert-parallel group gets in one layer, on average over draws of the gate.
struct FullestRank {
  double rows = 0;       ///< Each expert's padded to 64.
  double experts = 0;    ///< With at least one row.
  double over_mean = 1;  ///< Its unpadded rows over the mean rank's.
};

/// Sixteen draws of the gate by how many tokens each rank sends, on demand; every token draws by itself.
/// Between powers of two the averages are straight lines.
///
/// Checked     tests/models/generation/expert_load_test.cpp: rows against those sent; the
///             fullest rank of many tokens against independent draws.
/// Leaves out  copies of popular experts and their balancing: popularity comes with its full effect.
class ExpertLoad {
 public:
  explicit ExpertLoad(const TrainingPlan& layout) : layout_(&layout) {}
  FullestRank at(std::int64_t tokens);
  void draw_up_to(std::int64_t tokens);  ///< All that `at` needs for fewer.

 private:
  const FullestRank& drawn(std::int64_t tokens);
  const TrainingPlan* layout_;
  std::map<std::int64_t, FullestRank> known_;
};

}  // namespace orrery
