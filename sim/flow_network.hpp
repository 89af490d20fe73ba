#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/time.hpp"
#include "sim/units.hpp"

namespace orrery {

using LinkIndex = std::uint32_t;
using FlowIndex = std::uint32_t;

/// One link that a flow crosses, and how many bytes cross it for each byte of the flow.
struct PathLink {
  LinkIndex link;
  float share;
};

/// Flows over time on links that they share by weighted max-min fairness.
///
///   progress rule   flow f with weight w_f runs at rate w_f * level_f; on link l the load is
///                   sum over f of share_fl * rate_f and never exceeds the capacity;
///   max-min         every flow is held back by a full link on which no flow has a higher level.
///
/// Rates change only in the connected component (flows that share a link, transitively) in which a
/// flow started or ended or a capacity changed; all changes of one instant are one update.
class FlowNetwork {
 public:
  explicit FlowNetwork(std::vector<BytesPerSecond> capacity);

  struct Spec {
    Bytes size;                      ///< Zero is allowed: it completes at once.
    double weight = 1;               ///< Precondition: positive and finite.
    std::span<const PathLink> path;  ///< Not empty; links distinct; shares positive. Copied.
    std::uint32_t tag = 0;           ///< Handed back on completion.
  };
  struct Completion {
    Picoseconds at;
    FlowIndex flow;
    std::uint32_t tag;
  };

  /// Starts a flow now. Precondition: `now` is not before any earlier call's time.
  FlowIndex start(Picoseconds now, const Spec& spec);

  /// From now on the link carries at most this. Precondition: positive.
  void set_capacity(Picoseconds now, LinkIndex link, BytesPerSecond capacity);

  /// When the next flow ends if nothing else changes; `never` when no flow is under way.
  Picoseconds next_completion();

  /// Appends every flow that ends at or before `until`, in the order (time, flow index).
  void advance(Picoseconds until, std::vector<Completion>& completed);

  BytesPerSecond rate(FlowIndex flow);
  Bytes carried(LinkIndex link) const;       ///< Bytes of finished flows that crossed the link.
  Picoseconds busy(LinkIndex link) const;    ///< Time in which at least one flow crossed the link.
  std::uint64_t flows_started() const;
  std::uint64_t updates() const;             ///< Component solves so far.

 private:
  struct State;
  // Defined by the implementation.
};

}  // namespace orrery
