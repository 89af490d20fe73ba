#pragma once

#include <cstdint>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// The way from a list of switches and cables to a Fabric; what every builder shares.
struct Wiring {
  /// A cable between two switches, as places in `switches`; the upper one lies later.
  struct Cable {
    std::uint32_t lower, upper;
  };
  std::vector<Vertex> switches;            ///< Leaves, then spines, then cores; groups ascending in each.
  std::vector<std::uint32_t> leaf_of_nic;  ///< Into `switches`, one a NIC.
  std::vector<Cable> cables;
  std::uint32_t planes = 1;
};

/// Puts the nodes under the switches. Precondition: every index in `wiring` is in range.
Fabric make_fabric(const FabricRequest& request, const char* topology, const Wiring& wiring);

/// Deals `each` cables up from every lower switch to the upper ones in turn, so that two upper switches
/// never differ by more than one cable. With `each` >= `uppers` every lower switch reaches all of them.
void deal_cables(Wiring& wiring, std::uint32_t first_lower, std::uint32_t lowers, std::uint32_t each,
                 std::uint32_t first_upper, std::uint32_t uppers);

}  // namespace orrery
