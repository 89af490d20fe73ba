#include "topologies/tree.hpp"

namespace orrery {

LeafPorts leaf_ports(const FabricRequest& request) {
  const auto up = std::uint32_t(request.switch_ports / (1 + request.oversubscription) + 1e-9);
  return {std::uint32_t(up * request.oversubscription + 1e-9), up};
}

void wire_tree(Wiring& wiring, const TreeShape& shape) {
  const auto first = std::uint32_t(wiring.switches.size());
  for (std::uint32_t zone = 0; zone < shape.zones(); ++zone)
    for (std::uint32_t leaf = 0; leaf < shape.leaves_in(zone); ++leaf)
      wiring.switches.push_back({VertexKind::Leaf, zone, leaf});
  for (std::uint32_t zone = 0; zone < shape.zones(); ++zone)
    for (std::uint32_t spine = 0; spine < shape.spines_of_a_zone(); ++spine)
      wiring.switches.push_back({VertexKind::Spine, zone, spine});
  for (std::uint32_t core = 0; core < shape.cores(); ++core)
    wiring.switches.push_back({VertexKind::Core, 0, core});

  const std::uint32_t spines = first + shape.leaves, cores = spines + shape.spines();
  for (std::uint32_t zone = 0; zone < shape.zones(); ++zone)
    deal_cables(wiring, first + zone * shape.zone_leaves, shape.leaves_in(zone), shape.uplinks,
                spines + zone * shape.spines_of_a_zone(), shape.spines_of_a_zone());
  // Spine j of every zone to the cores of j: dealt in one go over the zones, so that cores fill evenly.
  const std::uint32_t half = shape.ports / 2;
  for (std::uint32_t spine = 0; spine < shape.spines_of_a_zone() && shape.three_layers(); ++spine)
    for (std::uint32_t cable = 0; cable < shape.zones() * half; ++cable)
      wiring.cables.push_back({spines + cable / half * shape.spines_of_a_zone() + spine,
                               cores + spine * shape.cores_of_a_spine() + cable % shape.cores_of_a_spine()});
}

}  // namespace orrery
