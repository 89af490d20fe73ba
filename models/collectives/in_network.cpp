// Switches that add (SHARP: Graham et al. 2016): after a reduce-scatter in the node every NIC sends its part
// once, a leaf adds what its NICs of a rail send and passes one copy to the rail's spine, and the sum comes
// back the same way. What a NIC sends and receives does not grow with the cluster.
#include <string>

#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

/// The cable from a leaf to the spine of a rail, or none.
const Link* up_link(const Fabric& fabric, VertexIndex leaf, std::uint32_t rail, LinkIndex& index) {
  const std::uint32_t v = leaf - fabric.first_switch();
  std::uint32_t spines = 0;
  for (LinkIndex l = fabric.trunk_begin[v]; l < fabric.trunk_begin[v + 1]; ++l)
    spines += fabric.vertices[fabric.links[l].to].kind > VertexKind::Leaf;
  if (spines == 0) return nullptr;
  std::uint32_t wanted = rail % spines;
  for (LinkIndex l = fabric.trunk_begin[v]; l < fabric.trunk_begin[v + 1]; ++l) {
    if (fabric.vertices[fabric.links[l].to].kind <= VertexKind::Leaf || wanted-- > 0) continue;
    index = l;
    return &fabric.links[l];
  }
  return nullptr;
}

LinkIndex link_between(const Fabric& fabric, VertexIndex from, VertexIndex to) {
  const std::uint32_t v = from - fabric.first_switch();
  LinkIndex l = fabric.trunk_begin[v];
  while (fabric.links[l].to != to) ++l;
  return l;
}

bool one_leaf_a_plane(const Fabric& fabric) {
  for (std::uint32_t nic = fabric.nics_per_node; nic < fabric.nics(); ++nic)
    if (fabric.leaf_of_nic[nic] != fabric.leaf_of_nic[nic % fabric.nics_per_node]) return false;
  return true;
}

}  // namespace

Findings check_in_network(const Fabric& fabric) {
  Findings findings = check_several_nodes(fabric);
  if (!findings.empty() || one_leaf_a_plane(fabric)) return findings;
  for (const Vertex& vertex : fabric.vertices)
    if (vertex.kind == VertexKind::Core || vertex.kind == VertexKind::Bond)
      return {{"cluster.topology", "switches that add are modelled for trees of two layers",
               "multi-plane-fat-tree, or fewer nodes"}};
  LinkIndex ignored = 0;
  for (const VertexIndex leaf : fabric.leaf_of_nic)
    if (!up_link(fabric, leaf, 0, ignored))
      return {{"cluster.topology", fabric.topology + " has no spines that could add",
               "multi-plane-fat-tree, or another tree"}};
  return {};
}

void in_network_all_reduce(const CollectiveRequest& request, const RoundSink& sink) {
  const Fabric& fabric = request.fabric();
  std::vector<Round> inside;
  hierarchical_reduce_scatter(request, [&](Round&& round) { inside.push_back(std::move(round)); });
  const std::int64_t served = fabric.gpus_per_node / fabric.nics_per_node;
  const Bytes each((request.bytes.value() * served + fabric.gpus_per_node - 1) / fabric.gpus_per_node);
  Round network;
  const bool leaves_alone = one_leaf_a_plane(fabric);
  std::vector<bool> passed(fabric.vertices.size() * fabric.nics_per_node);
  for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic) {
    const GpuIndex gpu =
        fabric.gpu(nic / fabric.nics_per_node, nic % fabric.nics_per_node * std::uint32_t(served));
    const std::uint32_t rail = nic % fabric.nics_per_node;
    const VertexIndex leaf = fabric.leaf_of_nic[nic];
    const auto first = std::uint32_t(network.plan.links.size());
    network.plan.links.push_back({fabric.nic_out(gpu), 1});
    // The first NIC of a rail on its leaf stands for all: one copy goes on.
    if (!leaves_alone && !passed[std::size_t(leaf) * fabric.nics_per_node + rail]) {
      passed[std::size_t(leaf) * fabric.nics_per_node + rail] = true;
      LinkIndex up = 0;
      const Link* cable = up_link(fabric, leaf, rail, up);
      network.plan.links.push_back({up, 1});
      network.plan.links.push_back({link_between(fabric, cable->to, leaf), 1});
    }
    network.plan.links.push_back({fabric.nic_in(gpu), 1});
    network.plan.flows.push_back(
        {each, 1, gpu, gpu, first, std::uint32_t(network.plan.links.size()) - first});
  }
  Round first = inside.front(), last = std::move(inside.front());
  sink(std::move(first));
  sink(std::move(network));
  sink(std::move(last));
}

}  // namespace orrery
