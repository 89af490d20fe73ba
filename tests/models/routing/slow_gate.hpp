#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "models/routing/routing.hpp"

namespace orrery {

/// The gate as its authors write it, one token at a time: sort the groups, forget the others, sort what is
/// left. DeepSeek-V3 report, arXiv 2412.19437, section 2.1.2, with the best two of a group; V2 with the best
/// one.
inline std::vector<int> slow_gate(const Experts& experts, const std::vector<std::uint64_t>& affinity) {
  const int width = experts.routed / experts.groups;
  std::vector<std::pair<std::uint64_t, int>> groups;
  for (int group = 0; group < experts.groups; ++group) {
    std::vector<std::uint64_t> own(affinity.begin() + group * width, affinity.begin() + (group + 1) * width);
    std::sort(own.rbegin(), own.rend());
    groups.emplace_back(experts.selection_bias && width > 1 ? own[0] + own[1] : own[0], -group);
  }
  std::sort(groups.rbegin(), groups.rend());
  std::vector<std::pair<std::uint64_t, int>> left;
  for (int kept = 0; kept < experts.groups_per_token; ++kept) {
    const int group = -groups[std::size_t(kept)].second;
    for (int i = group * width; i < (group + 1) * width; ++i) left.emplace_back(affinity[std::size_t(i)], -i);
  }
  std::sort(left.rbegin(), left.rend());
  std::vector<int> chosen;
  for (int i = 0; i < experts.per_token && i < int(left.size()); ++i)
    chosen.push_back(-left[std::size_t(i)].second);
  return chosen;
}

/// The draws of sample number `index` of a pool: four 16-bit numbers a random word, lowest first, laid out as
/// [row][lane] with eight lanes a pair of words; a lane is a stretch of experts of one group.
class SlowDraws {
 public:
  SlowDraws(const Experts& e, std::uint64_t seed, int index)
      : experts(e),
        random(seed, {.owner = "gate", .purpose = "token logits", .index = std::uint64_t(index)}) {
    const int width = e.routed / e.groups;
    int stretches = 1;  // Of one group.
    while (e.groups * stretches % 8 != 0 && width % (2 * stretches) == 0) stretches *= 2;
    rows = width / stretches;
    lanes = (e.groups * stretches + 7) / 8 * 8;
  }
  /// [expert] of the next token.
  std::vector<std::int16_t> next() {
    std::vector<std::int16_t> draw(std::size_t(experts.routed));
    for (int row = 0; row < rows; ++row) {
      for (int lane = 0; lane < lanes; lane += 4) {
        std::uint64_t bits = random.bits();
        for (int i = 0; i < 4; ++i, bits >>= 16) {
          const int expert = (lane + i) * rows + row;
          if (expert < experts.routed) draw[std::size_t(expert)] = std::int16_t(bits & 0xFFFF);
        }
      }
    }
    return draw;
  }

 private:
  const Experts& experts;
  RandomStream random;
  int rows, lanes;
};

/// Sigmoid of the normal quantile, in units of 2^-30, by the maths library.
inline const std::vector<std::uint64_t>& slow_affinities() {
  static const std::vector<std::uint64_t> table = [] {
    std::vector<std::uint64_t> affinities;
    for (int i = 0; i < 65'536; ++i) {
      double low = -8, high = 8;
      for (int step = 0; step < 50; ++step) {
        const double x = (low + high) / 2;
        (std::erfc(-x / std::sqrt(2.0)) / 2 < (i + 0.5) / 65'536 ? low : high) = x;
      }
      affinities.push_back(std::uint64_t(std::llround(0x1p30 / (1 + std::exp(-low)))));
    }
    return affinities;
  }();
  return table;
}

/// The balanced sample number `index` of a pool again, from the same draws.
inline RoutingSample slow_sample(const RoutingShape& shape, std::uint64_t seed, int index) {
  const Experts& experts = *shape.experts;
  SlowDraws draws(experts, seed, index);
  RoutingSample sample;
  sample.expert_rows.assign(std::size_t(experts.routed), 0);
  sample.rank_copies.assign(std::size_t(shape.ranks), 0);
  sample.domain_copies.assign(std::size_t(shape.domains()), 0);
  for (int token = 0; token < shape.tokens; ++token) {
    std::vector<std::uint64_t> affinity;
    for (const std::int16_t draw : draws.next())
      affinity.push_back(slow_affinities()[std::size_t(draw + 32'768)]);
    std::set<int> ranks, domains;
    for (const int expert : slow_gate(experts, affinity)) {
      ++sample.expert_rows[std::size_t(expert)];
      ranks.insert(expert * shape.ranks / experts.routed);
      domains.insert(expert * shape.domains() / experts.routed);
    }
    for (const int rank : ranks) ++sample.rank_copies[std::size_t(rank)];
    for (const int domain : domains) ++sample.domain_copies[std::size_t(domain)];
  }
  return sample;
}

}  // namespace orrery
