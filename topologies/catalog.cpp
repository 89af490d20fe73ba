#include "topologies/catalog.hpp"

#include <array>

namespace orrery {
namespace {

constexpr std::array kinds{
    TopologyKind{"multi-plane-fat-tree",
                 "a two-layer fat tree for each plane, as DeepSeek-V3's cluster was built: NIC i on plane i",
                 "", check_multi_plane, build_multi_plane},
    TopologyKind{"multi-rail-fat-tree",
                 "one fat tree of two or three layers, NIC i of neighbouring nodes on one leaf", "",
                 check_multi_rail, build_multi_rail},
    TopologyKind{"rail-only", "a network for each rail, and no way between rails but NVLink", "",
                 check_rail_only, build_rail_only},
    TopologyKind{"fat-tree", "one fat tree of two or three layers, all NICs of a node side by side", "",
                 check_fat_tree, build_fat_tree},
    TopologyKind{"dual-tor", "each NIC's two ports on two leaves of two planes (HPN)", "", check_dual_tor,
                 build_dual_tor},
    TopologyKind{"dragonfly", "groups of fully meshed switches, groups meshed by long cables",
                 "NICs of a switch, switches of a group, long cables of a switch, groups", check_dragonfly,
                 build_dragonfly},
    TopologyKind{"dragonfly-plus", "groups of two-layer trees, spines meshed by long cables",
                 "NICs of a leaf, leaves of a group, spines of a group, long cables of a spine, groups",
                 check_dragonfly_plus, build_dragonfly_plus},
    TopologyKind{"slim-fly", "MMS graph of diameter two: 2 q^2 switches for a prime power q",
                 "q, NICs of a switch", check_slim_fly, build_slim_fly},
    TopologyKind{"hyperx", "a grid of switches, all of a row or column meshed",
                 "NICs of a switch, switches along each dimension", check_hyperx, build_hyperx},
    TopologyKind{"torus", "a grid of switches, one a node, each cabled to its neighbours and round the ends",
                 "switches along each of two or three dimensions", check_torus, build_torus},
    TopologyKind{"nvlink-domain", "one node alone, no network", "", check_nvlink_domain, build_nvlink_domain},
};

/// With two digits after the point, where it has any.
std::string decimal(double value) {
  const auto hundredths = std::int64_t(value * 100 + 0.5);
  std::string text = std::to_string(hundredths / 100);
  if (hundredths % 100 != 0) text.append(1, '.').append(std::to_string(hundredths % 100 + 100), 1);
  return text;
}

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

Findings check_request(const FabricRequest& request, const TopologyTakes& takes) {
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
  expect(findings, takes.planes || request.planes == 0, "cluster.planes",
         std::to_string(request.planes) + " planes for a topology that has its own number",
         "leave it out, or take multi-plane-fat-tree");
  expect(findings,
         takes.oversubscription
             ? request.oversubscription >= 1 && request.oversubscription < request.switch_ports
             : request.oversubscription == 1,
         "cluster.oversubscription", "an oversubscription of " + decimal(request.oversubscription),
         takes.oversubscription ? "from 1 to less than the ports of a switch"
                                : "leave it out: it is for the fat trees");
  const std::size_t sizes = request.shape.size();
  if (sizes > 0 && (sizes < takes.fewest_sizes || sizes > takes.most_sizes)) {
    std::string wanted = std::to_string(takes.fewest_sizes);
    if (takes.most_sizes > takes.fewest_sizes) wanted += " to " + std::to_string(takes.most_sizes);
    findings.push_back({"cluster.shape", "a shape of " + std::to_string(sizes) + " sizes",
                        takes.most_sizes == 0 ? "leave it out: this topology has none" : wanted + " sizes"});
  }
  for (const int size : request.shape)
    expect(findings, size >= 1, "cluster.shape", "a size of " + std::to_string(size), "at least 1");
  return findings;
}

Findings check_direct(const FabricRequest& request, const DirectSizes& sizes) {
  Findings findings;
  const std::uint64_t nics = std::uint64_t(request.nodes) * std::uint64_t(request.nics_per_node);
  const char* key = request.shape.empty() ? "cluster.nodes" : "cluster.shape";
  expect(findings, sizes.ports <= std::uint64_t(request.switch_ports), key,
         "a switch of this " + std::string(sizes.name) + " needs " + std::to_string(sizes.ports) + " ports",
         ("at most the " + std::to_string(request.switch_ports) + " that it has").c_str());
  expect(findings, sizes.groups <= sizes.long_cables + 1, key,
         std::to_string(sizes.groups) + " groups of " + std::to_string(sizes.long_cables) +
             " long cables each cannot be meshed",
         ("at most " + std::to_string(sizes.long_cables + 1) + " groups").c_str());
  expect(findings, nics <= sizes.room, key,
         std::to_string(nics) + " NICs, and room for " + std::to_string(sizes.room), sizes.remedy);
  return findings;
}

}  // namespace orrery
