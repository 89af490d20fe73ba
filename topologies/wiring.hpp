#pragma once

#include <cstdint>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// The way from a list of switches and cables to a Fabric; what every builder shares.
struct Wiring {
  /// A cable between two switches, as places in `switches`.
  struct Cable {
    std::uint32_t lower, upper;
    float rate = 1;  ///< Of a trunk's.
  };
  std::vector<Vertex> switches;            ///< Bonds, leaves, spines, cores; groups ascending in each.
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

/// NICs side by side, so many on each switch, from the first switch on.
void fill_with_nics(Wiring& wiring, const FabricRequest& request, std::uint32_t nics_of_a_switch);

/// Cables from group to group, as even as can be: each group has `ports`, numbered round by round over the
/// other groups, and every two groups get the same number of cables but for at most two more between some.
///
///   base = ports / (groups - 1) cables a pair; of the ports left over, two a group join it to the groups
///   1, 2, ... further on and back; one that is left joins the group half-way round, if there is one.
struct GroupCable {
  std::uint32_t group, port, other_group, other_port;
};
std::vector<GroupCable> mesh_of_groups(std::uint32_t groups, std::uint32_t ports);

}  // namespace orrery
