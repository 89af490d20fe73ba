#include "topologies/networks.hpp"

namespace orrery {
namespace {

bool up(const Fabric& fabric, std::uint32_t nic) {
  return fabric.links[2 * fabric.gpus() + nic].capacity.value() > 0;
}

}  // namespace

std::vector<std::uint32_t> networks_of_switches(const Fabric& fabric) {
  const VertexIndex first = fabric.first_switch();
  std::vector<std::uint32_t> network(fabric.vertices.size() - first, cut_off);
  std::vector<VertexIndex> queue;
  std::uint32_t networks = 0;
  for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic) {
    const VertexIndex leaf = fabric.leaf_of_nic[nic];
    if (!up(fabric, nic) || network[leaf - first] != cut_off) continue;
    network[leaf - first] = networks;
    queue.assign(1, leaf);
    while (!queue.empty()) {
      const VertexIndex at = queue.back() - first;
      queue.pop_back();
      for (LinkIndex l = fabric.trunk_begin[at]; l < fabric.trunk_begin[at + 1]; ++l) {
        const Link& link = fabric.links[l];
        if (link.capacity.value() <= 0 || network[link.to - first] != cut_off) continue;
        network[link.to - first] = networks;
        queue.push_back(link.to);
      }
    }
    ++networks;
  }
  return network;
}

std::vector<std::uint32_t> networks_of_nics(const Fabric& fabric) {
  const std::vector<std::uint32_t> of_switch = networks_of_switches(fabric);
  std::vector<std::uint32_t> networks;
  for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic)
    networks.push_back(up(fabric, nic) ? of_switch[fabric.leaf_of_nic[nic] - fabric.first_switch()]
                                       : cut_off);
  return networks;
}

}  // namespace orrery
