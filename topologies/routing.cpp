#include "topologies/routing.hpp"

#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

struct Range {
  LinkIndex begin, end;
};

/// Links of a switch, which are ordered by their far end: those whose far end is from `low` up to `high`.
Range links_to(const Fabric& fabric, VertexIndex from, VertexIndex low, VertexIndex high) {
  const auto bound = [&](VertexIndex limit) {
    LinkIndex begin = fabric.trunk_begin[from - fabric.first_switch()];
    LinkIndex end = fabric.trunk_begin[from - fabric.first_switch() + 1];
    while (begin < end) {
      const LinkIndex middle = begin + (end - begin) / 2;
      if (fabric.links[middle].to < limit)
        begin = middle + 1;
      else
        end = middle;
    }
    return begin;
  };
  return {bound(low), bound(high)};
}

/// Upper layers have higher vertices, so what leads up is what leads to a later one.
Range links_up(const Fabric& fabric, VertexIndex from) {
  return links_to(fabric, from, from + 1, VertexIndex(fabric.vertices.size()));
}

/// From a core to the spines of one zone. Precondition: `from` has links to spines alone.
Range links_to_zone(const Fabric& fabric, VertexIndex from, std::uint32_t zone) {
  const auto bound = [&](std::uint32_t limit) {
    LinkIndex begin = fabric.trunk_begin[from - fabric.first_switch()];
    LinkIndex end = fabric.trunk_begin[from - fabric.first_switch() + 1];
    while (begin < end) {
      const LinkIndex middle = begin + (end - begin) / 2;
      if (fabric.vertices[fabric.links[middle].to].group < limit)
        begin = middle + 1;
      else
        end = middle;
    }
    return begin;
  };
  return {bound(zone), bound(zone + 1)};
}

/// One of several, by the flow's hash and the switch that chooses. Returns where it leads.
VertexIndex take(const Fabric& fabric, Range range, std::uint64_t hash, std::vector<LinkIndex>& path) {
  ORRERY_CHECK(range.begin < range.end);
  const std::uint64_t draw = mix(hash ^ fabric.links[range.begin].from);
  const std::uint64_t count = range.end - range.begin;
  const auto chosen = LinkIndex((static_cast<unsigned __int128>(draw) * count) >> 64);
  path.push_back(range.begin + chosen);
  return fabric.links[path.back()].to;
}

void append_trunk(const Fabric& fabric, VertexIndex leaf, VertexIndex last, std::uint64_t hash,
                  std::vector<LinkIndex>& path) {
  if (leaf == last) return;
  const std::uint32_t zone = fabric.vertices[last].group;
  VertexIndex spine = take(fabric, links_up(fabric, leaf), hash, path);
  if (fabric.vertices[leaf].group != zone) {
    const VertexIndex core = take(fabric, links_up(fabric, spine), hash, path);
    spine = take(fabric, links_to_zone(fabric, core, zone), hash, path);
  }
  take(fabric, links_to(fabric, spine, last, last + 1), hash, path);
}

}  // namespace

void append_network_route(const Fabric& fabric, GpuIndex source, GpuIndex destination, std::uint64_t flow,
                          std::vector<LinkIndex>& path) {
  ORRERY_CHECK(fabric.plane_of(source) == fabric.plane_of(destination));
  const std::uint32_t from = fabric.nic_of(source), to = fabric.nic_of(destination);
  const std::uint64_t hash = mix((std::uint64_t(from) << 32 | to) ^ mix(flow));
  path.push_back(fabric.nic_out(source));
  append_trunk(fabric, fabric.leaf_of_nic[from], fabric.leaf_of_nic[to], hash, path);
  path.push_back(fabric.nic_in(destination));
}

void append_route(const Fabric& fabric, GpuIndex source, GpuIndex destination, std::uint64_t flow,
                  std::vector<LinkIndex>& path) {
  if (source == destination) return;
  if (fabric.node_of(source) == fabric.node_of(destination)) {
    path.push_back(fabric.nvlink_out(source));
    path.push_back(fabric.nvlink_in(destination));
    return;
  }
  GpuIndex sender = source;
  if (fabric.plane_of(source) != fabric.plane_of(destination)) {
    sender = fabric.gpu(fabric.node_of(source), fabric.local_of(destination));
    path.push_back(fabric.nvlink_out(source));
    path.push_back(fabric.nvlink_in(sender));
  }
  append_network_route(fabric, sender, destination, flow, path);
}

std::vector<LinkIndex> route(const Fabric& fabric, GpuIndex source, GpuIndex destination,
                             std::uint64_t flow) {
  std::vector<LinkIndex> path;
  path.reserve(8);
  append_route(fabric, source, destination, flow, path);
  return path;
}

Seconds path_latency(const Fabric& fabric, const std::vector<LinkIndex>& path) {
  Seconds sum{};
  for (const LinkIndex link : path) sum += fabric.links[link].latency;
  return sum;
}

}  // namespace orrery
