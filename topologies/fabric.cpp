#include "topologies/fabric.hpp"

#include <algorithm>
#include <array>

namespace orrery {
namespace {

// In the order of VertexKind.
constexpr std::array<std::string_view, 7> kind_words{"gpu", "nvlink", "nic", "bond", "leaf", "spine", "core"};

}  // namespace

std::string_view kind_word(VertexKind kind) { return kind_words[std::size_t(kind)]; }

std::optional<VertexKind> find_kind(std::string_view word) {
  const auto found = std::find(kind_words.begin(), kind_words.end(), word);
  if (found == kind_words.end()) return std::nullopt;
  return VertexKind(found - kind_words.begin());
}

FabricRequest fabric_request(const NodeSpec& node, const GpuSpec& gpu, const NicSpec& nic,
                             const SwitchSpec& network_switch, int nodes) {
  FabricRequest request;
  request.nodes = nodes;
  request.gpus_per_node = node.gpus;
  request.nics_per_node = node.nics;
  request.switch_ports = network_switch.ports;
  request.nvlink = gpu.nvlink_achieved;
  request.nic = nic.achieved;
  request.nic_line = nic.line;
  request.trunk = nic.achieved * (network_switch.port_rate / nic.line);
  request.nic_latency = nic.latency;
  request.hop_latency = network_switch.hop_latency;
  return request;
}

std::vector<BytesPerSecond> capacities(const Fabric& fabric) {
  std::vector<BytesPerSecond> all;
  all.reserve(fabric.links.size());
  // What is down is on no path; a flow network wants something all the same.
  for (const Link& link : fabric.links) all.push_back(std::max(link.capacity, BytesPerSecond(1)));
  return all;
}

std::string vertex_name(const Fabric& fabric, VertexIndex vertex) {
  const Vertex& v = fabric.vertices[vertex];
  std::string name = std::string(kind_word(v.kind)) + ' ' + std::to_string(v.group);
  if (v.kind != VertexKind::NvlinkSwitch) name += '.' + std::to_string(v.index);
  return name;
}

std::string link_name(const Fabric& fabric, LinkIndex link) {
  return vertex_name(fabric, fabric.links[link].from) + " -> " + vertex_name(fabric, fabric.links[link].to);
}

FabricCounts count(const Fabric& fabric) {
  FabricCounts counts;
  for (const Vertex& vertex : fabric.vertices) {
    switch (vertex.kind) {
      case VertexKind::Gpu:
        ++counts.gpus;
        break;
      case VertexKind::NvlinkSwitch:
        ++counts.nvlink_switches;
        break;
      case VertexKind::Nic:
        ++counts.nics;
        break;
      case VertexKind::Bond:
        break;
      case VertexKind::Leaf:
        ++counts.leaves;
        break;
      case VertexKind::Spine:
        ++counts.spines;
        break;
      case VertexKind::Core:
        ++counts.cores;
        break;
    }
  }
  std::int64_t bonded = 0;  // Two cables a NIC, which the fabric holds as cables of its bond.
  for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l)
    bonded += fabric.vertices[fabric.links[l].from].kind == VertexKind::Bond;
  counts.endpoint_cables = bonded > 0 ? bonded : counts.nics;
  counts.trunk_cables = (std::int64_t(fabric.links.size()) - fabric.first_trunk()) / 2 - bonded;
  return counts;
}

}  // namespace orrery
