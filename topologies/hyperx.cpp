#include "topologies/catalog.hpp"
#include "topologies/grid.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

/// The smallest square with as many NICs on a switch as a side is long, if the request names none.
struct HyperX {
  std::uint32_t nics_of_a_switch = 0;
  Grid grid;

  explicit HyperX(const FabricRequest& request) {
    if (!request.shape.empty()) {
      nics_of_a_switch = std::uint32_t(request.shape[0]);
      for (std::size_t d = 1; d < request.shape.size(); ++d)
        grid.sizes.push_back(std::uint32_t(request.shape[d]));
      return;
    }
    const auto nics = std::uint64_t(request.nodes) * std::uint64_t(request.nics_per_node);
    std::uint32_t side = 1;
    while (std::uint64_t(side) * side * side < nics) ++side;
    nics_of_a_switch = side;
    grid.sizes = {side, side};
  }
  std::uint64_t room() const { return grid.count() * nics_of_a_switch; }
  std::uint32_t ports() const {
    std::uint32_t all = nics_of_a_switch;
    for (const std::uint32_t size : grid.sizes) all += size - 1;
    return all;
  }
};

constexpr std::uint64_t most_switches = 1 << 20;

}  // namespace

Findings check_hyperx(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 2, .most_sizes = 5});
  if (!findings.empty()) return findings;
  const HyperX h(request);
  findings = check_direct(request, {.name = "HyperX",
                                    .ports = h.ports(),
                                    .room = h.room(),
                                    .remedy = "more switches along a dimension, or NICs of a switch"});
  if (findings.empty() && h.grid.count() > most_switches)
    findings.push_back({"cluster.shape", std::to_string(h.grid.count()) + " switches",
                        "at most " + std::to_string(most_switches)});
  return findings;
}

/// A HyperX: switches in a grid, each cabled to all others that differ in one coordinate, p NICs on each.
///
///   2-D     every row and every column a full mesh                 diameter: the number of dimensions
///
/// Formulas   L1 L2 ... switches of sum (L - 1) cables; half the grid along an even dimension L is joined to
/// the
///            other by (L / 2)^2 cables for every place in the other dimensions.
/// Source     Ahn, Binkert, Davis, McLaren, Schreiber, HyperX: Topology, Routing, and Packaging, SC 2009.
/// Checked    counts, diameter and bisection by these formulas.
Fabric build_hyperx(const FabricRequest& request) {
  const HyperX h(request);
  const auto switches = std::uint32_t(h.grid.count());
  Wiring wiring;
  for (std::uint32_t place = 0; place < switches; ++place)
    wiring.switches.push_back({VertexKind::Leaf, place / h.grid.sizes[0], place % h.grid.sizes[0]});
  for (std::uint32_t place = 0; place < switches; ++place)
    for (std::size_t d = 0; d < h.grid.sizes.size(); ++d)
      for (std::uint32_t to = h.grid.coordinate(place, d) + 1; to < h.grid.sizes[d]; ++to)
        wiring.cables.push_back({place, h.grid.moved(place, d, to)});
  fill_with_nics(wiring, request, h.nics_of_a_switch);
  return make_fabric(request, "hyperx", wiring);
}

}  // namespace orrery
