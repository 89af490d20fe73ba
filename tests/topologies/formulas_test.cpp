#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"
#include "topologies/galois_field.hpp"
#include "topologies/graph.hpp"
#include "topologies/routing.hpp"
#include "topologies/wiring.hpp"

// Every builder against the closed formulas of its paper: switches, cables, diameter, bisection.
namespace orrery {
namespace {

using namespace literals;

Fabric built(const char* name, const FabricRequest& request) {
  const TopologyKind* kind = find_topology(name);
  const Findings findings = kind->check(request);
  EXPECT_TRUE(findings.empty()) << name << ": " << (findings.empty() ? "" : findings[0].problem);
  return kind->build(request);
}

/// Most cables on a shortest way between two leaves with NICs.
int diameter(const Fabric& fabric) {
  Router router(fabric);
  const std::set<VertexIndex> leaves(fabric.leaf_of_nic.begin(), fabric.leaf_of_nic.end());
  int most = 0;
  for (const VertexIndex leaf : leaves) {
    const auto distances = router.distances_to(leaf);
    for (const VertexIndex other : leaves)
      most = std::max(most, int(distances[other - fabric.first_switch()]));
  }
  return most;
}

/// Cables that can carry bytes at once from the switches of one set to the others.
double cut_in_cables(const Fabric& fabric, auto is_left) {
  std::vector<VertexIndex> left, right;
  for (VertexIndex v = fabric.first_switch(); v < fabric.vertices.size(); ++v)
    (is_left(v - fabric.first_switch()) ? left : right).push_back(v);
  return max_flow(fabric, left, right) / 50_GBps;
}

// k = 8: two layers 3k/2 = 12 switches, k^2/2 = 32 NICs and cables; three layers 5k^2/4 = 80 switches, k^3/4
// = 128 NICs, 2 k^3/4 = 256 cables. Farthest leaves 2 and 4 cables apart.
TEST(FatTree, FullTreesHaveTheCountsOfTheirFormulas) {
  for (const auto& [nodes, switches, cables, across] :
       {std::tuple{4, 12, 32, 2}, std::tuple{16, 80, 256, 4}}) {
    FabricRequest request = request_of(nodes);
    request.switch_ports = 8;
    const Fabric fabric = built("fat-tree", request);
    EXPECT_EQ(count(fabric).switches(), switches);
    EXPECT_EQ(count(fabric).trunk_cables, cables);
    EXPECT_EQ(diameter(fabric), across);
  }
}

// k = 64, r = 2: leaves of 42 NICs and 21 cables up. 84 nodes: 2 leaves a plane, 2 * 21 cables into one
// spine: 8 * 3 switches, 8 * 42 cables. Half the nodes can send 8 * 21 cables' worth to the other half, not 8
// * 42.
TEST(FatTree, OversubscriptionThinsWhatLeavesALeaf) {
  FabricRequest request = request_of(84);
  request.oversubscription = 2;
  const Fabric fabric = built("multi-plane-fat-tree", request);
  EXPECT_EQ(count(fabric).switches(), 8 * 3);
  EXPECT_EQ(count(fabric).trunk_cables, 8 * 42);
  std::vector<VertexIndex> left, right;
  for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu) (fabric.node_of(gpu) < 42 ? left : right).push_back(gpu);
  EXPECT_DOUBLE_EQ(max_flow(fabric, left, right) / 50_GBps, 8 * 21);

  for (const char* name : {"multi-rail-fat-tree", "fat-tree", "rail-only", "dual-tor"}) {
    request.nodes = 256;
    request.oversubscription = 1;
    const std::int64_t full = count(built(name, request)).trunk_cables;
    request.oversubscription = 3;
    EXPECT_LT(count(built(name, request)).trunk_cables, full) << name;
  }
}

// Any number of planes that divides a node's NICs: 4 planes of 2 NICs a node. 256 nodes: 16 nodes a leaf, 16
// leaves, 8 spines a plane: the same 96 switches and 2,048 cables as with 8 planes.
TEST(MultiPlane, AnyNumberOfPlanesThatDividesTheNics) {
  FabricRequest request = request_of(256);
  request.planes = 4;
  const Fabric fabric = built("multi-plane-fat-tree", request);
  EXPECT_EQ(fabric.planes, 4u);
  EXPECT_EQ(count(fabric).switches(), 96);
  EXPECT_EQ(count(fabric).trunk_cables, 2048);
  request.planes = 3;
  EXPECT_EQ(check_multi_plane(request).front().key, "cluster.planes");
}

// 256 nodes, 64 ports: a pod is 64 nodes; 4 pods * 8 rails = 32 leaves a plane of 32 cables up, so 16 spines:
// 2 * (32 + 16) = 96 switches, 2 * 32 * 32 trunks between them, and 2 * 2,048 cables of the NICs' ports.
TEST(DualTor, CountsAndPathsOverBothPlanes) {
  const Fabric fabric = built("dual-tor", request_of(256));
  EXPECT_EQ(count(fabric).switches(), 96);
  EXPECT_EQ(count(fabric).trunk_cables, 2 * 32 * 32);
  EXPECT_EQ(count(fabric).endpoint_cables, 2 * 2048);
  // From a NIC to another: into either plane (2), and there one of 16 spines, 2 cables to each side.
  EXPECT_EQ(shortest_paths(fabric, 0, fabric.gpu(255, 0)), 2u * 16 * 2 * 2);
  EXPECT_NEAR(path_latency(fabric, Router(fabric).route(0, fabric.gpu(1, 0), 0)).value(), 2.8e-6, 1e-12);
}

// p = 2, a = 4, h = 2 (k = 7 in the paper; 8 ports here), all 9 groups: 36 switches, 72 NICs, 9 * 6 + 9 * 8 /
// 2 = 90 cables, one between every two groups; diameter 3.
TEST(Dragonfly, OfThePaperHasOneCableBetweenEveryTwoGroups) {
  FabricRequest request = request_of(9, {2, 4, 2, 9});
  request.switch_ports = 8;
  const Fabric fabric = built("dragonfly", request);
  EXPECT_EQ(count(fabric).switches(), 36);
  EXPECT_EQ(count(fabric).trunk_cables, 90);
  EXPECT_EQ(diameter(fabric), 3);
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> between;
  for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l) {
    const std::uint32_t from = fabric.vertices[fabric.links[l].from].group;
    const std::uint32_t to = fabric.vertices[fabric.links[l].to].group;
    if (from != to) ++between[{from, to}];
  }
  EXPECT_EQ(between.size(), 9u * 8);
  for (const auto& [pair, cables] : between) EXPECT_EQ(cables, 1);
}

// arXiv 2505.09343 Table 3, DF: 511 groups of 32 switches of 16 NICs: 261,632 endpoints, 16,352 switches,
// 511 * 496 + 511 * 512 / 2 = 384,272 cables.
TEST(Dragonfly, OfThePublishedCostTable) {
  const Fabric fabric = built("dragonfly", request_of(32'704, {16, 32, 16, 511}));
  EXPECT_EQ(count(fabric).nics, 261'632);
  EXPECT_EQ(count(fabric).switches(), 16'352);
  EXPECT_EQ(count(fabric).trunk_cables, 384'272);
}

// 16 groups of 32 switches share 512 long cables a group among 15 others: 34 each, and 2 left for the
// neighbours round the ring. Eight groups to eight others: 64 pairs of 34 cables, and of the ring the two
// places where the halves meet.
TEST(Dragonfly, LongCablesAreDealtEvenlyOverFewerGroups) {
  const Fabric fabric = built("dragonfly", request_of(16 * 64, {16, 32, 16, 16}));
  const auto first_half = [](std::uint32_t place) { return place < 8 * 32; };
  EXPECT_DOUBLE_EQ(cut_in_cables(fabric, first_half), 64 * 34 + 2);
  for (std::uint32_t groups = 2; groups <= 40; ++groups) {
    for (std::uint32_t ports = 1; ports <= 45; ++ports) {
      std::vector<std::set<std::uint32_t>> used(groups);
      for (const GroupCable& c : mesh_of_groups(groups, ports)) {
        ASSERT_NE(c.group, c.other_group);
        ASSERT_TRUE(used[c.group].insert(c.port).second && used[c.other_group].insert(c.other_port).second);
      }
      for (const auto& ports_used : used) {
        ASSERT_EQ(ports_used.size(), used[0].size());
        ASSERT_LE(*std::max_element(ports_used.begin(), ports_used.end(), std::less<>{}), ports - 1);
        ASSERT_GE(ports_used.size() + (ports % 2 == 1 && groups % 2 == 1), ports) << groups << ' ' << ports;
      }
    }
  }
}

// l = s = p = h = 4 (k = 8), 5 groups: 40 switches, 80 NICs, 5 * 16 + 5 * 16 / 2 = 120 cables, 4 between
// every two groups; a leaf to one of another group: up, across, down, 3 cables where the right spine is
// taken.
TEST(DragonflyPlus, CountsAndDiameter) {
  FabricRequest request = request_of(10, {4, 4, 4, 4, 5});
  request.switch_ports = 8;
  const Fabric fabric = built("dragonfly-plus", request);
  EXPECT_EQ(count(fabric).leaves, 20);
  EXPECT_EQ(count(fabric).spines, 20);
  EXPECT_EQ(count(fabric).trunk_cables, 120);
  EXPECT_EQ(diameter(fabric), 3);
}

TEST(GaloisField, ObeysTheLawsOfAField) {
  for (const std::uint32_t q : {2u, 3u, 4u, 5u, 7u, 8u, 9u, 16u, 25u, 27u, 32u}) {
    const GaloisField field(q);
    for (std::uint32_t a = 0; a < q; ++a) {
      EXPECT_EQ(field.add(a, field.negative(a)), 0u);
      EXPECT_EQ(field.multiply(a, 1), a);
      std::set<std::uint32_t> products;
      for (std::uint32_t b = 0; b < q; ++b) {
        products.insert(field.multiply(a, b));
        EXPECT_EQ(field.multiply(a, b), field.multiply(b, a));
        for (std::uint32_t c = 0; c < q; ++c)
          ASSERT_EQ(field.multiply(a, field.add(b, c)),
                    field.add(field.multiply(a, b), field.multiply(a, c)));
      }
      EXPECT_EQ(products.size(), a == 0 ? 1 : q);
    }
    std::set<std::uint32_t> powers;
    for (std::uint32_t i = 0; i + 1 < q; ++i) powers.insert(field.power_of_generator(i));
    EXPECT_EQ(powers.size(), q - 1);
  }
  for (const std::uint32_t q : {1u, 6u, 10u, 12u, 28u, 100u}) EXPECT_FALSE(GaloisField::is_prime_power(q));
}

// q = 5 is the Hoffman-Singleton graph: 50 switches of 7 cables, diameter 2, the Moore bound 1 + 7 + 42
// reached. All q: 2 q^2 switches, each of (3 q - d) / 2 cables, never more than two apart.
TEST(SlimFly, EveryPrimePowerGivesARegularGraphOfDiameterTwo) {
  for (const int q : {3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32}) {
    FabricRequest request = request_of(2 * q * q / 8, {q, 1});
    request.switch_ports = 128;
    const Fabric fabric = built("slim-fly", request);
    const int delta = q % 4 == 3 ? -1 : q % 4;
    const auto degree = std::uint32_t(3 * q - delta) / 2;
    ASSERT_EQ(count(fabric).switches(), 2 * q * q);
    for (std::size_t i = 0; i + 1 < fabric.trunk_begin.size(); ++i)
      ASSERT_EQ(fabric.trunk_begin[i + 1] - fabric.trunk_begin[i], degree) << q;
    EXPECT_EQ(diameter(fabric), 2) << q;
  }
  EXPECT_EQ(count(built("slim-fly", request_of(6, {5, 1}))).trunk_cables, 50 * 7 / 2);
  const Findings findings = check_slim_fly(request_of(64, {28}));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].remedy, "q is a prime power from 3 to 128; the next is 29");
}

// 6 x 4 x 2: 48 switches of 5 + 3 + 1 cables: 216; half along the six: (6 / 2)^2 = 9 cables for each of 4 * 2
// places.
TEST(HyperX, CountsDiameterAndBisection) {
  const Fabric fabric = built("hyperx", request_of(48, {8, 6, 4, 2}));
  EXPECT_EQ(count(fabric).switches(), 48);
  EXPECT_EQ(count(fabric).trunk_cables, 48 * 9 / 2);
  EXPECT_EQ(diameter(fabric), 3);
  EXPECT_DOUBLE_EQ(cut_in_cables(fabric, [](std::uint32_t place) { return place % 6 < 3; }), 9 * 8);
}

// 8 x 4 x 2: 64 switches; cables 64 along the eight, 64 along the four, 32 along the two (no second way
// round). Farthest 4 + 2 + 1. Halves along the eight: 2 cables for each of 4 * 2 places.
TEST(Torus, CountsDiameterAndBisection) {
  const Fabric fabric = built("torus", request_of(64, {8, 4, 2}));
  EXPECT_EQ(count(fabric).switches(), 64);
  EXPECT_EQ(count(fabric).trunk_cables, 64 + 64 + 32);
  EXPECT_EQ(diameter(fabric), 4 + 2 + 1);
  EXPECT_DOUBLE_EQ(cut_in_cables(fabric, [](std::uint32_t place) { return place % 8 < 4; }), 2 * 8);
  EXPECT_EQ(count(built("torus", request_of(256))).switches(), 256);
}

// Left to themselves, all hold 2,048 GPUs with no more ports than their switches have, and every GPU can
// reach every other.
TEST(Topologies, DefaultShapesHoldTheMainCaseAndConnectIt) {
  for (const TopologyKind& kind : topology_kinds()) {
    if (kind.name == "nvlink-domain") continue;
    const Fabric fabric = built(kind.name.data(), request_of(256));
    EXPECT_EQ(fabric.gpus(), 2048u);
    const std::vector<std::uint32_t> hops = hops_from(fabric, 0);
    for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu) ASSERT_NE(hops[gpu], unreachable) << kind.name;
  }
}

}  // namespace
}  // namespace orrery
