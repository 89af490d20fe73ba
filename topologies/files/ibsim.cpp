#include "topologies/files/files.hpp"
#include "topologies/files/graph_text.hpp"

namespace orrery {

std::string to_ibsim(const Fabric& fabric) {
  // Ports are dealt in the order of the links.
  const VertexIndex first = fabric.first_switch();
  std::vector<std::uint32_t> next_port(fabric.vertices.size(), 1);
  struct Cable {
    VertexIndex other;
    std::uint32_t port, other_port;
  };
  std::vector<std::vector<Cable>> cables(fabric.vertices.size());
  const auto connect = [&](VertexIndex a, VertexIndex b) {
    const std::uint32_t at_a = next_port[a]++, at_b = next_port[b]++;
    cables[a].push_back({b, at_a, at_b});
    cables[b].push_back({a, at_b, at_a});
  };
  for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic) {
    const VertexIndex leaf = fabric.leaf_of_nic[nic];
    if (fabric.vertices[leaf].kind != VertexKind::Bond) connect(fabric.first_nic() + nic, leaf);
  }
  for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l) {
    const Link& link = fabric.links[l];
    if (link.from < link.to && fabric.vertices[link.from].kind != VertexKind::Bond)
      connect(link.from, link.to);
  }
  const auto name = [&](VertexIndex v) {
    const Vertex& vertex = fabric.vertices[v];
    const std::string group = std::to_string(vertex.group), index = std::to_string(vertex.index);
    if (vertex.kind == VertexKind::Nic) return "node" + group + " mlx5_" + index;
    return std::string(kind_word(vertex.kind)) + group + "-" + index;
  };
  std::string out = "# " + fabric.topology + ", by orrery topology export --format ibsim\n";
  for (VertexIndex v = fabric.first_nic(); v < fabric.vertices.size(); ++v) {
    if (cables[v].empty()) continue;
    const bool nic = v < first;
    out += std::string(nic ? "\nHca" : "\nSwitch") + "\t" + std::to_string(cables[v].size()) + " \"" +
           name(v) + "\"\n";
    for (const Cable& cable : cables[v])
      out += "[" + std::to_string(cable.port) + "]\t\"" + name(cable.other) + "\"[" +
             std::to_string(cable.other_port) + "]\n";
  }
  return out;
}

}  // namespace orrery
