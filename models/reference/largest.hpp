#pragma once

#include <cstdint>
#include <vector>

namespace orrery::reference {

/// The largest of the values that are offered, largest first; of equals the one offered first. Most offers
/// end at one comparison, so that few of many are found without sorting.
template <class Real>
class Largest {
 public:
  explicit Largest(int wanted) : entries_(std::size_t(wanted)) {}
  void clear() { count_ = 0; }
  void offer(Real value, std::int32_t number) {
    if (count_ == entries_.size() && !(value > entries_.back().value)) return;
    std::size_t place = count_ < entries_.size() ? count_++ : count_ - 1;
    for (; place > 0 && entries_[place - 1].value < value; --place) entries_[place] = entries_[place - 1];
    entries_[place] = {value, number};
  }
  /// There must have been as many offers.
  std::int32_t number(int place) const { return entries_[std::size_t(place)].number; }
  Real sum() const {
    Real sum = 0;
    for (std::size_t i = 0; i < count_; ++i) sum += entries_[i].value;
    return sum;
  }

 private:
  struct Entry {
    Real value;
    std::int32_t number;
  };
  std::vector<Entry> entries_;
  std::size_t count_ = 0;
};

}  // namespace orrery::reference
