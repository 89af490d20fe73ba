#include "models/routing/gate.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "sim/check.hpp"

namespace orrery {

static_assert(std::endian::native == std::endian::little, "a random word is four draws, lowest first");

Gate::Gate(const Experts& experts, std::vector<std::int16_t> offset)
    : experts_(experts),
      table_(offset.empty() ? balanced_affinities() : popular_affinities()),
      offset_(std::move(offset)) {
  ORRERY_CHECK(experts.routed <= most_experts && experts.per_token <= most_chosen &&
               experts.groups <= most_groups);
  const int width = experts.routed / experts.groups;
  while (experts.groups * lanes_of_a_group_ % 8 != 0 && width % (2 * lanes_of_a_group_) == 0)
    lanes_of_a_group_ *= 2;
  lanes_ = experts.groups * lanes_of_a_group_;
  vectors_ = (lanes_ + 7) / 8;
  rows_ = width / lanes_of_a_group_;
  keys_.resize(std::size_t(rows_ * vectors_));
}

void Gate::draw(RandomStream& random) {
  for (Lanes& keys : keys_) {
    const std::uint64_t low = random.bits();
    const std::uint64_t words[2] = {low, random.bits()};
    std::memcpy(&keys, words, sizeof keys);
  }
  if (offset_.empty()) return;
  for (int row = 0; row < rows_; ++row) {
    for (int lane = 0; lane < lanes_; ++lane) {
      std::int16_t key = keys_[std::size_t(row * vectors_ + lane / 8)][lane % 8];
      const int logit =
          table_.logit[std::size_t(key + draw_count / 2)] + offset_[std::size_t(lane * rows_ + row)];
      key = std::int16_t(std::clamp(logit, -draw_count / 2, draw_count / 2 - 1));
      keys_[std::size_t(row * vectors_ + lane / 8)][lane % 8] = key;
    }
  }
}

void Gate::find_two_largest() {
  const Lanes nothing = Lanes{} + INT16_MIN;
  for (int v = 0; v < vectors_; ++v) {
    Lanes first = nothing, second = nothing;
    for (int row = 0; row < rows_; ++row) {
      const Lanes keys = keys_[std::size_t(row * vectors_ + v)];
      const Lanes lesser = first < keys ? first : keys;
      second = second > lesser ? second : lesser;
      first = first > keys ? first : keys;
    }
    first_[std::size_t(v)] = first;
    second_[std::size_t(v)] = second;
  }
}

/// A group's score is the sum of its two largest affinities where choice has a bias (DeepSeek-V3), its
/// largest where it has none (V2).
void Gate::choose_groups() {
  const bool two = experts_.selection_bias && experts_.routed > experts_.groups;
  std::array<std::uint64_t, most_groups> score;
  for (int group = 0; group < experts_.groups; ++group) {
    std::int16_t first = INT16_MIN, second = INT16_MIN;
    for (int lane = group * lanes_of_a_group_; lane < (group + 1) * lanes_of_a_group_; ++lane) {
      const std::int16_t a = first_[std::size_t(lane / 8)][lane % 8],
                         b = second_[std::size_t(lane / 8)][lane % 8];
      second = std::max({second, std::min(first, a), b});
      first = std::max(first, a);
    }
    const std::uint64_t sum = two ? std::uint64_t(affinity(first)) + affinity(second) : affinity(first);
    score[std::size_t(group)] =
        sum * most_groups + std::uint64_t(most_groups - 1 - group);  // No two are equal.
  }
  for (int group = 0; group < experts_.groups; ++group) {
    int better = 0;
    for (int other = 0; other < experts_.groups; ++other)
      better += score[std::size_t(other)] > score[std::size_t(group)];
    const std::int16_t mask = better < experts_.groups_per_token ? -1 : 0;
    for (int lane = group * lanes_of_a_group_; lane < (group + 1) * lanes_of_a_group_; ++lane) {
      chosen_[std::size_t(lane / 8)][lane % 8] = mask;
    }
  }
}

/// A key that at least `per_token` experts of the chosen groups reach.
std::int16_t Gate::threshold() const {
  std::array<std::int16_t, 2 * most_experts> known;
  int count = 0;
  for (int lane = 0; lane < lanes_; ++lane) {
    if (!chosen_[std::size_t(lane / 8)][lane % 8]) continue;
    known[std::size_t(count++)] = first_[std::size_t(lane / 8)][lane % 8];
    known[std::size_t(count++)] = second_[std::size_t(lane / 8)][lane % 8];
  }
  if (count < experts_.per_token) return INT16_MIN;
  if (count == experts_.per_token) return *std::min_element(known.begin(), known.begin() + count);
  const auto at = known.begin() + experts_.per_token - 1;
  std::nth_element(known.begin(), at, known.begin() + count, std::greater<>());
  return *at;
}

/// Experts of chosen groups that reach the threshold, as (key, expert) in one number that tells the better,
/// and the lower of two alike.
int Gate::collect(std::array<std::uint32_t, most_experts>& candidates) const {
  int count = 0;
  const Lanes least = Lanes{} + threshold();
  for (int v = 0; v < vectors_; ++v) {
    for (int first_row = 0; first_row < rows_; first_row += 16) {
      // A lane's 16 bits tell which of 16 rows reach it.
      Lanes hits{}, bit = Lanes{} + 1;
      for (int row = first_row; row < std::min(first_row + 16, rows_); ++row, bit <<= 1) {
        hits |= (keys_[std::size_t(row * vectors_ + v)] >= least) & bit;
      }
      hits &= chosen_[std::size_t(v)];
      std::uint64_t halves[2];
      std::memcpy(halves, &hits, sizeof halves);
      for (int half = 0; half < 2; ++half) {
        for (std::uint64_t bits = halves[half]; bits; bits &= bits - 1) {
          const int at = std::countr_zero(bits), row = first_row + at % 16, lane = 8 * v + 4 * half + at / 16;
          const auto key = std::uint32_t(keys_[std::size_t(row * vectors_ + v)][lane % 8] + draw_count / 2);
          candidates[std::size_t(count++)] =
              key << 16 | std::uint32_t(most_experts - 1 - (lane * rows_ + row));
        }
      }
    }
  }
  return count;
}

Gate::Choice Gate::choose(RandomStream& random) {
  draw(random);
  find_two_largest();
  choose_groups();
  std::array<std::uint32_t, most_experts> candidates;
  int count = collect(candidates);
  const int wanted = experts_.per_token;
  if (count > 2 * wanted) {
    std::nth_element(candidates.begin(), candidates.begin() + wanted, candidates.begin() + count,
                     std::greater<>());
    count = wanted;
  }
  for (; count > wanted; --count) {  // Mostly a few too many.
    *std::min_element(candidates.begin(), candidates.begin() + count) = candidates[std::size_t(count - 1)];
  }
  Choice choice;
  choice.count = count;
  for (int i = 0; i < count; ++i) {
    choice.expert[std::size_t(i)] = std::uint16_t(most_experts - 1 - (candidates[std::size_t(i)] & 0xFFFF));
  }
  return choice;
}

}  // namespace orrery
