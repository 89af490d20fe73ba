#pragma once

#include <algorithm>
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
    for (int i = group * width; i < (group + 1) * width; ++i) left.emplace_back(affinity[std::size_t(i)], i);
  }
  std::sort(left.rbegin(), left.rend());
  std::vector<int> chosen;
  for (int i = 0; i < experts.per_token && i < int(left.size()); ++i)
    chosen.push_back(left[std::size_t(i)].second);
  return chosen;
}

/// The balanced sample number `index` of a pool again, from the same draws: two 31-bit logits a draw, low
/// half first.
inline RoutingSample slow_sample(const RoutingShape& shape, std::uint64_t seed, int index) {
  const Experts& experts = *shape.experts;
  RandomStream gate(seed, {.owner = "gate", .purpose = "token logits", .index = std::uint64_t(index)});
  RoutingSample sample;
  sample.expert_rows.assign(std::size_t(experts.routed), 0);
  sample.rank_copies.assign(std::size_t(shape.ranks), 0);
  sample.domain_copies.assign(std::size_t(shape.domains()), 0);
  for (int token = 0; token < shape.tokens; ++token) {
    std::vector<std::uint64_t> affinity;
    while (int(affinity.size()) < experts.routed) {
      const std::uint64_t bits = gate.bits();
      affinity.push_back((bits & 0xFFFFFFFF) >> 1);
      affinity.push_back(bits >> 33);
    }
    affinity.resize(std::size_t(experts.routed));
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
