#pragma once

#include <cstdint>
#include <vector>

#include "models/reference/matrix.hpp"

namespace orrery::reference {

/// Who holds the experts: consecutive ones on a rank, consecutive ranks in a node.
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
Copies count_copies(const Indices& expert, int experts, const Placement& placement);

}  // namespace orrery::reference
