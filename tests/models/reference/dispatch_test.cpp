#include "models/reference/dispatch.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "models/reference/gate.hpp"
#include "tests/models/reference/gate_sample.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

// 8 experts on 4 ranks in 2 nodes: expert e is on rank e / 2 of node e / 4.
TEST(Copies, WorkedByHand) {
  Indices expert(3, 3);
  expert << 0, 1, 3,  // Ranks 0, 0, 1; node 0.
      7, 2, 6,        // Ranks 3, 1, 3; nodes 1, 0.
      4, 5, 7;        // Ranks 2, 2, 3; node 1.
  const Copies copies = count_copies(expert, 8, {.ranks = 4, .ranks_per_node = 2});
  EXPECT_EQ(copies.expert_rows, (std::vector<std::int64_t>{1, 1, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(copies.rank_copies, (std::vector<std::int64_t>{1, 2, 1, 2}));
  EXPECT_EQ(copies.node_copies, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(copies.ranks_of_token, (std::vector<std::int32_t>{2, 2, 2}));
  EXPECT_EQ(copies.nodes_of_token, (std::vector<std::int32_t>{1, 2, 1}));
}

TEST(Copies, AreThoseOfOrderedSets) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "copies"});
    const int per_node = any_size(random, 1, 4), nodes = any_size(random, 1, 4),
              of_rank = any_size(random, 1, 4);
    const int ranks = per_node * nodes, experts = ranks * of_rank, tokens = any_size(random, 0, 30);
    Indices expert(tokens, any_size(random, 1, 6));
    for (std::int32_t& e : expert.reshaped()) e = std::int32_t(random.below(std::uint32_t(experts)));
    const Copies copies = count_copies(expert, experts, {.ranks = ranks, .ranks_per_node = per_node});

    std::vector<std::multiset<int>> rows(std::size_t(experts), std::multiset<int>{});
    std::vector<std::set<int>> at_rank(std::size_t(ranks), std::set<int>{}),
        at_node(std::size_t(nodes), std::set<int>{});
    for (int token = 0; token < tokens; ++token) {
      std::set<int> its_ranks, its_nodes;
      for (const std::int32_t e : expert.row(token)) {
        rows[std::size_t(e)].insert(token);
        at_rank[std::size_t(e / of_rank)].insert(token);
        at_node[std::size_t(e / (of_rank * per_node))].insert(token);
        its_ranks.insert(e / of_rank);
        its_nodes.insert(e / (of_rank * per_node));
      }
      ASSERT_EQ(copies.ranks_of_token[std::size_t(token)], std::int32_t(its_ranks.size())) << "seed " << seed;
      ASSERT_EQ(copies.nodes_of_token[std::size_t(token)], std::int32_t(its_nodes.size())) << "seed " << seed;
    }
    ASSERT_EQ(copies.nodes_of_token.size(), std::size_t(tokens));
    for (int e = 0; e < experts; ++e)
      ASSERT_EQ(copies.expert_rows[std::size_t(e)], std::int64_t(rows[std::size_t(e)].size()));
    for (int r = 0; r < ranks; ++r)
      ASSERT_EQ(copies.rank_copies[std::size_t(r)], std::int64_t(at_rank[std::size_t(r)].size()));
    for (int n = 0; n < nodes; ++n)
      ASSERT_EQ(copies.node_copies[std::size_t(n)], std::int64_t(at_node[std::size_t(n)].size()));
  }
}

TEST(Copies, OfFewerRanksThanANodeHoldsReachOneNode) {
  Indices expert(1, 2);
  expert << 0, 3;
  const Copies copies = count_copies(expert, 4, {.ranks = 4, .ranks_per_node = 8});
  EXPECT_EQ(copies.node_copies, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(copies.ranks_of_token, (std::vector<std::int32_t>{2}));
}

constexpr int many_tokens = 16'384;

/// What a gate chooses for random normal logits.
Indices random_choice(const GateShape& shape) {
  RandomStream random(1, {.owner = "test", .purpose = "reach"});
  Matrix<float> logits(many_tokens, shape.experts);
  for (Index i = 0; i < logits.size(); ++i) logits.data()[i] = float(random.normal());
  Ledger ledger;
  // The identity as centroids: x is the logits.
  return gate_forward<float>(logits, {Matrix<float>::Identity(shape.experts, shape.experts)},
                             SelectionBias(std::size_t(shape.experts), 0.0), shape,
                             {full_numerics, {}, ledger})
      .expert;
}

struct Mean {
  double value, error;  ///< Over tokens, and its standard error.
};
Mean mean_of(const std::vector<std::int32_t>& counts) {
  const double tokens = double(counts.size()),
               mean = std::accumulate(counts.begin(), counts.end(), 0.0) / tokens;
  double squares = 0;
  for (const std::int32_t n : counts) squares += (n - mean) * (n - mean);
  return {mean, std::sqrt(squares) / tokens};
}

// A token takes its 8 best of the 128 experts in 4 groups of 32. That one of the four brings none of them is
// rare, and the two best of each, which won the group its place, spread them more evenly than chance. The
// figures are those of a program of its own in another language (sorts, 200,000 tokens, standard errors
// 0.0005 and 0.0014): 3.965 nodes and 7.491 ranks; with groups judged by their best alone, as V2's, 3.983
// and 7.472.
TEST(Copies, OfV3OverSixtyFourRanksReachAlmostFourNodes) {
  GateShape v3{.experts = 256, .per_token = 8, .groups = 8, .groups_per_token = 4, .selection_bias = true};
  Copies copies = count_copies(random_choice(v3), 256, {.ranks = 64, .ranks_per_node = 8});
  Mean nodes = mean_of(copies.nodes_of_token), ranks = mean_of(copies.ranks_of_token);
  EXPECT_NEAR(nodes.value, 3.965, 3 * std::hypot(nodes.error, 0.0005));
  EXPECT_NEAR(ranks.value, 7.491, 3 * std::hypot(ranks.error, 0.0014));
  EXPECT_LT(nodes.error, 0.002);
  EXPECT_LT(ranks.error, 0.006);
  EXPECT_EQ(std::accumulate(copies.expert_rows.begin(), copies.expert_rows.end(), std::int64_t(0)),
            8 * many_tokens);

  v3.selection_bias = false;
  copies = count_copies(random_choice(v3), 256, {.ranks = 64, .ranks_per_node = 8});
  nodes = mean_of(copies.nodes_of_token);
  ranks = mean_of(copies.ranks_of_token);
  EXPECT_NEAR(nodes.value, 3.983, 3 * std::hypot(nodes.error, 0.0005));
  EXPECT_NEAR(ranks.value, 7.472, 3 * std::hypot(ranks.error, 0.0014));
}

/// Places out of `places` that 8 of 256 experts reach by chance: one is missed with probability
/// (256 - 256 / places choose 8) / (256 choose 8).
double reached_by_chance(int places) {
  double missed = 1;
  for (int i = 0; i < 8; ++i) missed *= (256 - 256.0 / places - i) / (256.0 - i);
  return places * (1 - missed);
}

// For 32 ranks this is 3.61 nodes and 7.27 ranks.
TEST(Copies, WithoutGroupsReachWhatChanceReaches) {
  const Indices expert = random_choice({.experts = 256, .per_token = 8});
  EXPECT_NEAR(reached_by_chance(4), 3.61, 0.005);
  EXPECT_NEAR(reached_by_chance(32), 7.27, 0.005);
  for (const int all_ranks : {16, 32, 64, 128}) {
    const Copies copies = count_copies(expert, 256, {.ranks = all_ranks, .ranks_per_node = 8});
    const Mean nodes = mean_of(copies.nodes_of_token), ranks = mean_of(copies.ranks_of_token);
    EXPECT_NEAR(nodes.value, reached_by_chance(all_ranks / 8), 3 * nodes.error) << all_ranks << " ranks";
    EXPECT_NEAR(ranks.value, reached_by_chance(all_ranks), 3 * ranks.error) << all_ranks << " ranks";
  }
}

}  // namespace
}  // namespace orrery::reference
