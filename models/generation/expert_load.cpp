#include "models/generation/expert_load.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <vector>

#include "models/routing/routing.hpp"

namespace orrery {
namespace {

constexpr int draws = 16;

FullestRank draw(const TrainingPlan& layout, std::int64_t tokens) {
  const Experts& experts = *layout.model.experts;
  // Where a token comes from is of no matter here: all ranks' tokens are one sample.
  const RoutingShape shape{.experts = &experts,
                           .ranks = layout.expert,
                           .ranks_per_domain = layout.node.gpus,
                           .tokens = int(tokens * layout.expert),
                           .popularity = layout.popularity};
  const RoutingPool pool = sample_routing(shape, draws, layout.seed);
  const int local = experts.routed / layout.expert;
  FullestRank mean{0, 0, 0};
  for (const RoutingSample& sample : pool.samples) {
    const std::vector<std::uint32_t>& rows = sample.expert_rows;
    std::uint32_t most = 0;
    FullestRank fullest;
    for (int rank = 0; rank < layout.expert; ++rank) {
      const auto first = rows.begin() + std::ptrdiff_t(rank) * local;
      const std::uint32_t sum = std::accumulate(first, first + local, 0u);
      if (sum < most) continue;
      most = sum;
      fullest.rows = fullest.experts = 0;
      for (auto e = first; e != first + local; ++e) {
        fullest.rows += double(padded_rows(*e));
        fullest.experts += *e > 0;
      }
    }
    mean.rows += fullest.rows / draws;
    mean.experts += fullest.experts / draws;
    mean.over_mean += double(most) / (double(tokens) * experts.per_token) / draws;
  }
  return mean;
}

}  // namespace

const FullestRank& ExpertLoad::drawn(std::int64_t tokens) {
  const auto found = known_.find(tokens);
  return found != known_.end() ? found->second : known_[tokens] = draw(*layout_, tokens);
}

void ExpertLoad::draw_up_to(std::int64_t tokens) {
  std::int64_t power = 1;
  for (drawn(power); power < tokens; drawn(power)) power *= 2;
}

FullestRank ExpertLoad::at(std::int64_t tokens) {
  const auto low = std::int64_t(std::bit_floor(std::uint64_t(std::max<std::int64_t>(1, tokens))));
  const FullestRank& a = drawn(low);
  if (low >= tokens) return a;
  const FullestRank& b = drawn(2 * low);
  const double t = double(tokens - low) / double(low);
  return {a.rows + t * (b.rows - a.rows), a.experts + t * (b.experts - a.experts),
          a.over_mean + t * (b.over_mean - a.over_mean)};
}

}  // namespace orrery
