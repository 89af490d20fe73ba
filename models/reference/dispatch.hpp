#pragma once

#include <cstdint>
#include <vector>

#include "models/reference/matrix.hpp"

namespace orrery::reference {

/// Who holds the experts: consecutive ones on a rank, consecutive ranks in a node. Whole shares alone:
/// experts are a multiple of `ranks`, and these of `ranks_per_node` where there are more than one node's.
struct Placement {
  int ranks = 1, ranks_per_node = 8;
  int nodes() const { return ranks > ranks_per_node ? ranks / ranks_per_node : 1; }
};

/// Token copies of one source's tokens, counted by walking the index lists and marking what was seen.
struct Copies {
  std::vector<std::int64_t> expert_rows;  ///< [experts]
  std::vector<std::int64_t> rank_copies;  ///< [ranks] a token with several experts there is one copy.
  std::vector<std::int64_t> node_copies;  ///< [nodes]
  std::vector<std::int32_t> nodes_of_token, ranks_of_token;  ///< [tokens] distinct ones.
};
/// Of `expert` [tokens, per_token]. The source's own rank and node are counted like any other.
/// Checked    dispatch_test.cpp: the same of ordered sets, 200 random placements; V3's gate over 64 ranks
///            reaches 3.97 nodes and 7.49 ranks, random logits.
Copies count_copies(const Indices& expert, int experts, const Placement& placement);

}  // namespace orrery::reference
