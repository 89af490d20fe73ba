#include "models/reference/dispatch.hpp"

#include "sim/check.hpp"

namespace orrery::reference {
namespace {

/// Counts what it is shown, once a token.
class Marks {
 public:
  explicit Marks(int places) : copies_(std::size_t(places), 0), last_(std::size_t(places), 0) {}
  void next_token() {
    ++token_;
    distinct_ = 0;
  }
  void see(int place) {
    if (last_[std::size_t(place)] == token_) return;
    last_[std::size_t(place)] = token_;
    ++copies_[std::size_t(place)];
    ++distinct_;
  }
  std::int32_t distinct() const { return distinct_; }
  const std::vector<std::int64_t>& copies() const { return copies_; }

 private:
  std::vector<std::int64_t> copies_, last_;  ///< Tokens are numbered from 1; 0 is before all of them.
  std::int64_t token_ = 0;
  std::int32_t distinct_ = 0;
};

}  // namespace

Copies count_copies(const Indices& expert, int experts, const Placement& placement) {
  const int nodes = placement.nodes(), experts_of_rank = experts / placement.ranks;
  ORRERY_CHECK(experts_of_rank >= 1 && experts_of_rank * placement.ranks == experts);
  ORRERY_CHECK(placement.ranks <= placement.ranks_per_node ||
               nodes * placement.ranks_per_node == placement.ranks);
  Copies result;
  result.expert_rows.assign(std::size_t(experts), 0);
  Marks rank_marks(placement.ranks), node_marks(nodes);
  for (Eigen::Index token = 0; token < expert.rows(); ++token) {
    rank_marks.next_token();
    node_marks.next_token();
    for (const std::int32_t e : expert.row(token)) {
      ORRERY_CHECK(e >= 0 && e < experts);
      const int rank = e / experts_of_rank;
      ++result.expert_rows[std::size_t(e)];
      rank_marks.see(rank);
      node_marks.see(rank / placement.ranks_per_node);
    }
    result.ranks_of_token.push_back(rank_marks.distinct());
    result.nodes_of_token.push_back(node_marks.distinct());
  }
  result.rank_copies = rank_marks.copies();
  result.node_copies = node_marks.copies();
  return result;
}

}  // namespace orrery::reference
