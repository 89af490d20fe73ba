// Two levels: NVLink inside the nodes, a ring a rail between them. With g GPUs a node and n nodes:
//
//   reduce-scatter in the node   every GPU sends 1 / g of the bytes to each peer
//   ring of the rail             over 1 / g of the bytes, in n parts
//   all-gather in the node       as the first, the other way round
#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

Bytes part(Bytes bytes, std::int64_t of) { return Bytes((bytes.value() + of - 1) / of); }

/// Every GPU sends as much to each peer of its node.
Round in_node(const CollectiveRequest& request, Bytes each) {
  const Fabric& fabric = request.fabric();
  Round round;
  for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu)
    for (std::uint32_t peer = 0; peer < fabric.gpus_per_node; ++peer)
      add_message(round.plan, request.router, gpu, fabric.gpu(fabric.node_of(gpu), peer), each);
  return round;
}

/// Every GPU sends to the one in its place in the next node.
Round along_rails(const CollectiveRequest& request, Bytes each, std::int64_t repeats) {
  const Fabric& fabric = request.fabric();
  Round round{{}, repeats};
  for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu)
    add_message(round.plan, request.router, gpu, (gpu + fabric.gpus_per_node) % fabric.gpus(), each);
  return round;
}

Bytes of_a_gpu(const CollectiveRequest& request) {
  return part(request.bytes, request.fabric().gpus_per_node);
}

void rails(const CollectiveRequest& request, const RoundSink& sink, std::int64_t passes) {
  const std::int64_t nodes = request.fabric().nodes;
  sink(along_rails(request, part(request.bytes, nodes * request.fabric().gpus_per_node),
                   passes * (nodes - 1)));
}

}  // namespace

Findings check_several_nodes(const Fabric& fabric) {
  if (fabric.nodes > 1) return {};
  return {{"cluster.nodes", "one node has no network to cross", "two nodes or more, or ring"}};
}

void hierarchical_all_reduce(const CollectiveRequest& request, const RoundSink& sink) {
  sink(in_node(request, of_a_gpu(request)));
  rails(request, sink, 2);
  sink(in_node(request, of_a_gpu(request)));
}

void hierarchical_all_gather(const CollectiveRequest& request, const RoundSink& sink) {
  rails(request, sink, 1);
  sink(in_node(request, of_a_gpu(request)));
}

void hierarchical_reduce_scatter(const CollectiveRequest& request, const RoundSink& sink) {
  sink(in_node(request, of_a_gpu(request)));
  rails(request, sink, 1);
}

}  // namespace orrery
