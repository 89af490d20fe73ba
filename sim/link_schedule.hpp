#pragma once

#include <cstdint>
#include <vector>

#include "sim/path.hpp"
#include "sim/time.hpp"

namespace orrery {

/// Which link is due first: a binary heap of links whose times can be changed in place, so that nothing
/// stale is ever stored. Which of several equally early links comes first is unspecified but repeatable.
class LinkSchedule {
 public:
  explicit LinkSchedule(std::size_t links) : place_(links, absent) { heap_.reserve(links); }

  bool empty() const { return heap_.empty(); }
  Picoseconds next() const { return heap_.empty() ? never : heap_.front().at; }
  LinkIndex first() const { return heap_.front().link; }

  void set(LinkIndex link, Picoseconds at) {
    std::uint32_t place = place_[link];
    if (place == absent) {
      place = std::uint32_t(heap_.size());
      heap_.push_back({at, link});
      rise(place, {at, link});
    } else if (at < heap_[place].at) {
      rise(place, {at, link});
    } else {
      sink(place, {at, link});
    }
  }

  void erase(LinkIndex link) {
    const std::uint32_t place = place_[link];
    if (place == absent) return;
    place_[link] = absent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    if (place > 0 && last.at < heap_[(place - 1) / 2].at) {
      rise(place, last);
    } else {
      sink(place, last);
    }
  }

 private:
  struct Entry {
    Picoseconds at;
    LinkIndex link;
  };
  static constexpr std::uint32_t absent = UINT32_MAX;

  void put(std::uint32_t place, Entry entry) {
    heap_[place] = entry;
    place_[entry.link] = place;
  }
  void rise(std::uint32_t place, Entry entry) {
    while (place > 0 && entry.at < heap_[(place - 1) / 2].at) {
      put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    put(place, entry);
  }
  void sink(std::uint32_t place, Entry entry) {
    const auto size = std::uint32_t(heap_.size());
    for (std::uint32_t child = 2 * place + 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && heap_[child + 1].at < heap_[child].at) ++child;
      if (!(heap_[child].at < entry.at)) break;
      put(place, heap_[child]);
      place = child;
    }
    put(place, entry);
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> place_;  // Of each link in the heap.
};

}  // namespace orrery
