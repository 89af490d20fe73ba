#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "topologies/catalog.hpp"
#include "topologies/graph.hpp"

namespace orrery {
namespace {

using namespace literals;

FabricRequest request_of(int nodes) {
  FabricRequest request;
  request.nodes = nodes;
  request.nvlink = 160_GBps;
  request.nic = 45_GBps;
  request.trunk = 45_GBps;
  request.nic_latency = 2.8_us;
  request.hop_latency = 0.45_us;
  return request;
}

// DeepSeek-V3's cluster: 256 nodes, so each of 8 planes has 256 / 32 = 8 leaves, whose 8 * 32 = 256
// uplinks fill 256 / 64 = 4 spines: 8 * (8 + 4) = 96 switches and 8 * 256 = 2,048 cables between them.
TEST(MultiPlane, CountsOfTheClusterAsDeployed) {
  const Fabric fabric = build_multi_plane(request_of(256));
  const FabricCounts counts = count(fabric);
  EXPECT_EQ(counts.gpus, 2048);
  EXPECT_EQ(counts.nics, 2048);
  EXPECT_EQ(counts.nvlink_switches, 256);
  EXPECT_EQ(counts.leaves, 64);
  EXPECT_EQ(counts.spines, 32);
  EXPECT_EQ(counts.cores, 0);
  EXPECT_EQ(counts.switches(), 96);
  EXPECT_EQ(counts.endpoint_cables, 2048);
  EXPECT_EQ(counts.trunk_cables, 2048);
  EXPECT_EQ(fabric.links.size(), 2u * (2048 + 2048 + 2048));  // NVLink, NIC, trunk; both directions.
  EXPECT_EQ(capacities(fabric).size(), fabric.links.size());
}

// ISCA 2025 Table 3, MPFT column: k = 64 gives 8 planes of k^2/2 = 2,048 endpoints, 3k/2 = 96 switches
// and k^2/2 = 2,048 cables between switches.
TEST(MultiPlane, HoldsSixteenThousandGpusAndNotOneNodeMore) {
  EXPECT_TRUE(check_multi_plane(request_of(2048)).empty());
  const FabricCounts counts = count(build_multi_plane(request_of(2048)));
  EXPECT_EQ(counts.gpus, 16'384);
  EXPECT_EQ(counts.switches(), 768);
  EXPECT_EQ(counts.trunk_cables, 16'384);

  const Findings findings = check_multi_plane(request_of(2049));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].key, "cluster.nodes");
}

// ISCA 2025 Table 3: FT2 2,048 endpoints, 96 switches, 2,048 links; FT3 k^3/4 = 65,536 endpoints,
// 5k^2/4 = 5,120 switches, 2 * 65,536 = 131,072 links.
TEST(MultiRail, CountsOfTheFullTwoAndThreeLayerTrees) {
  const FabricCounts two = count(build_multi_rail(request_of(256)));
  EXPECT_EQ(two.leaves, 64);
  EXPECT_EQ(two.spines, 32);
  EXPECT_EQ(two.cores, 0);
  EXPECT_EQ(two.trunk_cables, 2048);

  const FabricCounts three = count(build_multi_rail(request_of(8192)));
  EXPECT_EQ(three.nics, 65'536);
  EXPECT_EQ(three.leaves, 2048);
  EXPECT_EQ(three.spines, 2048);
  EXPECT_EQ(three.cores, 1024);
  EXPECT_EQ(three.switches(), 5120);
  EXPECT_EQ(three.trunk_cables, 131'072);
  EXPECT_TRUE(check_multi_rail(request_of(8192)).empty());
  EXPECT_FALSE(check_multi_rail(request_of(8193)).empty());
}

TEST(Fabric, NoSwitchUsesMorePortsThanItHasAndNoLeafIsThinnerUpThanDown) {
  for (const TopologyKind& kind : topology_kinds()) {
    for (const int nodes : {1, 2, 7, 8, 31, 32, 33, 63, 64, 65, 100, 255, 256, 257, 300, 700, 1024, 2048}) {
      const FabricRequest request = request_of(nodes);
      if (!kind.check(request).empty()) continue;
      const Fabric fabric = kind.build(request);
      // In ports: a bond's cable takes half of one.
      std::vector<double> out(fabric.vertices.size()), down(out), up(out);
      for (LinkIndex l = 2 * fabric.gpus(); l < fabric.links.size(); ++l) {
        const Link& link = fabric.links[l];
        const double ports = link.capacity / request.trunk;
        out[link.from] += ports;
        if (fabric.vertices[link.from].kind != VertexKind::Leaf) continue;
        const VertexKind other = fabric.vertices[link.to].kind;
        (other == VertexKind::Nic || other == VertexKind::Bond ? down : up)[link.from] += ports;
      }
      // A tree's leaves are as thick up as down; long cables of a dragonfly+ leave its spines.
      const bool has_spines = count(fabric).spines > 0;
      for (VertexIndex v = fabric.first_switch(); v < fabric.vertices.size(); ++v) {
        ASSERT_LE(out[v], 64) << kind.name << ' ' << nodes << ' ' << vertex_name(fabric, v);
        ASSERT_GE(out[v], 0.5) << kind.name << ' ' << nodes << ' ' << vertex_name(fabric, v);
        if (has_spines) {
          ASSERT_GE(up[v], down[v]) << kind.name << ' ' << nodes;
        }
      }
    }
  }
}

TEST(Fabric, AccessorsNameTheLinksTheyPromise) {
  for (const TopologyKind& kind : topology_kinds()) {
    FabricRequest request = request_of(kind.name == "nvlink-domain" ? 1 : 40);
    request.nics_per_node = 4;  // Two GPUs a NIC.
    ASSERT_TRUE(kind.check(request).empty()) << kind.name;
    const Fabric fabric = kind.build(request);
    EXPECT_EQ(fabric.topology, kind.name);
    for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu) {
      EXPECT_EQ(fabric.gpu(fabric.node_of(gpu), fabric.local_of(gpu)), gpu);
      EXPECT_EQ(fabric.links[fabric.nvlink_out(gpu)].from, gpu);
      EXPECT_EQ(fabric.links[fabric.nvlink_in(gpu)].to, gpu);
      if (fabric.nics() == 0) continue;
      const Vertex& nic = fabric.vertices[fabric.links[fabric.nic_out(gpu)].from];
      EXPECT_EQ(nic.kind, VertexKind::Nic);
      EXPECT_EQ(nic.group, fabric.node_of(gpu));
      EXPECT_EQ(nic.index, fabric.local_of(gpu) / 2);
      EXPECT_EQ(fabric.links[fabric.nic_in(gpu)].to, fabric.links[fabric.nic_out(gpu)].from);
    }
  }
  const Fabric fabric = build_multi_plane(request_of(256));
  EXPECT_EQ(vertex_name(fabric, fabric.gpu(5, 3)), "gpu 5.3");
  EXPECT_EQ(link_name(fabric, fabric.nic_out(fabric.gpu(33, 2))), "nic 33.2 -> leaf 2.1");
  std::set<std::string> names;
  for (VertexIndex v = 0; v < fabric.vertices.size(); ++v) names.insert(vertex_name(fabric, v));
  EXPECT_EQ(names.size(), fabric.vertices.size());
}

// Half the nodes send to the other half: every NIC can be busy, 8 * 128 * 45 GB/s each way.
TEST(Fabric, BisectionIsFullByMaxFlow) {
  for (const auto build : {build_multi_plane, build_multi_rail}) {
    for (const int nodes : {48, 256, 320}) {
      const Fabric fabric = build(request_of(nodes));
      std::vector<VertexIndex> left, right;
      for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu)
        (int(fabric.node_of(gpu)) < nodes / 2 ? left : right).push_back(gpu);
      EXPECT_DOUBLE_EQ(max_flow(fabric, left, right).value(), 8.0 * (nodes / 2) * 45e9)
          << fabric.topology << ' ' << nodes;
    }
  }
}

// A counter-case, so that the test above can fail: trunk cables at half the rate halve what crosses
// leaves. Nodes 0-31 and 32-63 of 96 lie under different leaves: 8 planes * 32 uplinks * 22.5 GB/s.
TEST(Fabric, ThinTrunksShowInTheBisection) {
  FabricRequest request = request_of(96);
  request.trunk = 22.5_GBps;
  const Fabric fabric = build_multi_plane(request);
  std::vector<VertexIndex> left, right;
  for (GpuIndex gpu = 0; gpu < 8 * 32; ++gpu) left.push_back(gpu), right.push_back(gpu + 8 * 32);
  EXPECT_DOUBLE_EQ(max_flow(fabric, left, right).value(), 8 * 32 * 22.5e9);
}

// Farthest apart in edges: GPU, NIC, leaf, spine, leaf, NIC, GPU is 6; another plane costs the two of
// NVLink; a third layer two more.
TEST(Fabric, DiameterIsThatOfTheLayers) {
  const auto eccentricity = [](const Fabric& fabric) {
    const std::vector<std::uint32_t> hops = hops_from(fabric, 0);
    return *std::max_element(hops.begin(), hops.begin() + fabric.gpus());
  };
  EXPECT_EQ(eccentricity(build_multi_plane(request_of(64))), 6u);  // One leaf a plane: 4, and 2.
  EXPECT_EQ(eccentricity(build_multi_plane(request_of(256))), 8u);
  EXPECT_EQ(eccentricity(build_multi_rail(request_of(256))), 6u);
  EXPECT_EQ(eccentricity(build_multi_rail(request_of(512))), 8u);
}

TEST(Topology, RequestsThatCannotBeBuiltComeBackAsFindings) {
  const auto bad = [](auto change) {
    FabricRequest request = request_of(16);
    change(request);
    std::size_t found = 0;
    for (const TopologyKind& kind : topology_kinds()) found += !kind.check(request).empty();
    return found;
  };
  const std::size_t all = topology_kinds().size();
  EXPECT_EQ(bad([](FabricRequest&) {}), 1u);  // 16 nodes are no NVLink domain.
  EXPECT_EQ(bad([](FabricRequest& r) { r.nodes = 0; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.nodes = -5; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.gpus_per_node = 0; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.switch_ports = 7; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.nics_per_node = 3; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.nics_per_node = 0; }), all);
  EXPECT_EQ(bad([](FabricRequest& r) { r.nodes = 1 << 20; }), all - 1);  // A torus has no end.
  EXPECT_EQ(find_topology("multi-plane-fat-tree"), &topology_kinds()[0]);
  EXPECT_EQ(find_topology("no such tree"), nullptr);
}

TEST(Topology, RequestTakesTrunksAtTheShareOfLineRateThatTheNicReaches) {
  NicSpec nic;
  nic.line = 50_GBps, nic.achieved = 45_GBps, nic.latency = 2.8_us;
  SwitchSpec network_switch;
  network_switch.ports = 64, network_switch.port_rate = 100_GBps, network_switch.hop_latency = 0.45_us;
  GpuSpec gpu;
  gpu.nvlink_achieved = 160_GBps;
  const FabricRequest request = fabric_request(NodeSpec{}, gpu, nic, network_switch, 12);
  EXPECT_EQ(request.nodes, 12);
  EXPECT_DOUBLE_EQ(request.trunk.value(), 90e9);  // 100 * 45 / 50.
  EXPECT_EQ(request.nvlink, 160_GBps);
}

}  // namespace
}  // namespace orrery
