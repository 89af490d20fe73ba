#include "models/routing/sample_counter.hpp"

#include <algorithm>
#include <utility>

namespace orrery {

SampleCounter::SampleCounter(const RoutingShape& shape)
    : experts_(shape.experts->routed), ranks_(shape.ranks), domains_(shape.domains()) {
  for (int expert = 0; expert < experts_; ++expert) {
    rank_of_.push_back(std::uint32_t(expert / (experts_ / ranks_)));
    domain_of_.push_back(std::uint32_t(expert / (experts_ / domains_)));
  }
  start();
}

void SampleCounter::start() {
  sample_.expert_rows.assign(std::size_t(experts_), 0);
  sample_.rank_copies.assign(std::size_t(ranks_), 0);
  sample_.domain_copies.assign(std::size_t(domains_), 0);
  last_in_rank_.assign(std::size_t(ranks_), -1);
  last_in_domain_.assign(std::size_t(domains_), -1);
  token_ = 0;
}

void SampleCounter::count(std::span<const std::uint16_t> experts) {
  for (const std::uint16_t expert : experts) {
    ++sample_.expert_rows[expert];
    const std::uint32_t rank = rank_of_[expert], domain = domain_of_[expert];
    const bool new_rank = std::exchange(last_in_rank_[rank], token_) != token_;
    const bool new_domain = std::exchange(last_in_domain_[domain], token_) != token_;
    sample_.rank_copies[rank] += new_rank;
    sample_.domain_copies[domain] += new_domain;
    ranks_reached += new_rank;
    domains_reached += new_domain;
  }
  ++token_;
}

}  // namespace orrery
