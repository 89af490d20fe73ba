#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// One layer of switches, and what its cables carry in one direction, all of them together.
struct Tier {
  VertexKind kind;
  std::int64_t boxes = 0, groups = 0;  ///< Planes or zones.
  std::int64_t cables_below = 0, cables_above = 0, cables_beside = 0;
  BytesPerSecond below{}, above{}, beside{};  ///< From lower layers; to higher ones; to the same one.
  /// What comes up over what can go on, to other switches of any layer; zero at the top.
  double oversubscription() const {
    const double on = above.value() + beside.value();
    return on > 0 ? below.value() / on : 0;
  }
};
/// Leaves first. Bonds are no boxes: what lies beyond them counts as the NIC's.
std::vector<Tier> tiers(const Fabric& fabric);

/// Switches between two NICs of one plane, over all pairs of leaves that have NICs. `most` is the diameter.
struct SwitchesBetween {
  std::uint32_t most = 0;
  double mean = 0;  ///< Over pairs of NICs.
};
SwitchesBetween switches_between(const Fabric& fabric);

/// What goes from one half of the nodes to the other if all its NICs send (push-relabel, on the first and the
/// last nodes), and the most that those NICs could send. Zero where there is one node.
struct Bisection {
  BytesPerSecond carried{}, offered{};
};
Bisection bisection(const Fabric& fabric);

}  // namespace orrery
