#include "topologies/bill.hpp"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

/// The mean of places, to the nearest rack.
struct Middle {
  double x = 0, y = 0, count = 0;
  void add(FloorPlan::Spot spot) { x += spot.x, y += spot.y, ++count; }
  FloorPlan::Spot rack() const { return {std::floor(x / count + 0.5), std::floor(y / count + 0.5)}; }
};

/// NICs, and the bonds of their ports, are in their nodes.
bool in_a_node(VertexKind kind) { return kind <= VertexKind::Bond; }

/// How many cables of one make there are, and what they come to.
struct Cables {
  BillLine line;
  void add(Meters length, const CablePrice& price) {
    ++line.count;
    line.length += length;
    line.cost += price.of(length);
  }
};

}  // namespace

FloorPlan floor_plan(const Fabric& fabric, int nodes_of_a_rack) {
  const auto of_a_rack = std::uint32_t(nodes_of_a_rack);
  std::uint32_t side = 1;
  while (std::uint64_t(side) * side * of_a_rack < fabric.nodes) ++side;
  FloorPlan plan;
  plan.vertices.resize(fabric.vertices.size());
  const VertexIndex first = fabric.first_switch();
  std::vector<Middle> below(fabric.vertices.size() - first);
  for (VertexIndex v = 0; v < fabric.vertices.size(); ++v) {
    const Vertex& vertex = fabric.vertices[v];
    if (in_a_node(vertex.kind)) {
      const std::uint32_t rack = vertex.group / of_a_rack;
      plan.vertices[v] = {double(rack % side), double(rack / side)};
    }
    if (vertex.kind == VertexKind::Nic)
      below[fabric.leaf_of_nic[v - fabric.first_nic()] - first].add(plan.vertices[v]);
    if (v < first || in_a_node(vertex.kind)) continue;
    // Lower layers come first, so that what is below has its place already.
    Middle amid = below[v - first], neighbours;
    for (LinkIndex l = fabric.trunk_begin[v - first]; l < fabric.trunk_begin[v - first + 1]; ++l) {
      const VertexIndex other = fabric.links[l].to;
      if (other > v) continue;
      neighbours.add(plan.vertices[other]);
      if (fabric.vertices[other].kind < vertex.kind) amid.add(plan.vertices[other]);
    }
    if (amid.count == 0) amid = neighbours;
    if (amid.count > 0) plan.vertices[v] = amid.rack();
  }
  return plan;
}

Meters cable_length(const FloorPlan& plan, const PriceList& prices, VertexIndex a, VertexIndex b) {
  const FloorPlan::Spot &from = plan.vertices[a], &to = plan.vertices[b];
  return prices.slack + prices.rack_pitch * (std::abs(from.x - to.x) + std::abs(from.y - to.y));
}

Dollars Bill::cost() const {
  Dollars sum{};
  for (const BillLine& line : lines) sum += line.cost;
  return sum;
}

Watts Bill::power() const {
  Watts sum{};
  for (const BillLine& line : lines) sum += line.power;
  return sum;
}

DollarsPerHour Bill::per_gpu_hour(std::int64_t gpus, Seconds paid_over) const {
  return DollarsPerHour(cost().value() / double(gpus) / (paid_over.value() / 3600));
}

Bill network_bill(const Fabric& fabric, const SwitchSpec& network_switch, const NicSpec& nic,
                  const PriceList& prices) {
  const FloorPlan plan = floor_plan(fabric, prices.nodes_of_a_rack);
  const FabricCounts counts = count(fabric);
  const double switches = double(counts.switches()), nics = double(counts.nics);
  const Dollars of_a_switch =
      prices.network_switch.value() > 0 ? prices.network_switch : network_switch.price;

  Cables trunk_copper{{.part = "copper cable between switches"}};
  Cables trunk_optical{{.part = "optical cable between switches"}};
  Cables end_copper{{.part = "copper cable to a NIC"}}, end_optical{{.part = "optical cable to a NIC"}};
  const auto lay = [&](VertexIndex a, VertexIndex b) {
    const Meters length = cable_length(plan, prices, a, b);
    const bool short_enough = length <= prices.copper_reach;
    if (in_a_node(fabric.vertices[a].kind)) {
      short_enough ? end_copper.add(length, prices.end_copper) : end_optical.add(length, prices.end_optical);
    } else {
      short_enough ? trunk_copper.add(length, prices.copper) : trunk_optical.add(length, prices.optical);
    }
  };
  for (std::uint32_t i = 0; i < fabric.nics(); ++i) {
    const VertexIndex leaf = fabric.leaf_of_nic[i];
    if (fabric.vertices[leaf].kind != VertexKind::Bond) lay(fabric.first_nic() + i, leaf);
  }
  for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l)
    if (fabric.links[l].from < fabric.links[l].to) lay(fabric.links[l].from, fabric.links[l].to);

  const std::int64_t ends = 2 * (trunk_optical.line.count + end_optical.line.count);
  Bill bill;
  bill.lines = {
      {"switch", counts.switches(), {}, of_a_switch * switches, network_switch.power * switches},
      {"NIC", counts.nics, {}, (prices.nic.value() > 0 ? prices.nic : nic.price) * nics, nic.power * nics},
      trunk_copper.line,
      trunk_optical.line,
      end_copper.line,
      end_optical.line,
      {"transceiver", ends, {}, prices.transceiver * double(ends), prices.transceiver_power * double(ends)},
  };
  std::erase_if(bill.lines, [](const BillLine& line) { return line.count == 0; });
  return bill;
}

}  // namespace orrery
