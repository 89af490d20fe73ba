#pragma once

#include <span>
#include <string_view>

#include "sim/finding.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// One row of the catalogue: a topology is a function that returns a Fabric.
struct TopologyKind {
  std::string_view name, help;
  std::string_view shape;                   ///< What `FabricRequest::shape` lists; empty: it takes none.
  Findings (*check)(const FabricRequest&);  ///< What the request lacks; empty: it can be built.
  Fabric (*build)(const FabricRequest&);    ///< Precondition: `check` found nothing.
};
std::span<const TopologyKind> topology_kinds();
const TopologyKind* find_topology(std::string_view name);

/// What a topology can make of the free choices of a request.
struct TopologyTakes {
  bool planes = false, oversubscription = false;
  std::size_t fewest_sizes = 0, most_sizes = 0;  ///< Of `shape`, if it is not empty.
};
/// What every topology asks of a request: positive sizes, NICs that divide the GPUs, even ports, no choice
/// that it would ignore.
Findings check_request(const FabricRequest& request, const TopologyTakes& takes);

/// What a network of switches that hold NICs and meet without layers above comes to.
struct DirectSizes {
  const char* name;
  std::uint64_t ports, room;                  ///< Ports of the fullest switch; NICs that find room.
  const char* remedy;                         ///< Where there is too little of it.
  std::uint32_t groups = 1, long_cables = 0;  ///< Groups that are meshed, and cables of each to others.
};
/// Too few ports, groups that cannot be meshed, too little room.
Findings check_direct(const FabricRequest& request, const DirectSizes& sizes);

Findings check_multi_plane(const FabricRequest&);
Fabric build_multi_plane(const FabricRequest&);
Findings check_multi_rail(const FabricRequest&);
Fabric build_multi_rail(const FabricRequest&);
Findings check_rail_only(const FabricRequest&);
Fabric build_rail_only(const FabricRequest&);
Findings check_fat_tree(const FabricRequest&);
Fabric build_fat_tree(const FabricRequest&);
Findings check_dual_tor(const FabricRequest&);
Fabric build_dual_tor(const FabricRequest&);
Findings check_dragonfly(const FabricRequest&);
Fabric build_dragonfly(const FabricRequest&);
Findings check_dragonfly_plus(const FabricRequest&);
Fabric build_dragonfly_plus(const FabricRequest&);
/// NICs, switches and cables between switches of the formulas, whether or not there is a graph for that q.
struct ClosedCounts {
  std::int64_t nics, switches, trunk_cables;
};
ClosedCounts slim_fly_counts(std::uint32_t q);  ///< Precondition: q of 3 or more, not 2 modulo 4.
Findings check_slim_fly(const FabricRequest&);
Fabric build_slim_fly(const FabricRequest&);
Findings check_hyperx(const FabricRequest&);
Fabric build_hyperx(const FabricRequest&);
Findings check_torus(const FabricRequest&);
Fabric build_torus(const FabricRequest&);
Findings check_nvlink_domain(const FabricRequest&);
Fabric build_nvlink_domain(const FabricRequest&);

}  // namespace orrery
