#include "topologies/graph.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/biconnected_components.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/push_relabel_max_flow.hpp>
#include <numeric>

namespace orrery {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using Plain = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
using Capacities = boost::adjacency_list<
    boost::vecS, boost::vecS, boost::directedS, boost::no_property,
    boost::property<boost::edge_capacity_t, std::int64_t,
                    boost::property<boost::edge_residual_capacity_t, std::int64_t,
                                    boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>>;

/// Every edge that is not down with its capacity in whole bytes a second, PCIe hops included.
template <class Visit>
void for_each_edge(const Fabric& fabric, std::int64_t endless, Visit visit) {
  for (const Link& link : fabric.links)
    if (link.capacity.value() > 0) visit(link.from, link.to, std::int64_t(link.capacity.value()));
  for (GpuIndex gpu = 0; gpu < fabric.gpus() && fabric.nics() > 0; ++gpu) {
    const VertexIndex nic = fabric.first_nic() + fabric.nic_of(gpu);
    visit(gpu, nic, endless);
    visit(nic, gpu, endless);
  }
}

Plain plain_graph(const Fabric& fabric) {
  Plain graph(fabric.vertices.size());
  for_each_edge(fabric, 0,
                [&](VertexIndex from, VertexIndex to, std::int64_t) { add_edge(from, to, graph); });
  return graph;
}

std::vector<std::uint32_t> breadth_first(const Plain& graph, VertexIndex source) {
  std::vector<std::uint32_t> hops(num_vertices(graph), unreachable);
  hops[source] = 0;
  boost::breadth_first_search(
      graph, source,
      boost::visitor(boost::make_bfs_visitor(boost::record_distances(hops.data(), boost::on_tree_edge()))));
  return hops;
}

}  // namespace

std::vector<std::uint32_t> hops_from(const Fabric& fabric, VertexIndex source) {
  return breadth_first(plain_graph(fabric), source);
}

std::uint64_t shortest_paths(const Fabric& fabric, VertexIndex from, VertexIndex to) {
  const Plain graph = plain_graph(fabric);
  const std::vector<std::uint32_t> hops = breadth_first(graph, from);
  std::vector<VertexIndex> order(hops.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](VertexIndex a, VertexIndex b) { return hops[a] < hops[b]; });
  std::vector<std::uint64_t> paths(hops.size());
  paths[from] = 1;
  for (const VertexIndex vertex : order) {
    if (hops[vertex] == unreachable) break;
    for (const auto edge : boost::make_iterator_range(out_edges(vertex, graph)))
      if (hops[target(edge, graph)] == hops[vertex] + 1) paths[target(edge, graph)] += paths[vertex];
  }
  return paths[to];
}

BytesPerSecond max_flow(const Fabric& fabric, std::span<const VertexIndex> sources,
                        std::span<const VertexIndex> sinks) {
  std::int64_t endless = 1;
  for (const Link& link : fabric.links) endless += std::int64_t(link.capacity.value());
  Capacities graph(fabric.vertices.size() + 2);
  const auto add = [&](std::size_t from, std::size_t to, std::int64_t capacity) {
    const auto forward = add_edge(from, to, graph).first, backward = add_edge(to, from, graph).first;
    put(boost::edge_capacity, graph, forward, capacity);
    put(boost::edge_capacity, graph, backward, std::int64_t(0));
    put(boost::edge_reverse, graph, forward, backward);
    put(boost::edge_reverse, graph, backward, forward);
  };
  for_each_edge(fabric, endless, add);
  const std::size_t source = fabric.vertices.size(), sink = source + 1;
  for (const VertexIndex vertex : sources) add(source, vertex, endless);
  for (const VertexIndex vertex : sinks) add(vertex, sink, endless);
  return BytesPerSecond(double(boost::push_relabel_max_flow(graph, source, sink)));
}

namespace {

constexpr VertexIndex no_vertex = UINT32_MAX;
constexpr std::size_t no_edge = SIZE_MAX;

using Undirected = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property,
                                         boost::property<boost::edge_index_t, std::size_t>>;

/// Every cable once. A link and the one back are one cable; of parallel cables each is one.
Undirected undirected_graph(const Fabric& fabric) {
  Undirected graph(fabric.vertices.size());
  std::size_t edges = 0;
  for_each_edge(fabric, 0, [&](VertexIndex from, VertexIndex to, std::int64_t) {
    if (from < to) add_edge(from, to, edges++, graph);
  });
  return graph;
}

/// GPUs apart from the largest part that stays connected without a vertex or an edge.
std::int64_t gpus_lost(const Fabric& fabric, const Undirected& graph, VertexIndex without,
                       std::size_t without_edge) {
  std::vector<bool> seen(num_vertices(graph));
  std::vector<VertexIndex> queue;
  std::int64_t all = 0, largest = 0;
  for (GpuIndex start = 0; start < fabric.gpus(); ++start) {
    if (start == without) continue;
    ++all;
    if (seen[start]) continue;
    std::int64_t here = 0;
    queue.assign(1, start);
    seen[start] = true;
    while (!queue.empty()) {
      const VertexIndex vertex = queue.back();
      queue.pop_back();
      here += vertex < fabric.gpus();
      for (const auto edge : boost::make_iterator_range(out_edges(vertex, graph))) {
        const auto next = VertexIndex(target(edge, graph));
        if (seen[next] || next == without || get(boost::edge_index, graph, edge) == without_edge) continue;
        seen[next] = true;
        queue.push_back(next);
      }
    }
    largest = std::max(largest, here);
  }
  return all - largest;
}

}  // namespace

std::vector<WeakPoint> weak_points(const Fabric& fabric) {
  const Undirected graph = undirected_graph(fabric);
  std::vector<std::size_t> component(num_edges(graph)), size(num_edges(graph));
  std::vector<VertexIndex> points;
  boost::biconnected_components(
      graph, boost::make_iterator_property_map(component.begin(), get(boost::edge_index, graph)),
      std::back_inserter(points));
  for (const std::size_t c : component) ++size[c];
  std::sort(points.begin(), points.end());
  std::vector<WeakPoint> weak;
  const std::int64_t parted = gpus_lost(fabric, graph, no_vertex, no_edge);  // With nothing lost.
  for (const VertexIndex point : points) {
    const std::int64_t lost = gpus_lost(fabric, graph, point, no_edge);
    if (lost > parted) weak.push_back({vertex_name(fabric, point), lost});
  }
  for (const auto edge : boost::make_iterator_range(edges(graph))) {
    const std::size_t index = get(boost::edge_index, graph, edge);
    if (size[component[index]] != 1) continue;
    const std::int64_t lost = gpus_lost(fabric, graph, no_vertex, index);
    if (lost <= parted) continue;
    weak.push_back({"cable " + vertex_name(fabric, VertexIndex(source(edge, graph))) + " - " +
                        vertex_name(fabric, VertexIndex(target(edge, graph))),
                    lost});
  }
  return weak;
}

}  // namespace orrery
