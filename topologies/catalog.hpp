#pragma once

#include <span>
#include <string_view>

#include "sim/finding.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// One row of the catalogue: a topology is a function that returns a Fabric.
struct TopologyKind {
  std::string_view name, help;
  Findings (*check)(const FabricRequest&);  ///< What the request lacks; empty: it can be built.
  Fabric (*build)(const FabricRequest&);    ///< Precondition: `check` found nothing.
};
std::span<const TopologyKind> topology_kinds();
const TopologyKind* find_topology(std::string_view name);

/// What every topology asks of a request: positive sizes, NICs that divide the GPUs, even ports.
Findings check_nodes(const FabricRequest& request);

Findings check_multi_plane(const FabricRequest&);
Fabric build_multi_plane(const FabricRequest&);
Findings check_multi_rail(const FabricRequest&);
Fabric build_multi_rail(const FabricRequest&);
Findings check_nvlink_domain(const FabricRequest&);
Fabric build_nvlink_domain(const FabricRequest&);

}  // namespace orrery
