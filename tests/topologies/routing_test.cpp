#include "topologies/routing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/random.hpp"
#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"
#include "topologies/graph.hpp"

namespace orrery {
namespace {

using namespace literals;

Fabric fabric_of(Fabric (*build)(const FabricRequest&), int nodes) {
  FabricRequest request;
  request.nodes = nodes;
  request.nvlink = 160_GBps, request.nic = 45_GBps, request.trunk = 45_GBps;
  request.nic_latency = 2.8_us, request.hop_latency = 0.45_us;
  return build(request);
}

/// Vertices joined by PCIe are one place to a path of links.
bool joined(const Fabric& fabric, VertexIndex a, VertexIndex b) {
  if (a == b) return true;
  const auto [gpu, nic] = std::minmax(a, b);
  return gpu < fabric.gpus() && nic == fabric.first_nic() + fabric.nic_of(gpu);
}

TEST(Route, IsAConnectedShortestPathThatStartsAndEndsRight) {
  struct Case {
    Fabric (*build)(const FabricRequest&);
    int nodes;
  };
  for (const auto& [build, nodes] :
       {Case{build_multi_plane, 3}, Case{build_multi_plane, 256}, Case{build_multi_rail, 20},
        Case{build_multi_rail, 256}, Case{build_multi_rail, 700}, Case{build_fat_tree, 300},
        Case{build_rail_only, 100}, Case{build_dragonfly, 256}, Case{build_dragonfly_plus, 256},
        Case{build_slim_fly, 256}, Case{build_hyperx, 256}, Case{build_torus, 256}}) {
    const Fabric fabric = fabric_of(build, nodes);
    Router router(fabric);
    RandomStream random(7, {"test", "routes", std::uint64_t(nodes)});
    for (int i = 0; i < 20; ++i) {
      const GpuIndex source = random.below(fabric.gpus());
      const std::vector<std::uint32_t> hops = hops_from(fabric, source);
      for (int j = 0; j < 50; ++j) {
        const GpuIndex destination = random.below(fabric.gpus());
        const std::vector<LinkIndex> path = router.route(source, destination, random.bits());
        VertexIndex at = source;
        std::uint32_t pcie = 0;
        for (const LinkIndex link : path) {
          ASSERT_TRUE(joined(fabric, at, fabric.links[link].from)) << link_name(fabric, link);
          pcie += at != fabric.links[link].from;
          at = fabric.links[link].to;
        }
        ASSERT_TRUE(joined(fabric, at, destination));
        pcie += at != destination;
        ASSERT_EQ(path.size() + pcie, hops[destination])
            << fabric.topology << ' ' << vertex_name(fabric, source) << " to "
            << vertex_name(fabric, destination);
      }
    }
  }
}

// Same plane, other leaf: any of 32 cables up, then any of the cables from that spine to the leaf, of
// which there are 32 * 8 leaves / 4 spines / 8 leaves = 8 on the 256-node plane: 256 paths. On the
// multi-rail tree 32 cables up to 32 spines and one down each: 32. Three layers of 512 nodes: 32 up, 32
// up, and down each core has 64 ports / 4 zones = 16 cables to a zone, then 1: 16,384.
TEST(Route, UsesEveryShortestPathAndNoOther) {
  struct Case {
    Fabric fabric;
    GpuIndex source, destination;
    std::uint64_t paths;
    int tries;
  };
  const Case cases[] = {
      {fabric_of(build_multi_plane, 256), 8 * 3 + 5, 8 * 200 + 5, 256, 5'000},
      {fabric_of(build_multi_rail, 256), 8 * 3 + 5, 8 * 200 + 5, 32, 1'000},
      {fabric_of(build_multi_rail, 256), 8 * 3 + 5, 8 * 200 + 2, 32, 1'000},
      {fabric_of(build_multi_rail, 512), 8 * 3 + 5, 8 * 500 + 5, 16'384, 400'000},
  };
  for (const Case& c : cases) {
    ASSERT_EQ(shortest_paths(c.fabric, c.source, c.destination), c.paths) << c.fabric.topology;
    std::set<std::vector<LinkIndex>> seen;
    Router router(c.fabric);
    for (int flow = 0; flow < c.tries; ++flow)
      seen.insert(router.route(c.source, c.destination, std::uint64_t(flow)));
    EXPECT_EQ(seen.size(), c.paths) << c.fabric.topology;
  }
}

TEST(Route, SpreadsFlowsEvenlyOverUplinks) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  std::map<LinkIndex, int> uses;
  const int flows = 32'000;
  Router router(fabric);
  for (int flow = 0; flow < flows; ++flow) ++uses[router.route(0, 8 * 100, std::uint64_t(flow))[1]];
  ASSERT_EQ(uses.size(), 32u);
  // 1,000 a cable expected, standard deviation sqrt(1000 * 31/32) = 31; five of them are 156.
  for (const auto& [link, times] : uses) EXPECT_NEAR(times, flows / 32, 156) << link_name(fabric, link);
}

TEST(Route, SamePlaneTrafficStaysInItsPlaneAndOtherTrafficCrossesNvlinkFirst) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  Router router(fabric);
  RandomStream random(11, {"test", "planes"});
  for (int i = 0; i < 20'000; ++i) {
    const GpuIndex source = random.below(fabric.gpus()), destination = random.below(fabric.gpus());
    if (fabric.node_of(source) == fabric.node_of(destination)) continue;
    const std::vector<LinkIndex> path = router.route(source, destination, random.bits());
    const std::uint32_t plane = fabric.plane_of(destination);
    std::size_t first = 0;
    if (fabric.plane_of(source) != plane) {
      first = 2;
      ASSERT_EQ(path[0], fabric.nvlink_out(source));
      ASSERT_EQ(path[1], fabric.nvlink_in(fabric.gpu(fabric.node_of(source), plane)));
    }
    for (std::size_t l = first; l < path.size(); ++l) {
      for (const VertexIndex end : {fabric.links[path[l]].from, fabric.links[path[l]].to}) {
        const Vertex& vertex = fabric.vertices[end];
        ASSERT_EQ(vertex.kind == VertexKind::Nic ? vertex.index : vertex.group, plane);
      }
    }
  }
}

// ISCA 2025 Table 5, InfiniBand: 2.8 us under one leaf, 3.7 across; NVLink 3.33.
TEST(Route, LatencyAddsUpToTheMeasuredEndToEndTimes) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  EXPECT_NEAR(path_latency(fabric, Router(fabric).route(0, 8 * 31, 0)).value(), 2.8e-6, 1e-12);
  EXPECT_NEAR(path_latency(fabric, Router(fabric).route(0, 8 * 32, 0)).value(), 3.7e-6, 1e-12);
  EXPECT_NEAR(path_latency(fabric, Router(fabric).route(0, 1, 0)).value(), 3.33e-6, 1e-12);
  EXPECT_TRUE(Router(fabric).route(9, 9, 0).empty());
}

TEST(Route, IsTheSameEveryTime) {
  const Fabric once = fabric_of(build_multi_rail, 300), again = fabric_of(build_multi_rail, 300);
  for (GpuIndex gpu = 1; gpu < once.gpus(); gpu += 7)
    EXPECT_EQ(Router(once).route(0, gpu, 3), Router(again).route(0, gpu, 3));
}

TEST(Route, OfGpusThatShareANicLeavesByIt) {
  FabricRequest request = request_of(2);
  request.nics_per_node = 2;  // GPUs 0-3 on NIC 0, 4-7 on NIC 1.
  const Fabric fabric = build_multi_plane(request);
  EXPECT_EQ(Router(fabric).route(3, 8 + 1, 0), (std::vector{fabric.nic_out(3), fabric.nic_in(8)}));
}

constexpr GpuIndex gpus_of_a_leaf = 8 * 32;

/// Starts a flow of each of 32 nodes' first GPUs to as many of another leaf, and says how many share the
/// fullest trunk.
std::uint32_t fullest_trunk(RoutingPolicy policy) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  FlowNetwork network(capacities(fabric));
  Router router(fabric, policy, &network);
  for (GpuIndex node = 0; node < 32; ++node) {
    std::vector<PathLink> path;
    for (const LinkIndex link : router.route(8 * node, gpus_of_a_leaf + 8 * node, 0))
      path.push_back({link, 1});
    network.start(Picoseconds(0), {.size = 1_MB, .path = path});
  }
  std::uint32_t most = 0;
  for (LinkIndex link = fabric.first_trunk(); link < fabric.links.size(); ++link)
    most = std::max(most, network.crossing(link));
  return most;
}

// 32 flows from a leaf of 32 cables up to another of 32 down. A hash throws 32 balls into 32 bins: the
// fullest holds one only with probability 32! / 32^32, about 1e-13. Tables by place and a look at the loads
// give each its own.
TEST(Policy, AdaptiveAndStaticRoutesDoNotCollideWhereHashesDo) {
  EXPECT_GE(fullest_trunk(RoutingPolicy::Ecmp), 2u);
  EXPECT_EQ(fullest_trunk(RoutingPolicy::Adaptive), 1u);
  EXPECT_EQ(fullest_trunk(RoutingPolicy::Static), 1u);
}

TEST(Policy, StaticAsksForTheDestinationAlone) {
  const Fabric fabric = fabric_of(build_multi_rail, 256);
  Router router(fabric, RoutingPolicy::Static);
  const std::vector<LinkIndex> one = router.route(0, 8 * 200, 1), other = router.route(8, 8 * 200, 2);
  EXPECT_EQ(one[1], other[1]);  // Of the same leaf: the same cable up.
}

/// All eight NICs of one torus switch to those of the next.
double slowest_to_the_next_switch(RoutingPolicy policy) {
  FabricRequest request;
  request.nodes = 16, request.nic = request.trunk = 50_GBps, request.nvlink = 160_GBps;
  request.shape = {4, 4};
  const Fabric fabric = build_torus(request);
  FlowNetwork network(capacities(fabric));
  Router router(fabric, policy, &network);
  std::vector<FlowIndex> flows;
  for (GpuIndex gpu = 0; gpu < 8; ++gpu) {
    std::vector<PathLink> path;
    for (const LinkIndex link : router.route(gpu, 8 + gpu, gpu)) path.push_back({link, 1});
    flows.push_back(network.start(Picoseconds(0), {.size = 1_MB, .path = path}));
  }
  double slowest = 1e18;
  for (const FlowIndex flow : flows) slowest = std::min(slowest, network.rate(flow).value());
  return slowest;
}

// One cable is the only minimal way: eight flows of 50 / 8 GB/s. Those that go round by three cables instead
// leave it to fewer; at equal load times length, three times as many go straight as on each way round.
TEST(Policy, ValiantAndUgalGoAroundWhatMinimalRoutesCongest) {
  EXPECT_NEAR(slowest_to_the_next_switch(RoutingPolicy::Ecmp), 50e9 / 8, 1);
  EXPECT_NEAR(slowest_to_the_next_switch(RoutingPolicy::Static), 50e9 / 8, 1);
  EXPECT_NEAR(slowest_to_the_next_switch(RoutingPolicy::Adaptive), 50e9 / 8, 1);
  EXPECT_GE(slowest_to_the_next_switch(RoutingPolicy::Valiant), 50e9 / 5);
  EXPECT_GE(slowest_to_the_next_switch(RoutingPolicy::Ugal), 50e9 / 5);
}

// With nothing under way a detour is never the less loaded: the same length as minimal.
TEST(Policy, UgalIsMinimalOnAnIdleNetwork) {
  const Fabric fabric = fabric_of(build_slim_fly, 256);
  Router ugal(fabric, RoutingPolicy::Ugal), ecmp(fabric);
  for (GpuIndex gpu = 8; gpu < fabric.gpus(); gpu += 13)
    EXPECT_EQ(ugal.route(0, gpu, 5), ecmp.route(0, gpu, 5));
}

TEST(Policy, EveryRouteIsConnectedAndCrossesNoLinkTwice) {
  for (const RoutingKind& kind : routing_kinds()) {
    if (kind.policy == RoutingPolicy::Tables) continue;  // tests/topologies/files_test.cpp has some.
    EXPECT_EQ(find_routing(kind.name), &kind);
    for (const auto build :
         {build_dragonfly, build_slim_fly, build_torus, build_multi_plane, build_dual_tor}) {
      const Fabric fabric = fabric_of(build, 96);
      Router router(fabric, kind.policy);
      RandomStream random(3, {"test", "policies"});
      for (int i = 0; i < 300; ++i) {
        const GpuIndex source = random.below(fabric.gpus()), destination = random.below(fabric.gpus());
        const std::vector<LinkIndex> path = router.route(source, destination, random.bits());
        VertexIndex at = source;
        for (const LinkIndex link : path) {
          ASSERT_TRUE(joined(fabric, at, fabric.links[link].from)) << kind.name;
          at = fabric.links[link].to;
        }
        ASSERT_TRUE(joined(fabric, at, destination));
        ASSERT_EQ(std::set<LinkIndex>(path.begin(), path.end()).size(), path.size()) << kind.name;
      }
    }
  }
}

}  // namespace
}  // namespace orrery
