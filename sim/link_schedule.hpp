#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/path.hpp"
#include "sim/time.hpp"

namespace orrery {

/// Which link is due first: a tree of minima over the times of all links, eight to a node (one cache line).
///
/// A change climbs only as far as it changes a minimum, and links with neighbouring numbers share their way
/// up: in a large network most changes end one step above the leaves. Of several equally early links the one
/// with the lowest number comes first.
class LinkSchedule {
 public:
  explicit LinkSchedule(std::size_t links) {
    for (std::size_t size = std::max<std::size_t>(links, 1);; size = (size + width - 1) / width) {
      levels_.emplace_back((size + width - 1) / width * width, never);
      if (size <= width) break;
    }
  }

  Picoseconds next() const { return least(levels_.back(), 0); }

  /// Precondition: next() is not `never`.
  LinkIndex first() const {
    std::size_t place = 0;
    for (std::size_t level = levels_.size(); level-- > 0;) {
      const auto node = levels_[level].begin() + std::ptrdiff_t(place * width);
      place = place * width + std::size_t(std::min_element(node, node + width) - node);
    }
    return LinkIndex(place);
  }

  void set(LinkIndex link, Picoseconds at) {
    std::size_t place = link;
    for (std::size_t level = 0;; ++level) {
      const Picoseconds before = levels_[level][place];
      if (before == at) return;
      levels_[level][place] = at;
      if (level + 1 == levels_.size()) return;
      place /= width;
      const Picoseconds above = levels_[level + 1][place];
      if (before > above && at > above) return;  // Another one is the minimum, before and after.
      at = least(levels_[level], place);
    }
  }

  void erase(LinkIndex link) { set(link, never); }

 private:
  static constexpr std::size_t width = 8;

  static Picoseconds least(const std::vector<Picoseconds>& level, std::size_t node) {
    const auto first = level.begin() + std::ptrdiff_t(node * width);
    return *std::min_element(first, first + width);
  }

  std::vector<std::vector<Picoseconds>> levels_;  // The first is that of the links; the last is one node.
};

}  // namespace orrery
