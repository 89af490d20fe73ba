#include "topologies/bill.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

/// The list of the paper: 83,000 USD a switch, 500 USD a cable between switches.
PriceList paper() {
  PriceList prices;
  prices.copper.each = prices.optical.each = Dollars(500);
  prices.copper_reach = Meters(3), prices.rack_pitch = Meters(1), prices.slack = Meters(2);
  prices.paid_over = Seconds(4 * 365.25 * 86400);
  return prices;
}
SwitchSpec paper_switch() {
  SwitchSpec spec;
  spec.ports = 64, spec.price = Dollars(83'000);
  return spec;
}

struct Row {
  const char* name;
  std::int64_t endpoints, switches, links;
  double published_musd, musd, tolerance;
};

// arXiv 2505.09343 Table 3: counts exact, cost within 3 % (trees) and 5 %. The slim fly of 1,568 switches is
// the closed formula at q = 28, which is no prime power: no such graph can be built.
TEST(Bill, ReproducesThePublishedCostTable) {
  const PriceList prices = paper();
  const auto row = [&](const char* name, const Fabric& fabric, double published, double tolerance) {
    const FabricCounts counts = count(fabric);
    return Row{name,
               counts.nics,
               counts.switches(),
               counts.trunk_cables,
               published,
               network_bill(fabric, paper_switch(), {}, prices).cost().value() * 1e-6,
               tolerance};
  };
  const ClosedCounts slim = slim_fly_counts(28);
  const Row rows[] = {
      row("FT2", build_multi_rail(request_of(256)), 9, 0.03),
      row("MPFT", build_multi_plane(request_of(2048)), 72, 0.03),
      row("FT3", build_fat_tree(request_of(8192)), 491, 0.03),
      {"SF", slim.nics, slim.switches, slim.trunk_cables, 146,
       (double(slim.switches) * 83'000 + double(slim.trunk_cables) * 500) * 1e-6, 0.05},
      row("DF", build_dragonfly(request_of(32'704, {16, 32, 16, 511})), 1522, 0.05),
  };
  const std::int64_t published[][3] = {{2'048, 96, 2'048},
                                       {16'384, 768, 16'384},
                                       {65'536, 5'120, 131'072},
                                       {32'928, 1'568, 32'928},
                                       {261'632, 16'352, 384'272}};
  std::printf("%-5s %10s %9s %9s %8s %10s %7s %11s\n", "", "endpoints", "switches", "links", "M USD",
              "published", "error", "k USD/end");
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    const Row& r = rows[i];
    EXPECT_EQ(r.endpoints, published[i][0]) << r.name;
    EXPECT_EQ(r.switches, published[i][1]) << r.name;
    EXPECT_EQ(r.links, published[i][2]) << r.name;
    EXPECT_NEAR(r.musd / r.published_musd, 1, r.tolerance) << r.name;
    std::printf("%-5s %10ld %9ld %9ld %8.1f %10.0f %+6.1f%% %11.2f\n", r.name, long(r.endpoints),
                long(r.switches), long(r.links), r.musd, r.published_musd,
                (r.musd / r.published_musd - 1) * 100, r.musd * 1e3 / double(r.endpoints));
  }
}

// 64 nodes, four a rack: 16 racks, four by four. On one plane of two leaves the first leaf's 32 nodes stand
// in racks 0 to 7: x 0 to 3, y 0 and 1; the mean 1.5, 0.5 is nearest to rack (2, 1). Node 0 in rack (0, 0) is
// 3 racks away: 5 m.
TEST(Bill, CablesAreAsLongAsTheWayBetweenTheRacks) {
  const Fabric fabric = build_multi_plane(request_of(65));
  const FloorPlan plan = floor_plan(fabric, 4);
  const VertexIndex leaf = fabric.leaf_of_nic[0];
  EXPECT_EQ(plan.vertices[leaf].x, 2);
  EXPECT_EQ(plan.vertices[leaf].y, 0);
  EXPECT_EQ(cable_length(plan, paper(), fabric.first_nic(), leaf).value(), 2 + 2);
  // Node 8 stands in rack 2, the leaf's own: the slack alone.
  EXPECT_EQ(cable_length(plan, paper(), fabric.first_nic() + 64, leaf).value(), 2);
}

// Every cable is counted once, by its length: copper up to its reach, and two transceivers on each longer
// one.
TEST(Bill, PartsAddUp) {
  PriceList prices = paper();
  prices.optical = {Dollars(100), Dollars(2)};
  prices.end_optical = prices.end_copper = {Dollars(80), Dollars(0)};
  prices.transceiver = Dollars(700), prices.transceiver_power = Watts(8.5), prices.nic = Dollars(1500);
  for (const TopologyKind& kind : topology_kinds()) {
    const FabricRequest request = request_of(kind.name == "nvlink-domain" ? 1 : 96);
    const Fabric fabric = kind.build(request);
    SwitchSpec network_switch = paper_switch();
    network_switch.power = Watts(747);
    const Bill bill = network_bill(fabric, network_switch, {}, prices);
    const FabricCounts counts = count(fabric);
    std::int64_t trunk = 0, end = 0, optical = 0, transceivers = 0;
    Dollars cost{};
    for (const BillLine& line : bill.lines) {
      EXPECT_GT(line.count, 0);
      cost += line.cost;
      if (line.part.ends_with("between switches")) trunk += line.count;
      if (line.part.ends_with("to a NIC")) end += line.count;
      if (line.part.starts_with("optical")) optical += line.count;
      if (line.part == "transceiver") transceivers = line.count;
      if (line.part == "optical cable between switches") {
        EXPECT_NEAR(line.cost.value(), double(line.count) * 100 + line.length.value() * 2, 1e-6);
        EXPECT_GT(line.length.value(), 3.0 * double(line.count));  // Beyond the reach of copper, each.
      }
    }
    EXPECT_EQ(trunk, counts.trunk_cables) << kind.name;
    EXPECT_EQ(end, counts.endpoint_cables) << kind.name;
    EXPECT_EQ(transceivers, 2 * optical) << kind.name;
    EXPECT_EQ(cost, bill.cost());
    EXPECT_NEAR(bill.power().value(), double(counts.switches()) * 747 + double(transceivers) * 8.5, 1e-6);
  }
}

// 9 M USD over 2,048 GPUs and four years of 8,766 hours: 12.5 cents an hour.
TEST(Bill, IsPaidByTheHoursOfItsLife) {
  const Bill bill{{{"switch", 1, {}, Dollars(9e6), {}}}};
  EXPECT_NEAR(bill.per_gpu_hour(2048, paper().paid_over).value(), 9e6 / 2048 / (4 * 8766.0), 1e-12);
}

}  // namespace
}  // namespace orrery
