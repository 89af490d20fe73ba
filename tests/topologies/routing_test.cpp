#include "topologies/routing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/random.hpp"
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
        Case{build_multi_rail, 256}, Case{build_multi_rail, 700}}) {
    const Fabric fabric = fabric_of(build, nodes);
    RandomStream random(7, {"test", "routes", std::uint64_t(nodes)});
    for (int i = 0; i < 20; ++i) {
      const GpuIndex source = random.below(fabric.gpus());
      const std::vector<std::uint32_t> hops = hops_from(fabric, source);
      for (int j = 0; j < 50; ++j) {
        const GpuIndex destination = random.below(fabric.gpus());
        const std::vector<LinkIndex> path = route(fabric, source, destination, random.bits());
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
    for (int flow = 0; flow < c.tries; ++flow)
      seen.insert(route(c.fabric, c.source, c.destination, std::uint64_t(flow)));
    EXPECT_EQ(seen.size(), c.paths) << c.fabric.topology;
  }
}

TEST(Route, SpreadsFlowsEvenlyOverUplinks) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  std::map<LinkIndex, int> uses;
  const int flows = 32'000;
  for (int flow = 0; flow < flows; ++flow) ++uses[route(fabric, 0, 8 * 100, std::uint64_t(flow))[1]];
  ASSERT_EQ(uses.size(), 32u);
  // 1,000 a cable expected, standard deviation sqrt(1000 * 31/32) = 31; five of them are 156.
  for (const auto& [link, times] : uses) EXPECT_NEAR(times, flows / 32, 156) << link_name(fabric, link);
}

TEST(Route, SamePlaneTrafficStaysInItsPlaneAndOtherTrafficCrossesNvlinkFirst) {
  const Fabric fabric = fabric_of(build_multi_plane, 256);
  RandomStream random(11, {"test", "planes"});
  for (int i = 0; i < 20'000; ++i) {
    const GpuIndex source = random.below(fabric.gpus()), destination = random.below(fabric.gpus());
    if (fabric.node_of(source) == fabric.node_of(destination)) continue;
    const std::vector<LinkIndex> path = route(fabric, source, destination, random.bits());
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
  EXPECT_NEAR(path_latency(fabric, route(fabric, 0, 8 * 31, 0)).value(), 2.8e-6, 1e-12);
  EXPECT_NEAR(path_latency(fabric, route(fabric, 0, 8 * 32, 0)).value(), 3.7e-6, 1e-12);
  EXPECT_NEAR(path_latency(fabric, route(fabric, 0, 1, 0)).value(), 3.33e-6, 1e-12);
  EXPECT_TRUE(route(fabric, 9, 9, 0).empty());
}

TEST(Route, IsTheSameEveryTime) {
  const Fabric once = fabric_of(build_multi_rail, 300), again = fabric_of(build_multi_rail, 300);
  for (GpuIndex gpu = 1; gpu < once.gpus(); gpu += 7)
    EXPECT_EQ(route(once, 0, gpu, 3), route(again, 0, gpu, 3));
}

TEST(Route, OfGpusThatShareANicLeavesByIt) {
  FabricRequest request;
  request.nodes = 2, request.nics_per_node = 2;  // GPUs 0-3 on NIC 0, 4-7 on NIC 1.
  const Fabric fabric = build_multi_plane(request);
  EXPECT_EQ(route(fabric, 3, 8 + 1, 0), (std::vector{fabric.nic_out(3), fabric.nic_in(8)}));
}

}  // namespace
}  // namespace orrery
