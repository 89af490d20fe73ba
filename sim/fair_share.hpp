#pragma once

#include <span>
#include <vector>

#include "sim/path.hpp"
#include "sim/units.hpp"

namespace orrery {

/// A flow as the sharing rule sees it: how much it counts and what it crosses.
struct SharedFlow {
  double weight = 1;           ///< Positive and finite.
  std::vector<PathLink> path;  ///< Not empty; links distinct; shares positive.
};

/// Rates by weighted max-min fairness: the plain and slow witness of `FlowNetwork`.
///
///   given      links l with capacity C_l; flows f with weight w_f and share s_fl of link l
///   find       rates r_f = w_f * x_f, where x_f is the flow's level
///   such that  for every link       sum over f of s_fl * r_f <= C_l              (no link is overfull)
///              for every flow f     there is a link l with s_fl > 0 that is full and on which
///                                   x_g <= x_f for every flow g                  (nobody could give way)
///
/// These rates exist and are unique (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2).
///
/// Progressive filling: raise all levels together from zero. The first link to fill up is the one with the
/// smallest
///
///   level_l = (C_l - sum over held f of s_fl * r_f) / (sum over free f of s_fl * w_f)
///
/// Hold its free flows at that level; they are slower than whatever is still free, so the second condition
/// holds for them for good. Repeat until no flow is free.
///
/// Example: links a and b of 10 B/s; flow 1 crosses a, flow 2 crosses a and b, flow 3 crosses b with
/// weight 3.
///   level_a = 10 / (1 + 1) = 5, level_b = 10 / (1 + 3) = 2.5: b holds flows 2 and 3 at 2.5 (rates 2.5, 7.5);
///   level_a = (10 - 2.5) / 1 = 7.5: a holds flow 1 at 7.5.
///
/// Units      capacities and rates in bytes per second; weights in any common unit.
/// Checked    tests/sim/fair_share_test.cpp: both conditions on random networks to 1e-12.
/// Leaves out round-trip times, congestion control, packets: sharing is instant and exact.
std::vector<BytesPerSecond> fair_share(std::span<const BytesPerSecond> capacity,
                                       std::span<const SharedFlow> flows);

}  // namespace orrery
