#include "topologies/routing.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "sim/check.hpp"
#include "topologies/networks.hpp"

namespace orrery {
namespace {

constexpr std::array kinds{
    RoutingKind{"ecmp", "a minimal path by a hash of the flow", RoutingPolicy::Ecmp},
    RoutingKind{"static", "a minimal path by the destination alone (d-mod-k)", RoutingPolicy::Static},
    RoutingKind{"adaptive", "the least loaded minimal path when the flow starts", RoutingPolicy::Adaptive},
    RoutingKind{"valiant", "minimal to a switch drawn by the flow's hash, and on from there",
                RoutingPolicy::Valiant},
    RoutingKind{"tables", "as the forwarding tables of cluster.forwarding say", RoutingPolicy::Tables},
    RoutingKind{"ugal", "the minimal path, or Valiant's where that one is less loaded", RoutingPolicy::Ugal},
};

constexpr std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

std::size_t scaled(std::uint64_t draw, std::size_t count) {
  return std::size_t((static_cast<unsigned __int128>(draw) * count) >> 64);
}

}  // namespace

std::span<const RoutingKind> routing_kinds() { return kinds; }

const RoutingKind* find_routing(std::string_view name) {
  for (const RoutingKind& kind : kinds)
    if (kind.name == name) return &kind;
  return nullptr;
}

Router::Router(const Fabric& fabric, RoutingPolicy policy, const FlowNetwork* network)
    : fabric_(&fabric), policy_(policy), network_(network), leaves_(fabric.leaf_of_nic) {
  ORRERY_CHECK(policy != RoutingPolicy::Tables || !fabric.forwarding.empty());
  const std::size_t switches = fabric.vertices.size() - fabric.first_switch();
  toward_.resize(switches);
  best_.resize(switches);
  std::sort(leaves_.begin(), leaves_.end());
  leaves_.erase(std::unique(leaves_.begin(), leaves_.end()), leaves_.end());
  std::vector<std::uint32_t> next(switches, 0);
  for (const VertexIndex leaf : fabric.leaf_of_nic) ++next[leaf - fabric.first_switch()];
  std::exclusive_scan(next.begin(), next.end(), next.begin(), 0u);
  for (const VertexIndex leaf : fabric.leaf_of_nic)
    number_of_nic_.push_back(next[leaf - fabric.first_switch()]++);
  const auto down = [](const Link& link) { return link.capacity.value() <= 0; };
  if (std::any_of(fabric.links.begin(), fabric.links.end(), down)) networks_ = networks_of_nics(fabric);
}

bool Router::connected(GpuIndex a, GpuIndex b) const {
  if (networks_.empty()) return fabric_->plane_of(a) == fabric_->plane_of(b);
  const std::uint32_t network = networks_[fabric_->nic_of(a)];
  return network != cut_off && network == networks_[fabric_->nic_of(b)];
}

// Every cable is two links, so that what leads to a switch is known from what leaves it.
std::span<const std::uint16_t> Router::distances_to(VertexIndex destination) {
  const VertexIndex first = fabric_->first_switch();
  std::vector<std::uint16_t>& row = toward_[destination - first];
  if (!row.empty()) return row;
  row.assign(toward_.size(), no_way);
  queue_.assign(1, destination);
  row[destination - first] = 0;
  for (std::size_t next = 0; next < queue_.size(); ++next) {
    const VertexIndex at = queue_[next];
    const LinkIndex end = fabric_->trunk_begin[at - first + 1];
    for (LinkIndex link = fabric_->trunk_begin[at - first]; link < end; ++link) {
      const VertexIndex to = fabric_->links[link].to;
      if (row[to - first] != no_way || fabric_->links[link].capacity.value() <= 0) continue;
      row[to - first] = std::uint16_t(row[at - first] + 1);
      queue_.push_back(to);
    }
  }
  return row;
}

void Router::gather(VertexIndex at, std::span<const std::uint16_t> toward) {
  const VertexIndex first = fabric_->first_switch();
  const auto nearer = std::uint16_t(toward[at - first] - 1);
  choices_.clear();
  const LinkIndex end = fabric_->trunk_begin[at - first + 1];
  for (LinkIndex link = fabric_->trunk_begin[at - first]; link < end; ++link)
    if (toward[fabric_->links[link].to - first] == nearer && fabric_->links[link].capacity.value() > 0)
      choices_.push_back(link);
  ORRERY_CHECK(!choices_.empty());
}

void Router::append_minimal(const Trip& trip, std::vector<LinkIndex>& path) {
  std::uint32_t digits = trip.number;
  const std::span<const std::uint16_t> toward = distances_to(trip.to);
  for (VertexIndex at = trip.from; at != trip.to; at = fabric_->links[path.back()].to) {
    gather(at, toward);
    const auto count = std::uint32_t(choices_.size());
    std::size_t chosen = scaled(mix(trip.hash ^ at), count);
    if (policy_ == RoutingPolicy::Static) {
      const bool side_by_side = fabric_->links[choices_.front()].to == fabric_->links[choices_.back()].to;
      chosen = (side_by_side ? trip.number : digits) % count;
      if (!side_by_side) digits /= count;  // Only a choice of switches uses a digit up.
    }
    path.push_back(choices_[chosen]);
  }
}

double Router::load(LinkIndex link) const {
  return network_ ? double(network_->crossing(link)) / fabric_->links[link].capacity.value() : 0;
}

double Router::fullest(std::span<const LinkIndex> links) const {
  double most = 0;
  for (const LinkIndex link : links) most = std::max(most, load(link));
  return most;
}

// Readers of tables have followed every way to its end.
void Router::append_by_tables(const Trip& trip, std::vector<LinkIndex>& path) {
  const VertexIndex first = fabric_->first_switch();
  for (VertexIndex at = trip.from; at != trip.to; at = fabric_->links[path.back()].to)
    path.push_back(fabric_->forwarding[std::size_t(at - first) * fabric_->nics() + trip.nic]);
}

// Breadth first over the switches of all minimal paths, each with the smallest possible load of the fullest
// cable on the way to it. Who is met first stays where loads are equal; the flow's hash says who that is.
void Router::append_least_loaded(const Trip& trip, std::vector<LinkIndex>& path) {
  const VertexIndex first = fabric_->first_switch();
  const std::span<const std::uint16_t> toward = distances_to(trip.to);
  ++searches_;
  queue_.assign(1, trip.from);
  best_[trip.from - first] = {searches_, 0, 0};
  for (std::size_t next = 0; next < queue_.size(); ++next) {
    const VertexIndex at = queue_[next];
    if (at == trip.to) break;
    gather(at, toward);
    const std::size_t turn = scaled(mix(trip.hash ^ at), choices_.size());
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      const LinkIndex link = choices_[(turn + i) % choices_.size()];
      const double worst = std::max(best_[at - first].load, load(link));
      Best& there = best_[fabric_->links[link].to - first];
      if (there.seen != searches_) {
        there = {searches_, worst, link};
        queue_.push_back(fabric_->links[link].to);
      } else if (worst < there.load) {
        there = {searches_, worst, link};
      }
    }
  }
  const std::size_t begin = path.size();
  for (VertexIndex at = trip.to; at != trip.from; at = fabric_->links[path.back()].from)
    path.push_back(best_[at - first].arrived_by);
  std::reverse(path.begin() + std::ptrdiff_t(begin), path.end());
}

// No cable comes twice: one that lies on a shortest way to the middle and on a shortest way back from it
// would make that way back longer than turning round at its near end.
void Router::append_through(const Trip& trip, VertexIndex middle, std::vector<LinkIndex>& path) {
  append_minimal({trip.from, middle, trip.hash, trip.number, trip.nic}, path);
  append_minimal({middle, trip.to, trip.hash, trip.number, trip.nic}, path);
}

/// Leaves of other planes cannot be reached: drawn again.
VertexIndex Router::drawn_middle(const Trip& trip) {
  const std::span<const std::uint16_t> toward = distances_to(trip.to);
  for (std::uint64_t draw = mix(~trip.hash);; draw = mix(draw)) {
    const VertexIndex middle = leaves_[scaled(draw, leaves_.size())];
    if (toward[middle - fabric_->first_switch()] != no_way) return middle;
  }
}

void Router::append_trunk(const Trip& trip, std::vector<LinkIndex>& path) {
  switch (policy_) {
    case RoutingPolicy::Ecmp:
    case RoutingPolicy::Static:
      append_minimal(trip, path);
      return;
    case RoutingPolicy::Tables:
      append_by_tables(trip, path);
      return;
    case RoutingPolicy::Adaptive:
      append_least_loaded(trip, path);
      return;
    case RoutingPolicy::Valiant:
      append_through(trip, drawn_middle(trip), path);
      return;
    case RoutingPolicy::Ugal: {
      minimal_.clear(), valiant_.clear();
      append_minimal(trip, minimal_);
      append_through(trip, drawn_middle(trip), valiant_);
      const double straight = fullest(minimal_) * double(minimal_.size());
      const double around = fullest(valiant_) * double(valiant_.size());
      const std::vector<LinkIndex>& better = around < straight ? valiant_ : minimal_;
      path.insert(path.end(), better.begin(), better.end());
      return;
    }
  }
}

void Router::append_network_route(GpuIndex source, GpuIndex destination, std::uint64_t flow,
                                  std::vector<LinkIndex>& path) {
  ORRERY_CHECK(connected(source, destination));
  const std::uint32_t from = fabric_->nic_of(source), to = fabric_->nic_of(destination);
  path.push_back(fabric_->nic_out(source));
  const Trip trip{fabric_->leaf_of_nic[from], fabric_->leaf_of_nic[to],
                  mix((std::uint64_t(from) << 32 | to) ^ mix(flow)), number_of_nic_[to], to};
  if (trip.from != trip.to) append_trunk(trip, path);
  path.push_back(fabric_->nic_in(destination));
}

void Router::append_route(GpuIndex source, GpuIndex destination, std::uint64_t flow,
                          std::vector<LinkIndex>& path) {
  if (source == destination) return;
  const Fabric& fabric = *fabric_;
  if (fabric.node_of(source) == fabric.node_of(destination)) {
    path.push_back(fabric.nvlink_out(source));
    path.push_back(fabric.nvlink_in(destination));
    return;
  }
  // NVLink leads to the GPU that shares the destination's NIC, or to another that still has a way.
  GpuIndex sender = source;
  if (!connected(source, destination)) {
    sender = fabric.gpu(fabric.node_of(source), fabric.local_of(destination));
    if (!connected(sender, destination)) return append_rail_route(source, destination, flow, path);
    path.push_back(fabric.nvlink_out(source));
    path.push_back(fabric.nvlink_in(sender));
  }
  append_network_route(sender, destination, flow, path);
}

void Router::append_rail_route(GpuIndex source, GpuIndex destination, std::uint64_t flow,
                               std::vector<LinkIndex>& path) {
  if (connected(source, destination)) return append_network_route(source, destination, flow, path);
  const Fabric& fabric = *fabric_;
  const std::uint32_t each = fabric.gpus_per_node / fabric.nics_per_node;
  const auto on_rail = [&](GpuIndex gpu, std::uint32_t rail) {
    return fabric.rail_of(gpu) == rail ? gpu : fabric.gpu(fabric.node_of(gpu), rail * each);
  };
  choices_.clear();
  for (std::uint32_t rail = 0; rail < fabric.nics_per_node; ++rail)
    if (connected(on_rail(source, rail), on_rail(destination, rail))) choices_.push_back(rail);
  ORRERY_CHECK(!choices_.empty());
  const std::uint64_t hash = mix((std::uint64_t(source) << 32 | destination) ^ mix(~flow));
  const std::uint32_t rail = choices_[scaled(hash, choices_.size())];
  const GpuIndex sender = on_rail(source, rail), receiver = on_rail(destination, rail);
  if (sender != source) path.insert(path.end(), {fabric.nvlink_out(source), fabric.nvlink_in(sender)});
  append_network_route(sender, receiver, flow, path);
  if (receiver != destination)
    path.insert(path.end(), {fabric.nvlink_out(receiver), fabric.nvlink_in(destination)});
}

std::vector<LinkIndex> Router::route(GpuIndex source, GpuIndex destination, std::uint64_t flow) {
  std::vector<LinkIndex> path;
  path.reserve(8);
  append_route(source, destination, flow, path);
  return path;
}

Seconds path_latency(const Fabric& fabric, const std::vector<LinkIndex>& path) {
  Seconds sum{};
  for (const LinkIndex link : path) sum += fabric.links[link].latency;
  return sum;
}

}  // namespace orrery
