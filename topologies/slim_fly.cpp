#include <algorithm>
#include <vector>

#include "topologies/catalog.hpp"
#include "topologies/galois_field.hpp"
#include "topologies/wiring.hpp"

namespace orrery {
namespace {

constexpr std::uint32_t largest_q = 128;

/// q = 4 w + delta.
int delta_of(std::uint32_t q) { return q % 4 == 3 ? -1 : int(q % 4); }
bool has_graph(std::uint32_t q) { return q >= 3 && q <= largest_q && GaloisField::is_prime_power(q); }
std::uint32_t degree_of(std::uint32_t q) { return std::uint32_t(3 * int(q) - delta_of(q)) / 2; }

/// The smallest that holds the nodes with half as many NICs on a switch as it has cables, if the request
/// names none.
struct SlimFly {
  std::uint32_t q = 0, nics_of_a_switch = 0;

  explicit SlimFly(const FabricRequest& request) {
    if (!request.shape.empty()) {
      q = std::uint32_t(request.shape[0]);
      nics_of_a_switch = request.shape.size() > 1 ? std::uint32_t(request.shape[1]) : (degree_of(q) + 1) / 2;
      return;
    }
    const auto nics = std::uint64_t(request.nodes) * std::uint64_t(request.nics_per_node);
    for (q = 3; q <= largest_q; ++q) {
      if (!has_graph(q)) continue;
      nics_of_a_switch = (degree_of(q) + 1) / 2;
      if (room() >= nics) return;
    }
  }
  std::uint64_t room() const { return std::uint64_t(2) * q * q * nics_of_a_switch; }
};

/// The two sets of differences, closed under negation, of which each joins the switches of a column.
struct Generators {
  std::vector<std::uint32_t> first, second;

  explicit Generators(const GaloisField& field) {
    const std::uint32_t q = field.size();
    const auto powers = [&](std::uint32_t begin, std::uint32_t end, std::vector<std::uint32_t>& set) {
      for (std::uint32_t i = begin; i <= end; i += 2) set.push_back(field.power_of_generator(i));
    };
    if (q % 4 == 3) {
      const std::uint32_t w = (q + 1) / 4;
      powers(0, 2 * w - 2, first), powers(2 * w - 1, 4 * w - 3, first);
      powers(1, 2 * w - 1, second), powers(2 * w, 4 * w - 2, second);
    } else {
      powers(0, q % 4 == 1 ? q - 3 : q - 2, first);
      powers(1, q % 4 == 1 ? q - 2 : q - 1, second);
    }
  }
};

bool contains(const std::vector<std::uint32_t>& set, std::uint32_t value) {
  return std::find(set.begin(), set.end(), value) != set.end();
}

}  // namespace

ClosedCounts slim_fly_counts(std::uint32_t q) {
  const std::int64_t switches = std::int64_t(2) * q * q, degree = degree_of(q);
  return {switches * ((degree + 1) / 2), switches, switches * degree / 2};
}

Findings check_slim_fly(const FabricRequest& request) {
  Findings findings = check_request(request, {.fewest_sizes = 1, .most_sizes = 2});
  if (!findings.empty()) return findings;
  if (!request.shape.empty() && !has_graph(std::uint32_t(request.shape[0]))) {
    const auto wanted = std::uint32_t(std::min<int>(request.shape[0], largest_q));
    std::uint32_t near = std::max(wanted, 3u);
    while (near < largest_q && !has_graph(near)) ++near;
    findings.push_back({"cluster.shape", "no slim fly of q = " + std::to_string(request.shape[0]),
                        "q is a prime power from 3 to 128; the next is " + std::to_string(near)});
    return findings;
  }
  const SlimFly s(request);
  return check_direct(request, {.name = "slim fly",
                                .ports = degree_of(s.q) + s.nics_of_a_switch,
                                .room = s.room(),
                                .remedy = "a larger q, or more NICs of a switch"});
}

/// A slim fly: the McKay-Miller-Siran graph of a prime power q = 4 w + d, d in {-1, 0, 1}, over the field of
/// q elements with generator xi. Two blocks of q columns of q switches:
///
///   (0, x, y) -- (0, x, y')   where y - y' is in X          X: powers of xi with even exponents,
///   (1, m, c) -- (1, m, c')   where c - c' is in X'         X' odd ones, each closed under negation
///   (0, x, y) -- (1, m, c)    where y = m x + c
///
/// Formulas   2 q^2 switches of (3 q - d) / 2 cables each; diameter two; half as many NICs a switch.
/// Source     Besta, Hoefler, Slim Fly: A Cost Effective Low-Diameter Network Topology, SC 2014; McKay,
/// Miller,
///            Siran, 1998; generator sets: Hafner, 2004. The 1,568 switches of arXiv 2505.09343 Table 3 are
///            the formulas at q = 28, which is no prime power: no such graph exists.
/// Checked    degree and diameter of every q up to 32 by breadth-first search.
Fabric build_slim_fly(const FabricRequest& request) {
  const SlimFly s(request);
  const std::uint32_t q = s.q;
  const GaloisField field(q);
  const Generators generators(field);
  const auto place = [q](std::uint32_t block, std::uint32_t column, std::uint32_t row) {
    return (block * q + column) * q + row;
  };
  Wiring wiring;
  for (std::uint32_t column = 0; column < 2 * q; ++column)
    for (std::uint32_t row = 0; row < q; ++row) wiring.switches.push_back({VertexKind::Leaf, column, row});
  for (std::uint32_t block = 0; block < 2; ++block)
    for (std::uint32_t column = 0; column < q; ++column)
      for (std::uint32_t a = 0; a < q; ++a)
        for (std::uint32_t b = a + 1; b < q; ++b)
          if (contains(block == 0 ? generators.first : generators.second, field.add(a, field.negative(b))))
            wiring.cables.push_back({place(block, column, a), place(block, column, b)});
  for (std::uint32_t x = 0; x < q; ++x)
    for (std::uint32_t m = 0; m < q; ++m)
      for (std::uint32_t c = 0; c < q; ++c)
        wiring.cables.push_back({place(0, x, field.add(field.multiply(m, x), c)), place(1, m, c)});
  fill_with_nics(wiring, request, s.nics_of_a_switch);
  return make_fabric(request, "slim-fly", wiring);
}

}  // namespace orrery
