#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "topologies/fabric.hpp"
#include "topologies/hardware.hpp"

namespace orrery {

/// Where the boxes stand: racks in the smallest square that holds them, row by row.
struct FloorPlan {
  struct Spot {
    double x = 0, y = 0;  ///< Racks from the corner.
  };
  std::vector<Spot> vertices;  ///< Of every vertex of the fabric.
};

/// Nodes fill racks in order. A switch stands amid what is cabled below it, in the nearest rack: a leaf amid
/// its NICs, a spine amid its leaves, a core amid its spines; one without, amid its neighbours.
FloorPlan floor_plan(const Fabric& fabric, int nodes_of_a_rack);

/// Manhattan distance of the racks, and the slack that every cable has.
Meters cable_length(const FloorPlan& plan, const PriceList& prices, VertexIndex a, VertexIndex b);

/// One line of a bill of materials.
struct BillLine {
  std::string part;  ///< "optical cable between switches".
  std::int64_t count = 0;
  Meters length{};  ///< Of all, for cables.
  Dollars cost{};   ///< Of all; zero where the list has no price.
  Watts power{};    ///< Of all.
};

struct Bill {
  std::vector<BillLine> lines;  ///< Parts of which there are none are left out.
  Dollars cost() const;
  Watts power() const;
  /// Of one GPU in use, over the life that the list gives the network. Precondition: a positive one.
  DollarsPerHour per_gpu_hour(std::int64_t gpus, Seconds paid_over) const;
};

/// Bill of materials of everything between the NVLink domains: switches, NICs, cables, transceivers.
///
///   cost    sum over parts of count times price; a cable costs its ends and its length
///   cables  up to `copper_reach` copper, beyond optical with two transceivers
///   power   switches and transceivers; a NIC where its file has a number
///
/// Units      dollars, watts, metres.
/// Source     the parts and the floor plan of the Slim Fly cost model (Besta, Hoefler, SC 2014); prices by
///            the list.
/// Checked    tests/topologies/bill_test.cpp: the cost table of arXiv 2505.09343 (FT2, MPFT, FT3 within
///            3 %, slim fly and dragonfly within 5 %).
/// Leaves out nodes, NVLink switches, racks, storage network, labour, spares, volume discounts.
Bill network_bill(const Fabric& fabric, const SwitchSpec& network_switch, const NicSpec& nic,
                  const PriceList& prices);

}  // namespace orrery
