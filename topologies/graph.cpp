#include "topologies/graph.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
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

/// Every edge with its capacity in whole bytes a second, PCIe hops included.
template <class Visit>
void for_each_edge(const Fabric& fabric, std::int64_t endless, Visit visit) {
  for (const Link& link : fabric.links) visit(link.from, link.to, std::int64_t(link.capacity.value()));
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

}  // namespace orrery
