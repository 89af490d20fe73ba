#include "topologies/files/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/random.hpp"
#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"
#include "topologies/faults.hpp"
#include "topologies/routing.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

void expect_same(const Fabric& a, const Fabric& b, std::string_view what) {
  EXPECT_EQ(a.topology, b.topology) << what;
  EXPECT_EQ(a.nodes, b.nodes) << what;
  EXPECT_EQ(a.gpus_per_node, b.gpus_per_node) << what;
  EXPECT_EQ(a.nics_per_node, b.nics_per_node) << what;
  EXPECT_EQ(a.planes, b.planes) << what;
  EXPECT_EQ(a.leaf_of_nic, b.leaf_of_nic) << what;
  EXPECT_EQ(a.trunk_begin, b.trunk_begin) << what;
  ASSERT_EQ(a.vertices.size(), b.vertices.size()) << what;
  for (VertexIndex v = 0; v < a.vertices.size(); ++v) {
    ASSERT_EQ(a.vertices[v].kind, b.vertices[v].kind) << what;
    ASSERT_EQ(a.vertices[v].group, b.vertices[v].group) << what;
    ASSERT_EQ(a.vertices[v].index, b.vertices[v].index) << what;
  }
  ASSERT_EQ(a.links.size(), b.links.size()) << what;
  for (LinkIndex l = 0; l < a.links.size(); ++l) {
    ASSERT_EQ(a.links[l].from, b.links[l].from) << what << " link " << l;
    ASSERT_EQ(a.links[l].to, b.links[l].to) << what << " link " << l;
    ASSERT_EQ(a.links[l].capacity, b.links[l].capacity) << what << " link " << l;
    ASSERT_EQ(a.links[l].latency, b.links[l].latency) << what << " link " << l;
  }
}

TEST(FabricFiles, EveryTopologyComesBackAsItWasWritten) {
  for (const TopologyKind& kind : topology_kinds()) {
    const FabricRequest request = request_of(kind.name == "nvlink-domain" ? 1 : 96);
    ASSERT_TRUE(kind.check(request).empty()) << kind.name;
    const Fabric fabric = kind.build(request);
    for (const std::string& text : {to_graphml(fabric), to_dot(fabric)}) {
      const Checked<Fabric> read = read_fabric(text, {});
      ASSERT_TRUE(read.ok()) << kind.name << ": " << read.findings.front().problem;
      expect_same(read.value, fabric, kind.name);
    }
  }
}

TEST(FabricFiles, SixteenThousandGpusComeBackToo) {
  const Fabric fabric = build_multi_plane(request_of(2048));
  const Checked<Fabric> read = read_fabric(to_graphml(fabric), {});
  ASSERT_TRUE(read.ok());
  expect_same(read.value, fabric, "16,384 GPUs");
}

/// A fabric of two nodes of one GPU and NIC under one leaf, with one line changed.
std::string small_dot(std::string_view before = "", std::string_view after = "") {
  FabricRequest request = request_of(2);
  request.gpus_per_node = request.nics_per_node = 1;
  std::string text = to_dot(build_fat_tree(request));
  const std::size_t at = text.find(before);
  EXPECT_NE(at, std::string::npos) << before << " in\n" << text;
  return text.replace(at, before.size(), after);
}

std::string fault_in(const std::string& text) {
  const Checked<Fabric> read = read_fabric(text, request_of(1));
  return read.ok() ? "" : read.findings.front().problem;
}

// Line 1 opens the graph; GPUs, NVLink, NICs and the leaf are lines 2 to 8, cables 9 to 12.
TEST(FabricFiles, FaultsAreFoundWithTheirLines) {
  EXPECT_EQ(fault_in(small_dot()), "");
  EXPECT_THAT(fault_in(small_dot("\"nic 1.0\" [", "\"nic 0.0\" [")),
              HasSubstr("line 7: 'nic 0.0' stands twice"));
  EXPECT_THAT(fault_in(small_dot("\"nic 1.0\" --", "\"nic 9.0\" --")),
              HasSubstr("'nic 9.0', which is no box"));
  EXPECT_THAT(fault_in(small_dot("\"nic 1.0\" --", "\"nic 0.0\" --")),
              HasSubstr("second cable of NIC 'nic 0.0'"));
  EXPECT_THAT(fault_in(small_dot("  \"nic 1.0\" --", "//")), HasSubstr("'nic 1.0' has no cable"));
  EXPECT_THAT(fault_in(small_dot("kind=leaf", "kind=hub")), HasSubstr("line 8: 'leaf 0.0' is of kind 'hub'"));
  EXPECT_THAT(fault_in(small_dot("bytes_per_s=\"5e+10\"", "bytes_per_s=\"-1\"")), HasSubstr("unknown rate"));
  EXPECT_THAT(fault_in(small_dot("bytes_per_s=\"5e+10\"", "bytes_per_s=\"nan\"")), HasSubstr("unknown rate"));
  EXPECT_THAT(fault_in(small_dot("1.4e-06\"];\n}", "1.4e-06];\n}")), HasSubstr("string does not end"));
  EXPECT_THAT(fault_in(small_dot("}", "")), HasSubstr("the text ends"));
  EXPECT_THAT(fault_in(small_dot("\"nic 0.0\" -- \"leaf 0.0\"", "\"leaf 0.0\" -- \"leaf 0.0\"")),
              HasSubstr("to itself"));
  EXPECT_THAT(fault_in("<graphml><graph id='x'>\n<node id='a'>"), HasSubstr("line 2: <node> is not closed"));
  EXPECT_THAT(fault_in("<graphml>\n</graph>"), HasSubstr("line 2: </graph> closes <graphml> of line 1"));
  EXPECT_THAT(fault_in("<!DOCTYPE lolz [<!ENTITY a 'b'>]><graphml/>"), HasSubstr("a document type"));
  EXPECT_THAT(fault_in("<graphml/>"), HasSubstr("there is no <graph>"));
  EXPECT_THAT(fault_in(""), HasSubstr("no switch and no adapter"));
  EXPECT_THAT(fault_in("\x7f"
                       "ELF\x01\x02"),
              HasSubstr("line 1: found"));
}

// The tool prints tabulators. Two hosts of two adapters, two leaves and a spine; one of the two uplinks of
// leaf0 has come up slow.
std::string with_tabs(std::string text) {
  std::replace(text.begin(), text.end(), '~', '\t');
  return text;
}

const std::string dump = with_tabs(R"(# Topology file: generated on Mon Nov 23 12:00:00 2026
vendid=0x2c9
switchguid=0xa001(a001)
Switch~4 "S-000000000000a001"~~# "leaf0" base port 0 lid 2 lmc 0
[1]~"H-000000000000b001"[1](b001) ~~# "n9 mlx5_0" lid 11 4xNDR
[2]~"H-000000000000b003"[1](b003) ~~# "n10 mlx5_0" lid 12 4xNDR
[3]~"S-000000000000a003"[1]~~# "spine0" lid 4 4xNDR
[4]~"S-000000000000a003"[2]~~# "spine0" lid 4 4xEDR
Switch~4 "S-000000000000a002"~~# "leaf1" base port 0 lid 2 lmc 0
[1]~"H-000000000000b002"[1](b002) ~~# "n9 mlx5_1" lid 11 4xNDR
[2]~"H-000000000000b004"[1](b004) ~~# "n10 mlx5_1" lid 12 4xNDR
[3]~"S-000000000000a003"[3]~~# "spine0" lid 4 4xNDR
Switch~4 "S-000000000000a003"~~# "spine0" base port 0 lid 4 lmc 0
[1]~"S-000000000000a001"[3]~~# "leaf0" lid 2 4xNDR
[2]~"S-000000000000a001"[4]~~# "leaf0" lid 2 4xEDR
[3]~"S-000000000000a002"[3]~~# "leaf1" lid 2 4xNDR

Ca~1 "H-000000000000b003"~~# "n10 mlx5_0"
[1](b003) ~"S-000000000000a001"[2]~~# lid 11 lmc 0 "leaf0" lid 2 4xNDR
Ca~1 "H-000000000000b004"~~# "n10 mlx5_1"
[1](b004) ~"S-000000000000a002"[2]~~# lid 11 lmc 0 "leaf1" lid 2 4xNDR
Ca~1 "H-000000000000b001"~~# "n9 mlx5_0"
[1](b001) ~"S-000000000000a001"[1]~~# lid 11 lmc 0 "leaf0" lid 2 4xNDR
Ca~1 "H-000000000000b002"~~# "n9 mlx5_1"
[1](b002) ~"S-000000000000a002"[1]~~# lid 11 lmc 0 "leaf1" lid 2 4xNDR
)");

FabricRequest request_of_dump() {
  FabricRequest request = request_of(2);
  request.gpus_per_node = 2;
  request.nic_line = BytesPerSecond(50e9);
  request.nic = BytesPerSecond(45e9);
  return request;
}

std::string changed_dump(std::string_view before, std::string_view after) {
  std::string text = dump;
  const std::size_t at = text.find(before);
  EXPECT_NE(at, std::string::npos) << before;
  return text.replace(at, before.size(), after);
}

TEST(Ibnetdiscover, HostsLayersAndRatesAreRead) {
  const Checked<Fabric> read = read_fabric(dump, request_of_dump());
  ASSERT_TRUE(read.ok()) << read.findings.front().problem;
  const Fabric& fabric = read.value;
  EXPECT_EQ(fabric.nodes, 2u);
  EXPECT_EQ(fabric.nics_per_node, 2u);
  EXPECT_EQ(fabric.gpus_per_node, 2u);
  EXPECT_EQ(fabric.planes, 1u);
  const FabricCounts counts = count(fabric);
  EXPECT_EQ(counts.leaves, 2);
  EXPECT_EQ(counts.spines, 1);
  EXPECT_EQ(counts.trunk_cables, 3);
  // Node 0 is n9, which comes before n10; both first adapters are on leaf0.
  EXPECT_EQ(vertex_name(fabric, fabric.leaf_of_nic[0]), "leaf 0.0");
  EXPECT_EQ(vertex_name(fabric, fabric.leaf_of_nic[2]), "leaf 0.0");
  EXPECT_EQ(vertex_name(fabric, fabric.leaf_of_nic[3]), "leaf 0.1");
  // 4 x 100 Gb/s = 50 GB/s, of which NICs achieve 45; 4 x 25 Gb/s = 12.5 GB/s, of which 11.25.
  EXPECT_DOUBLE_EQ(fabric.links[fabric.nic_out(0)].capacity.value(), 45e9);
  std::vector<double> rates;
  for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l)
    rates.push_back(fabric.links[l].capacity.value());
  std::sort(rates.begin(), rates.end());
  EXPECT_THAT(rates, testing::ElementsAre(11.25e9, 11.25e9, 45e9, 45e9, 45e9, 45e9));
}

std::string fault_in_dump(std::string_view before, std::string_view after) {
  const Checked<Fabric> read = read_fabric(changed_dump(before, after), request_of_dump());
  return read.ok() ? "" : read.findings.front().problem;
}

TEST(Ibnetdiscover, FaultsAreFoundWithTheirLines) {
  EXPECT_THAT(fault_in_dump("4xEDR", "4xWDR"), HasSubstr("line 8: an unknown rate: '4xWDR'"));
  EXPECT_THAT(fault_in_dump("\"S-000000000000a002\"\t", "\"S-000000000000a001\"\t"),
              HasSubstr("line 9: the GUID of \"S-000000000000a001\" stands already in line 4"));
  EXPECT_THAT(fault_in_dump("[3]\t\"S-000000000000a003\"[1]", "[3]\t\"S-00000000"),
              HasSubstr("line 7: a port line is cut short"));
  EXPECT_THAT(fault_in_dump("[2]\t\"S-000000000000a001\"[4]", "[2]\t\"S-000000000000a001\"[3]"),
              HasSubstr("leads elsewhere"));
  EXPECT_THAT(fault_in_dump("[1]\t\"H-000000000000b001\"", "[1]\t\"H-000000000000beef\""),
              HasSubstr("of which there is no record"));
  EXPECT_THAT(fault_in_dump("# \"n9 mlx5_1\"\n", "# \"n8 mlx5_1\"\n"),
              HasSubstr("line 18: host 'n10' has 2 adapters and 'n8' has 1"));
  EXPECT_THAT(fault_in_dump("vendid", "vendor"), HasSubstr("line 2: found 'vendor"));
  EXPECT_THAT(fault_in_dump("Switch\t4 \"S-000000000000a003\"", "Switch\t2 \"S-000000000000a003\""),
              HasSubstr("3 cables at 2 ports"));
}

// As OpenSM dumps it. To n10's second adapter, leaf0 uses its fourth port, the slow cable.
constexpr const char* tables = R"(Unicast lids [0-9] of switch Lid 2 guid 0x000000000000a001 ('leaf0'):
0x0001 001 # Channel Adapter portguid 0x000000000000b001: 'n9 mlx5_0'
0x0002 002 # Channel Adapter portguid 0x000000000000b003: 'n10 mlx5_0'
0x0003 003 # Channel Adapter portguid 0x000000000000b002: 'n9 mlx5_1'
0x0004 004 # Channel Adapter portguid 0x000000000000b004: 'n10 mlx5_1'
0x0005 000 # Switch portguid 0x000000000000a001: 'leaf0'
Unicast lids [0-9] of switch Lid 3 guid 0x000000000000a002 ('leaf1'):
0x0001 003 # Channel Adapter portguid 0x000000000000b001: 'n9 mlx5_0'
0x0002 003 # Channel Adapter portguid 0x000000000000b003: 'n10 mlx5_0'
0x0003 001 # Channel Adapter portguid 0x000000000000b002: 'n9 mlx5_1'
0x0004 002 # Channel Adapter portguid 0x000000000000b004: 'n10 mlx5_1'
Unicast lids [0-9] of switch Lid 4 guid 0x000000000000a003 ('spine0'):
0x0001 001 # Channel Adapter portguid 0x000000000000b001: 'n9 mlx5_0'
0x0002 002 # Channel Adapter portguid 0x000000000000b003: 'n10 mlx5_0'
0x0003 003 # Channel Adapter portguid 0x000000000000b002: 'n9 mlx5_1'
0x0004 003 # Channel Adapter portguid 0x000000000000b004: 'n10 mlx5_1'
)";

TEST(ForwardingTables, AreFollowedToTheCable) {
  const Checked<Fabric> read = read_routed_fabric(dump, tables, request_of_dump());
  ASSERT_TRUE(read.ok()) << read.findings.front().problem;
  Router router(read.value, RoutingPolicy::Tables);
  std::vector<LinkIndex> path;
  router.append_network_route(0, 3, 0, path);  // n9's first adapter, n10's second.
  ASSERT_EQ(path.size(), 4u);
  EXPECT_DOUBLE_EQ(read.value.links[path[1]].capacity.value(), 11.25e9);
  path.clear();
  router.append_network_route(0, 1, 0, path);
  EXPECT_DOUBLE_EQ(read.value.links[path[1]].capacity.value(), 45e9);
}

std::string fault_in_tables(std::string_view before, std::string_view after) {
  std::string text = tables;
  const std::size_t at = text.find(before);
  EXPECT_NE(at, std::string::npos) << before;
  const Checked<Fabric> read =
      read_routed_fabric(dump, text.replace(at, before.size(), after), request_of_dump());
  return read.ok() ? "" : read.findings.front().problem;
}

TEST(ForwardingTables, FaultsAreFound) {
  EXPECT_THAT(fault_in_tables("a003 ('spine0')", "a009 ('spine0')"),
              HasSubstr("line 12: tables of a switch"));
  EXPECT_THAT(fault_in_tables("0x0001 003", "0x0001 007"), HasSubstr("port 7 of 'leaf1' has no cable"));
  EXPECT_THAT(fault_in_tables("0x0004 004 #", "0x00"), HasSubstr("an entry is cut short"));
  // The spine sends back to leaf1 what leaf1 sends to the spine.
  EXPECT_THAT(fault_in_tables("('spine0'):\n0x0001 001", "('spine0'):\n0x0001 003"), HasSubstr("a circle"));
  EXPECT_THAT(
      fault_in_tables("0x0002 002 # Channel Adapter portguid 0x000000000000b003: 'n10 mlx5_0'\n0x0003 003 # "
                      "Channel Adapter portguid 0x000000000000b002: 'n9 mlx5_1'\n0x0004 003",
                      "0x0004 003"),
      HasSubstr("no entry"));
}

// Broken at every place, and with bytes turned: a fabric or findings, never a crash (the sanitizers watch).
TEST(FabricFiles, AnyBytesAreAFabricOrFindings) {
  RandomStream random(1, {.owner = "test", .purpose = "bytes"});
  for (const std::string& whole : {dump, small_dot(), to_graphml(build_fat_tree(request_of(2)))}) {
    for (std::size_t cut = 0; cut < whole.size(); cut += 1 + random.below(7)) {
      read_fabric(whole.substr(0, cut), request_of_dump());
      std::string turned = whole;
      for (int n = 0; n < 3; ++n)
        turned[random.below(std::uint32_t(turned.size()))] = char(random.below(256));
      const Checked<Fabric> read = read_fabric(turned, request_of_dump());
      if (read.ok()) {
        EXPECT_EQ(read.value.leaf_of_nic.size(), read.value.nics());
      }
    }
  }
}

}  // namespace
}  // namespace orrery
