#include "topologies/catalog.hpp"

#include <array>

namespace orrery {
namespace {

constexpr std::array kinds{
    TopologyKind{"multi-plane-fat-tree",
                 "one two-layer fat tree for each NIC of a node, as DeepSeek-V3's cluster was built",
                 check_multi_plane, build_multi_plane},
    TopologyKind{"multi-rail-fat-tree",
                 "one fat tree of two or three layers, NIC i of neighbouring nodes on one leaf",
                 check_multi_rail, build_multi_rail},
    TopologyKind{"nvlink-domain", "one node alone, no network", check_nvlink_domain, build_nvlink_domain},
};

void expect(Findings& findings, bool holds, const char* key, std::string problem, const char* remedy) {
  if (!holds) findings.push_back({key, std::move(problem), remedy});
}

}  // namespace

std::span<const TopologyKind> topology_kinds() { return kinds; }

const TopologyKind* find_topology(std::string_view name) {
  for (const TopologyKind& kind : kinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

Findings check_nodes(const FabricRequest& request) {
  Findings findings;
  expect(findings, request.nodes >= 1, "cluster.nodes", std::to_string(request.nodes) + " nodes",
         "at least 1");
  expect(findings, request.nodes <= 1 << 20, "cluster.nodes", std::to_string(request.nodes) + " nodes",
         "at most 1,048,576");
  expect(findings, request.gpus_per_node >= 1 && request.gpus_per_node <= 1024, "cluster.node",
         std::to_string(request.gpus_per_node) + " GPUs a node", "1 to 1024");
  expect(findings, request.nics_per_node >= 1, "cluster.node",
         std::to_string(request.nics_per_node) + " NICs a node", "at least 1");
  if (request.gpus_per_node >= 1 && request.nics_per_node >= 1) {
    expect(findings, request.gpus_per_node % request.nics_per_node == 0, "cluster.node",
           std::to_string(request.nics_per_node) + " NICs cannot be dealt to " +
               std::to_string(request.gpus_per_node) + " GPUs",
           "a number that divides the GPUs of a node");
  }
  expect(findings, request.switch_ports >= 2 && request.switch_ports <= 4096 && request.switch_ports % 2 == 0,
         "cluster.switch", std::to_string(request.switch_ports) + " ports a switch",
         "an even number from 2 to 4096");
  return findings;
}

}  // namespace orrery
