#pragma once

#include <algorithm>
#include <array>
#include <functional>

#include "models/collectives/all_to_all.hpp"
#include "sim/random.hpp"

namespace orrery {

/// Counts of `tokens` tokens a rank by the routing of DeepEP's own benchmark (tests/legacy/
/// test_internode.py, test_intranode.py): random scores over 256 experts; the nodes (4 of them, where
/// there are more) with the best single score; among their experts the 8 best. Any law of independent
/// equal scores gives the same choice, so uniform ones serve.
inline AllToAllCounts sample_counts(int nodes, int tokens, std::uint64_t seed) {
  constexpr int experts = 256, per_token = 8, gpus = 8;
  AllToAllCounts counts(nodes, gpus);
  const int on_node = experts / nodes, on_gpu = on_node / gpus, kept_nodes = std::min(nodes, 4);
  for (int source = 0; source < counts.sources(); ++source) {
    RandomStream random(seed, {"test", "gate", std::uint64_t(source)});
    for (int token = 0; token < tokens; ++token) {
      std::array<std::uint64_t, experts> score;
      for (int e = 0; e < experts; e += 2) {
        const std::uint64_t draw = random.bits();  // Two scores a draw, made distinct by their place.
        score[e] = (draw >> 32) << 8 | std::uint64_t(e);
        score[e + 1] = (draw & 0xFFFFFFFF) << 8 | std::uint64_t(e + 1);
      }
      std::array<std::uint64_t, 32> best{};
      for (int e = 0; e < experts; ++e) best[e / on_node] = std::max(best[e / on_node], score[e]);
      std::array<std::uint64_t, 32> ranked = best;
      std::nth_element(ranked.begin(), ranked.begin() + kept_nodes - 1, ranked.end(), std::greater<>());
      std::array<std::uint64_t, experts> left;
      int count = 0;
      for (int e = 0; e < experts; ++e)
        if (best[e / on_node] >= ranked[kept_nodes - 1]) left[count++] = score[e];
      std::nth_element(left.begin(), left.begin() + per_token - 1, left.begin() + count, std::greater<>());
      std::array<bool, 32> node_wanted{};
      std::array<bool, 256> gpu_wanted{};
      for (int k = 0; k < per_token; ++k) {
        const int expert = int(left[k] & 0xFF);
        node_wanted[expert / on_node] = true;
        gpu_wanted[expert / on_gpu] = true;
      }
      for (int node = 0; node < nodes; ++node) counts.to_node(source, node) += node_wanted[node];
      for (int g = 0; g < nodes * gpus; ++g) counts.to_gpu(source, g / gpus, g % gpus) += gpu_wanted[g];
    }
  }
  return counts;
}

}  // namespace orrery
