#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "sim/check.hpp"
#include "sim/time.hpp"

namespace orrery {

/// What goes first among the events of one instant.
enum class Phase : std::uint8_t {
  Finish,   ///< Work ends and frees what it held ...
  Deliver,  ///< ... then its results arrive ...
  Start,    ///< ... then waiting work may take what was freed.
};

/// Hands events out in the order (time, phase, insertion). That is the whole contract: the queue does
/// not know what a payload means and never calls one. Same calls in, same events out.
template <class Payload>
class EventQueue {
  static_assert(std::is_trivially_copyable_v<Payload>, "events are copied in the hot loop");

 public:
  struct Event {
    Picoseconds at;
    Phase phase;
    std::uint64_t insertion;
    Payload payload;
  };

  /// Precondition: `at` is not in the past. An event for this very instant is welcome.
  void schedule(Picoseconds at, Phase phase, const Payload& payload) {
    ORRERY_CHECK(at >= now_);
    heap_.push_back({at, phase, inserted_++, payload});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  bool empty() const { return heap_.empty(); }
  /// When the next event is due; `never` when there is none.
  Picoseconds next() const { return heap_.empty() ? never : heap_.front().at; }

  /// The next event, with the clock moved to it. Precondition: not empty.
  Event pop() {
    ORRERY_CHECK(!heap_.empty());
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    now_ = event.at;
    return event;
  }

  Picoseconds now() const { return now_; }
  /// Events handed in so far.
  std::uint64_t inserted() const { return inserted_; }

 private:
  static bool later(const Event& a, const Event& b) {
    if (a.at != b.at) return a.at > b.at;
    if (a.phase != b.phase) return a.phase > b.phase;
    return a.insertion > b.insertion;
  }
  std::vector<Event> heap_;
  std::uint64_t inserted_ = 0;
  Picoseconds now_{};
};

}  // namespace orrery
