#pragma once

#include "topologies/wiring.hpp"

namespace orrery {

/// How a leaf of k ports is split: d down to NICs, u up, d = r u for an oversubscription of r.
///   u = floor(k / (1 + r)), d = floor(r u)      k = 64: r = 1: 32, 32; r = 2: 42, 21; r = 3: 48, 16
struct LeafPorts {
  std::uint32_t down, up;
};
LeafPorts leaf_ports(const FabricRequest& request);

/// What lies above the leaves of one tree.
struct TreeShape {
  std::uint32_t leaves, ports;
  std::uint32_t uplinks;      ///< Cables of each leaf upwards.
  std::uint32_t zone_leaves;  ///< Under common spines, where there are three layers.
  std::uint32_t zone_spines;  ///< Above each zone, likewise.

  bool three_layers() const { return leaves > ports; }
  std::uint32_t zones() const { return three_layers() ? (leaves + zone_leaves - 1) / zone_leaves : 1; }
  std::uint32_t leaves_in(std::uint32_t zone) const {
    return three_layers() ? std::min(zone_leaves, leaves - zone * zone_leaves) : leaves;
  }
  std::uint32_t spines_of_a_zone() const {
    return three_layers() ? zone_spines : (leaves * uplinks + ports - 1) / ports;
  }
  std::uint32_t spines() const { return zones() * spines_of_a_zone(); }
  std::uint32_t cores_of_a_spine() const {
    return three_layers() ? (zones() * (ports / 2) + ports - 1) / ports : 0;
  }
  std::uint32_t cores() const { return cores_of_a_spine() * spines_of_a_zone(); }
};

/// A tree of leaves under spines, and of zones under cores where the leaves are more than a spine's ports:
///
///   two layers     leaf -- every spine                                   leaves <= k
///   three layers   leaf -- every spine of its zone; spine j of every zone -- the cores of j
///
/// Adds the switches in their order, each zone a group, and the cables between them.
void wire_tree(Wiring& wiring, const TreeShape& shape);

}  // namespace orrery
