#include "topologies/faults.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/random.hpp"
#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

Fabric with(Fabric fabric, std::string_view faults) {
  const Checked<std::vector<NetworkFault>> read = read_faults(faults);
  EXPECT_TRUE(read.ok()) << faults;
  const Findings findings = apply_faults(fabric, read.value);
  EXPECT_TRUE(findings.empty()) << findings.front().problem;
  return fabric;
}

std::string problem_of(std::string_view faults) {
  Fabric fabric = build_multi_plane(request_of(64));
  const Checked<std::vector<NetworkFault>> read = read_faults(faults);
  const Findings findings = read.ok() ? apply_faults(fabric, read.value) : read.findings;
  return findings.empty() ? "" : findings.front().problem;
}

TEST(Faults, WhatIsSlowKeepsItsPartAndWhatIsDownCarriesNothing) {
  const Fabric whole = build_multi_plane(request_of(64));
  const Fabric slow = with(whole, "nic 5.3 at 0.5; plane 2 down");
  EXPECT_DOUBLE_EQ(slow.links[slow.nic_out(5 * 8 + 3)].capacity.value(), 25e9);
  EXPECT_DOUBLE_EQ(slow.links[slow.nic_in(5 * 8 + 3)].capacity.value(), 25e9);
  EXPECT_DOUBLE_EQ(slow.links[slow.nic_out(5 * 8 + 4)].capacity.value(), 50e9);
  int down = 0;
  for (const Link& link : slow.links) down += link.capacity.value() == 0;
  EXPECT_EQ(down, 2 * 64);  // A NIC of each of 64 nodes, both ways.
}

TEST(Faults, WrongWordsAreMetWithWhatIsAllowed) {
  EXPECT_THAT(problem_of("plane 8 down"), HasSubstr("no 'plane 8'"));
  EXPECT_THAT(problem_of("leaf 0.0 dwn"), HasSubstr("does not say what is wrong"));
  EXPECT_THAT(problem_of("nic 1.1 at 2"), HasSubstr("'2' of a rate"));
  EXPECT_THAT(problem_of("nic 1.1 at nan"), HasSubstr("'nan' of a rate"));
  EXPECT_THAT(problem_of("cable leaf 0.0 - leaf 0.1 down"), HasSubstr("no 'cable leaf 0.0 - leaf 0.1'"));
  EXPECT_EQ(problem_of(" ; ; "), "");
}

// A fat tree has all eight NICs of a node on one leaf: without it, four nodes are cut off. Of a multi-plane
// tree two nodes may lose all but different planes, and have no network in common.
TEST(Faults, AJobWhoseNodesHaveNoNetworkInCommonIsRefused) {
  Fabric tree = build_fat_tree(request_of(64));
  const std::vector<NetworkFault> leaf{{"leaf 0.0", 0}};
  const Findings cut = apply_faults(tree, leaf);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_THAT(cut[0].problem, HasSubstr("no network is left to node 0"));

  std::string apart;
  for (int plane = 0; plane < 8; ++plane) {
    if (plane != 0) apart += "nic 3." + std::to_string(plane) + " down; ";
    if (plane != 1) apart += "nic 7." + std::to_string(plane) + " down; ";
  }
  EXPECT_THAT(problem_of(apart), HasSubstr("between nodes"));
}

// GPU 3 of node 0 to GPU 3 of node 9, plane 3 down: NVLink to a GPU of another plane, its NIC, NVLink back.
TEST(Faults, TrafficOfALostPlaneGoesOverNvlinkAndTheOtherPlanes) {
  const Fabric fabric = with(build_multi_plane(request_of(64)), "plane 3 down");
  Router router(fabric);
  std::set<std::uint32_t> planes;
  for (std::uint64_t flow = 0; flow < 200; ++flow) {
    std::vector<LinkIndex> path;
    router.append_rail_route(3, 9 * 8 + 3, flow, path);
    ASSERT_GE(path.size(), 6u);
    EXPECT_EQ(path.front(), fabric.nvlink_out(3));
    EXPECT_EQ(path.back(), fabric.nvlink_in(9 * 8 + 3));
    const std::uint32_t nic = path[2] - 2 * fabric.gpus();
    EXPECT_EQ(nic / 8, 0u);
    EXPECT_NE(nic % 8, 3u);
    planes.insert(nic % 8);
  }
  EXPECT_EQ(planes.size(), 7u);  // All seven take their part.
  std::vector<LinkIndex> untouched;
  router.append_rail_route(4, 9 * 8 + 4, 0, untouched);
  EXPECT_EQ(untouched.front(), fabric.nic_out(4));
}

// Law: whatever is down, if the job is not refused, every path is a chain from its source to its end, and no
// link of it is down.
TEST(Faults, EveryRouteAvoidsWhatIsDown) {
  int accepted = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "faults"});
    const std::span<const TopologyKind> kinds = topology_kinds();
    const TopologyKind& kind = kinds[random.below(std::uint32_t(kinds.size() - 1))];
    FabricRequest request = request_of(12);
    request.switch_ports = 16;
    if (!kind.check(request).empty()) continue;
    Fabric fabric = kind.build(request);
    std::vector<NetworkFault> faults;
    for (std::uint32_t n = 1 + random.below(4); n > 0; --n) {
      const VertexIndex v =
          fabric.first_nic() + random.below(std::uint32_t(fabric.vertices.size()) - fabric.first_nic());
      faults.push_back({vertex_name(fabric, v), random.below(3) == 0 ? 0.5 : 0});
    }
    if (!apply_faults(fabric, faults).empty()) continue;
    ++accepted;
    const RoutingPolicy drawn = routing_kinds()[random.below(std::uint32_t(routing_kinds().size()))].policy;
    Router router(fabric,
                  drawn == RoutingPolicy::Tables ? RoutingPolicy::Ecmp : drawn);  // Tables know no faults.
    for (int pair = 0; pair < 50; ++pair) {
      const GpuIndex from = random.below(fabric.gpus()), to = random.below(fabric.gpus());
      const std::vector<LinkIndex> path = router.route(from, to, std::uint64_t(pair));
      std::set<LinkIndex> seen;
      for (std::size_t i = 0; i < path.size(); ++i) {
        const Link& link = fabric.links[path[i]];
        ASSERT_GT(link.capacity.value(), 0) << kind.name << " seed " << seed;
        ASSERT_TRUE(seen.insert(path[i]).second)
            << kind.name << " crosses " << link_name(fabric, path[i]) << " twice";
        if (i == 0) continue;
        const Link& before = fabric.links[path[i - 1]];
        const bool pcie = fabric.vertices[before.to].kind <= VertexKind::Nic &&
                          fabric.vertices[link.from].kind <= VertexKind::Nic;  // A GPU and its NIC.
        ASSERT_TRUE(before.to == link.from || pcie) << kind.name << " seed " << seed;
      }
    }
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace orrery
