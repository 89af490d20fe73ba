#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/path.hpp"
#include "sim/time.hpp"
#include "sim/units.hpp"

namespace orrery {

using FlowIndex = std::uint32_t;

/// Flows over time on links that they share by weighted max-min fairness.
///
///   progress rule   flow f with weight w_f runs at rate w_f * level_f; on link l the load is
///                   sum over f of share_fl * rate_f and never exceeds the capacity;
///   max-min         every flow is held back by a full link on which no flow has a higher level.
///
/// Rates change only in the connected component (flows that share a link, transitively) in which a
/// flow started or ended or a capacity changed; all changes of one instant are one update. No update is
/// needed when flows end that held nobody back: a rate stays right as long as the full link that holds the
/// flow is crossed by the same flows. So flows of one instant whose weights are in proportion to their
/// sizes cost one update in all, however many different ends they have. Flows of one path and the same shares
/// are shared out as one, whatever their sizes and weights.
///
/// Units      bytes, whole picoseconds; weights in any common unit.
/// Rounding   an end is the first whole picosecond at which the flow has carried its size, to within
///            0.001 ps and 4e-15 of the time since its rate last changed (so 1 MB at 50 GB/s is 20 us to the
///            picosecond, whatever the rounding of the division); at least one picosecond after that change.
///            A finished flow has carried its size exactly; all flows of one picosecond end together.
/// Cost       a start or an end: some tens of nanoseconds; an update: in proportion to the links and
///            bundles of flows that feel it. An all-to-all whose weights are its sizes: 0.13 to 0.18 us
///            a flow (bench/flow_network_bench.cpp); 63 flows a GPU of unequal sizes in groups of 64:
///            1.7 us a flow, 2.6 us where 2,048 GPUs do so at once, which no longer fit the cache
///            (bench/simgrid_bench.cpp). Memory is kept, and used again.
/// Checked    tests/sim/flow_network_history_test.cpp: rates against `fair_share` to 1e-9 after every change
///            of random histories; tests/sim/flow_network_laws_test.cpp: what max-min means, on 100,000
///            networks; tests/sim/flow_network_test.cpp: ends against sums done by hand; tests/simgrid:
///            SimGrid's ends.
/// Leaves out latency, congestion control, packets, queues: sharing is instant and exact.
class FlowNetwork {
 public:
  explicit FlowNetwork(std::vector<BytesPerSecond> capacity);  ///< Of each link; positive.
  FlowNetwork(FlowNetwork&&) noexcept;
  FlowNetwork& operator=(FlowNetwork&&) noexcept;
  ~FlowNetwork();

  struct Spec {
    Bytes size;                      ///< Zero is allowed: it completes at once.
    double weight = 1;               ///< Precondition: positive and finite.
    std::span<const PathLink> path;  ///< Not empty; links distinct; shares positive. Copied.
    std::uint32_t tag = 0;           ///< Handed back on completion.
  };
  struct Completion {
    Picoseconds at;
    FlowIndex flow;  ///< Free for reuse from now on.
    std::uint32_t tag;
  };

  /// Starts a flow now. Precondition: `now` is not before any earlier call's time.
  FlowIndex start(Picoseconds now, const Spec& spec);

  /// From now on the link carries at most this. Precondition: positive.
  void set_capacity(Picoseconds now, LinkIndex link, BytesPerSecond capacity);

  /// When the next flow ends if nothing else changes; `never` when no flow is under way.
  Picoseconds next_completion();

  /// Appends every flow that ends at or before `until`, in the order (time, start).
  void advance(Picoseconds until, std::vector<Completion>& completed);

  /// Zero once it has ended. Precondition: the flow's completion has not been handed out yet.
  BytesPerSecond rate(FlowIndex flow);
  std::uint32_t crossing(LinkIndex link) const;  ///< Flows under way on the link.
  Bytes carried(LinkIndex link) const;           ///< Bytes of finished flows that crossed the link.
  Picoseconds busy(LinkIndex link) const;        ///< Time in which at least one flow crossed the link.
  std::uint64_t flows_started() const;
  std::uint64_t updates() const;  ///< Of the rates of a component, or of the part of it that felt a change.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orrery
