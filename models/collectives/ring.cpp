// Rings through all GPUs, one a NIC of a node, each with its part of the bytes.
//
//   node 0   in by NIC a, over NVLink through all others, out by NIC a + 1
//   node 1   in by NIC a + 1, ...,                        out by NIC a     so that a hop stays on its rail
//
// A node that is alone has one ring over NVLink.
#include <algorithm>

#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

constexpr std::int64_t chunk_bytes = 512 << 10;  // NCCL's default for its simple protocol.

int rings_of(const Fabric& fabric) { return fabric.nodes > 1 ? int(fabric.nics_per_node) : 1; }

/// All GPUs in the order of one ring.
std::vector<GpuIndex> ring_order(const Fabric& fabric, int ring) {
  const std::uint32_t gpus = fabric.gpus_per_node;
  const std::uint32_t first = std::uint32_t(ring) * (gpus / std::max(1u, fabric.nics_per_node));
  std::vector<std::uint32_t> inside;  // From `first` downwards and round, to the one above it.
  for (std::uint32_t g = 0; g < gpus; ++g) inside.push_back((first + gpus - g) % gpus);
  std::vector<GpuIndex> order;
  for (std::uint32_t node = 0; node < fabric.nodes; ++node) {
    for (std::uint32_t g = 0; g < gpus; ++g)
      order.push_back(fabric.gpu(node, node % 2 == 0 ? inside[g] : inside[gpus - 1 - g]));
  }
  return order;
}

/// Every GPU hands on `each` bytes on every ring at once.
Round turn(const CollectiveRequest& request, Bytes each, std::int64_t repeats) {
  Round round{{}, repeats};
  for (int ring = 0; ring < rings_of(request.fabric()); ++ring) {
    const std::vector<GpuIndex> order = ring_order(request.fabric(), ring);
    for (std::size_t i = 0; i < order.size(); ++i)
      add_message(round.plan, request.router, order[i], order[(i + 1) % order.size()], each);
  }
  return round;
}

Bytes part(Bytes bytes, std::int64_t of) { return Bytes((bytes.value() + of - 1) / of); }

}  // namespace

void ring_all_gather(const CollectiveRequest& request, const RoundSink& sink) {
  const std::int64_t n = request.ranks();
  if (n > 1) sink(turn(request, part(request.bytes, n * rings_of(request.fabric())), n - 1));
}

void ring_reduce_scatter(const CollectiveRequest& request, const RoundSink& sink) {
  ring_all_gather(request, sink);  // The same messages, the other way round.
}

void ring_all_reduce(const CollectiveRequest& request, const RoundSink& sink) {
  ring_reduce_scatter(request, sink);
  ring_all_gather(request, sink);
}

void ring_broadcast(const CollectiveRequest& request, const RoundSink& sink) {
  const std::int64_t n = request.ranks(), rings = rings_of(request.fabric());
  if (n < 2) return;
  const std::int64_t chunks = std::max<std::int64_t>(1, request.bytes.value() / (rings * chunk_bytes));
  sink(turn(request, part(request.bytes, rings * chunks), n - 2 + chunks));
}

}  // namespace orrery
