#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "sim/random.hpp"
#include "tests/simgrid/flow_set.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

// The same flows here and in SimGrid, in the same run: two programs that share nothing agree on every end.
namespace orrery {
namespace {

using namespace literals;

struct TestedFabric {
  const char* topology;
  int nodes, nics_per_node, switch_ports;
};
// Small ports make many switches and so many shared trunks.
constexpr TestedFabric fabrics[] = {
    {"multi-plane-fat-tree", 4, 8, 4},
    {"multi-plane-fat-tree", 8, 8, 8},
    {"multi-plane-fat-tree", 16, 4, 8},
    {"multi-plane-fat-tree", 12, 2, 6},
    {"multi-rail-fat-tree", 6, 4, 8},
    {"multi-rail-fat-tree", 8, 4, 8},
    {"multi-rail-fat-tree", 16, 8, 16},
    {"multi-rail-fat-tree", 10, 2, 8},
    {"nvlink-domain", 1, 8, 64},
    {"fat-tree", 16, 8, 8},
    {"dual-tor", 16, 2, 8},
    {"rail-only", 12, 8, 8},
    {"dragonfly", 16, 8, 16},
    {"dragonfly-plus", 16, 8, 16},
    {"slim-fly", 14, 8, 64},
    {"hyperx", 12, 8, 16},
    {"torus", 16, 8, 16},
};
constexpr int sets_of_a_fabric = 15;  // 17 x 15 = 255 sets.

FabricRequest request_of(const TestedFabric& tested) {
  return {.nodes = tested.nodes,
          .nics_per_node = tested.nics_per_node,
          .switch_ports = tested.switch_ports,
          .nvlink = 160_GBps,
          .nic = 50_GBps,
          .trunk = 50_GBps};
}

/// 20 to 80 flows between random GPUs, of 1 to 100 MB; half of the sets start all at once, the others over 10
/// ms; one flow in four follows another one.
FlowSet random_flows(const Fabric& fabric, std::uint64_t index) {
  RandomStream random(1, {.owner = "simgrid", .purpose = "flows", .index = index});
  FlowSet set{.hosts = fabric.gpus(), .capacity = capacities(fabric), .flows = {}};
  const std::uint32_t flows = 20 + random.below(61);
  const bool at_once = random.below(2) == 0;
  Picoseconds start{};
  Router router(fabric);
  while (set.flows.size() < flows) {
    const GpuIndex from = random.below(fabric.gpus()), to = random.below(fabric.gpus());
    if (from == to) continue;
    FlowSet::Flow flow{.from = from, .to = to, .size = Bytes(1'000'000 + random.below(99'000'000))};
    flow.route = router.route(from, to, 0);
    if (!set.flows.empty() && random.below(4) == 0) {
      flow.after = random.below(std::uint32_t(set.flows.size()));
    } else {
      if (!at_once) start = start + Picoseconds(random.below(200'000'000));
      flow.start = start;
    }
    set.flows.push_back(std::move(flow));
  }
  return set;
}

TEST(SimGrid, EveryFlowOfRandomSetsEndsWhenSimGridSaysWithinATenthOfAPercent) {
  double worst = 0;
  int sets = 0, ends = 0;
  for (const TestedFabric& tested : fabrics) {
    const FabricRequest request = request_of(tested);
    const TopologyKind* kind = find_topology(tested.topology);
    ASSERT_TRUE(kind->check(request).empty()) << tested.topology << " " << kind->check(request)[0].problem;
    const Fabric fabric = kind->build(request);
    for (int i = 0; i < sets_of_a_fabric; ++i) {
      const FlowSet set = random_flows(fabric, std::uint64_t(sets++));
      const std::optional<FlowEnds> theirs = ends_in_simgrid(set, SIMGRID_WITNESS, 60);
      ASSERT_TRUE(theirs) << "SimGrid did not answer on set " << sets - 1;
      const FlowEnds ours = ends_here(set);
      for (std::size_t f = 0; f < set.flows.size(); ++f, ++ends) {
        const double error = std::abs(ours.end_s[f] / theirs->end_s[f] - 1);
        ASSERT_LE(error, 1e-3) << tested.topology << " set " << i << " flow " << f << ": " << ours.end_s[f]
                               << " s, " << theirs->end_s[f] << " s in SimGrid";
        worst = std::max(worst, error);
      }
    }
  }
  RecordProperty("worst_relative_error", std::to_string(worst));
  std::printf("%d flows of %d sets: largest difference %.2g\n", ends, sets, worst);
  EXPECT_GE(sets, 200);
}

}  // namespace
}  // namespace orrery
