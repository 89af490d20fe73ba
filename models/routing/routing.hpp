#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/transformer/transformer.hpp"
#include "sim/random.hpp"

namespace orrery {

/// One source rank's tokens through the gate: where they went, as counts of real choices.
struct RoutingSample {
  std::vector<std::uint32_t> expert_rows;  ///< [expert] token-expert pairs.
  std::vector<std::uint32_t>
      rank_copies;  ///< [rank] tokens with at least one expert there (they share one copy).
  std::vector<std::uint32_t> domain_copies;  ///< [NVLink domain] tokens with at least one expert in it.
};

struct RoutingShape {
  const Experts* experts = nullptr;
  int ranks = 1;             ///< Expert-parallel ranks.
  int ranks_per_domain = 8;  ///< Ranks of the group inside one NVLink domain (node).
  int tokens = 0;            ///< A source rank sends for one micro-batch.
  double popularity =
      0;  ///< Standard deviation of a fixed per-expert offset to the gate logits, 0: balanced.
  int domains() const { return ranks > ranks_per_domain ? ranks / ranks_per_domain : 1; }
};

/// One layer of one micro-batch in one expert-parallel group: every source rank drew a sample.
struct RoutedLayer {
  std::vector<std::int32_t>
      rows;  ///< [rank] expert rows, each expert padded to `row_tile`, times the spread.
  std::vector<std::int32_t> received;  ///< [rank] token copies.
  std::vector<std::int32_t> sent;      ///< [source * domains + domain] token copies that leave for a domain.
};

struct LayerKey {
  std::uint64_t seed;
  int group, layer, micro_batch;
};

/// Layers of the first group drawn beforehand, for many steps that would all draw the same.
struct DrawnLayers {
  std::uint64_t seed;
  double row_spread;
  std::vector<std::vector<RoutedLayer>> layers;  ///< [layer][micro-batch]; none for layers without experts.
  /// None where it was not drawn.
  const RoutedLayer* find(const LayerKey& key, double spread) const;
};

/// A pool of exact samples of the gate.
///
/// A token's affinities are the sigmoid of independent normal logits (plus the expert's popularity), in
/// 65,536 equally likely steps; the best `groups_per_token` groups by the sum of their two largest are kept
/// (DeepSeek-V3; by the largest alone in V2, whose choice has no bias); the token goes to the `per_token`
/// largest in them. Nothing is dropped.
///
/// Source   DeepSeek-V3 report, arXiv 2412.19437, section 2.1.2; inference/model.py, class Gate.
/// Checked  tests/models/routing: 3.965 domains and 7.490 ranks a token for EP64, as the published trace's
/// gate
///          (also sigmoid of normal logits) by another program; DeepEP's EP8, 16, 32 by closed form; a slow
///          gate that sorts everything gives the same choices.
/// Leaves out  correlation between neighbouring tokens; the learnt gate of a real checkpoint.
struct RoutingPool {
  RoutingShape shape;
  std::vector<RoutingSample> samples;
  /// [model layer] where its own samples begin, of a pool that has some for each layer (`sample_trace`); else
  /// empty, and layers share them all.
  std::vector<std::int32_t> first_of_layer;
  int samples_of_layer = 0;
  double ranks_per_token = 0, domains_per_token = 0;  ///< Means over the pool.
  std::shared_ptr<const DrawnLayers> drawn;           ///< Of this pool; none: each step draws its own.
};
RoutingPool sample_routing(const RoutingShape& shape, int samples, std::uint64_t seed);

/// The same choices with a copy over the network for every rank of a node instead of one for the node.
RoutingPool with_copies_for_ranks(RoutingPool pool);

/// Draws a sample for each source rank (a pure function of seed, group, layer, micro-batch) and adds up.
///
/// `row_spread`: standard deviation over ranks of a factor on what a rank receives. The published trace
/// shows 7.6 % where independent draws give 0.5 %; the cause is not known, so it is an input. The bytes
/// toward a domain follow the mean factor of its ranks, so that sent and received copies agree.
RoutedLayer route_layer(const RoutingPool& pool, const LayerKey& key, double row_spread);

constexpr int row_tile = 128;  ///< Expert rows are padded to this (the grouped GEMM's tile).

}  // namespace orrery
