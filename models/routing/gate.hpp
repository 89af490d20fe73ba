#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/routing/affinity.hpp"
#include "models/transformer/transformer.hpp"
#include "sim/random.hpp"

namespace orrery {

constexpr int most_experts = 1024, most_chosen = 64, most_groups = 64;

/// The gate of DeepSeek-V3 over random affinities, token after token, quick enough for millions.
///
/// Experts lie as [row][lane], eight lanes a vector; a lane holds neighbours of one group, so the two largest
/// of every group come from one pass of vector maxima. The per_token-th largest of those of the chosen groups
/// is a threshold that leaves little more than the wanted experts. Of equal keys the lower expert is taken.
class Gate {
 public:
  /// `offset`: what each expert's logit has more than others', in units of `logit_unit`; empty: all are
  /// alike.
  Gate(const Experts& experts, std::vector<std::int16_t> offset);

  /// The experts of one token, in no particular order.
  struct Choice {
    std::array<std::uint16_t, most_chosen> expert;
    int count = 0;
  };
  Choice choose(RandomStream& random);

 private:
  using Lanes = std::int16_t __attribute__((vector_size(16)));

  void draw(RandomStream& random);
  void find_two_largest();
  void choose_groups();
  std::int16_t threshold() const;
  int collect(std::array<std::uint32_t, most_experts>& candidates) const;
  std::uint32_t affinity(std::int16_t key) const {
    return table_.affinity[std::size_t(key + draw_count / 2)];
  }

  Experts experts_;
  AffinityTable table_;
  std::vector<std::int16_t> offset_;
  int lanes_of_a_group_ = 1, lanes_ = 1, vectors_ = 1, rows_ = 1;
  std::vector<Lanes> keys_;                                 // [row][vector]
  std::array<Lanes, most_experts / 8> first_{}, second_{};  // [vector] the two largest of each lane.
  std::array<Lanes, most_experts / 8> chosen_{};            // [vector] all ones in lanes of chosen groups.
};

}  // namespace orrery
