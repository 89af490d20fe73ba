#include "topologies/catalog.hpp"
#include "topologies/grid.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

/// Of three dimensions that hold the nodes, those with the fewest switches, then the shortest longest side,
/// if the request names none.
Grid torus_of(const FabricRequest& request) {
  Grid grid;
  if (!request.shape.empty()) {
    for (const int size : request.shape) grid.sizes.push_back(std::uint32_t(size));
    return grid;
  }
  const auto nodes = std::uint32_t(request.nodes);
  std::uint64_t fewest = UINT64_MAX;
  for (std::uint32_t c = 1; std::uint64_t(c) * c * c <= 2 * std::uint64_t(nodes); ++c) {
    for (std::uint32_t b = c; std::uint64_t(b) * b * c <= 2 * std::uint64_t(nodes); ++b) {
      const std::uint32_t a = std::max(b, (nodes + b * c - 1) / (b * c));
      const std::uint64_t count = std::uint64_t(a) * b * c;
      if (count < fewest || (count == fewest && a < grid.sizes[0])) {
        fewest = count;
        grid.sizes = {a, b, c};
      }
    }
  }
  return grid;
}

}  // namespace

Findings check_torus(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 2, .most_sizes = 3});
  if (!findings.empty()) return findings;
  const Grid grid = torus_of(request);
  if (grid.count() < std::uint64_t(request.nodes) || grid.count() > 1 << 20) {
    findings.push_back(
        {"cluster.shape",
         std::to_string(request.nodes) + " nodes, and room for " + std::to_string(grid.count()),
         "sizes whose product is at least the nodes"});
  }
  std::size_t cables = 0;
  for (const std::uint32_t size : grid.sizes) cables += size > 2 ? 2 : size - 1;
  const std::size_t ports = std::size_t(request.nics_per_node) + cables;
  if (ports > std::size_t(request.switch_ports)) {
    findings.push_back({"cluster.switch", "a switch of this torus needs " + std::to_string(ports) + " ports",
                        "at most the " + std::to_string(request.switch_ports) + " that it has"});
  }
  return findings;
}

/// A torus of two or three dimensions: a switch a node, cabled to the next along each dimension, and the last
/// to the first where a dimension has more than two.
///
/// Formulas   product of the sizes switches; a cable a switch and dimension (of size above two); diameter the
/// sum
///            of half the sizes; two cables for every place in the other dimensions join the halves.
/// Source     Dally, Seitz, The torus routing chip, 1986; as in Cray's Gemini and Google's TPU pods.
/// Checked    counts, diameter and bisection by these formulas.
Fabric build_torus(const FabricRequest& request) {
  const Grid grid = torus_of(request);
  const auto switches = std::uint32_t(grid.count());
  Wiring wiring;
  for (std::uint32_t place = 0; place < switches; ++place)
    wiring.switches.push_back({VertexKind::Leaf, place / grid.sizes[0], place % grid.sizes[0]});
  for (std::uint32_t place = 0; place < switches; ++place) {
    for (std::size_t d = 0; d < grid.sizes.size(); ++d) {
      const std::uint32_t at = grid.coordinate(place, d), size = grid.sizes[d];
      if (at + 1 < size) wiring.cables.push_back({place, grid.moved(place, d, at + 1)});
      if (at + 1 == size && size > 2) wiring.cables.push_back({grid.moved(place, d, 0), place});
    }
  }
  fill_with_nics(wiring, request, std::uint32_t(request.nics_per_node));
  return make_fabric(request, "torus", wiring);
}

}  // namespace orrery
