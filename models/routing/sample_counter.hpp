#pragma once

#include <span>

#include "models/routing/routing.hpp"

namespace orrery {

/// Adds up where a source rank's tokens go, token after token.
class SampleCounter {
 public:
  explicit SampleCounter(const RoutingShape& shape);  ///< Started.

  void start();
  void count(std::span<const std::uint16_t> experts);
  RoutingSample take() { return std::move(sample_); }
  const RoutingSample& counted() const { return sample_; }  ///< Since the start.

  std::int64_t ranks_reached = 0, domains_reached = 0;  ///< Token copies of all samples.

 private:
  int experts_, ranks_, domains_;
  std::vector<std::uint32_t> rank_of_, domain_of_;  // [expert]
  std::vector<int> last_in_rank_, last_in_domain_;  // The last token counted there.
  int token_ = 0;
  RoutingSample sample_;
};

}  // namespace orrery
