// Two binary trees over the nodes, each with half of the bytes: a node that is a leaf in one is inside the
// other (Sanders, Speck, Traeff 2009; NCCL since 2.4). Inside a node the GPUs are a chain behind the one
// whose NIC the tree uses. Sums go up while results come down, chunk behind chunk.
#include <algorithm>
#include <bit>

#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

constexpr std::int64_t chunk_bytes = 512 << 10;

/// The parent of `node` in a tree of `nodes`: an in-order binary tree whose root is 0.
std::uint32_t parent_of(std::uint32_t node, std::uint32_t nodes) {
  const std::uint32_t bit = node & (~node + 1);  // Height of the node.
  const std::uint32_t up = (node ^ bit) | (bit << 1);
  return up >= nodes ? node ^ bit : up;
}

}  // namespace

void tree_all_reduce(const CollectiveRequest& request, const RoundSink& sink) {
  const Fabric& fabric = request.fabric();
  const std::uint32_t nodes = fabric.nodes, gpus = fabric.gpus_per_node;
  const std::int64_t trees = 2 * std::int64_t(fabric.nics_per_node);
  const std::int64_t of_a_tree = (request.bytes.value() + trees - 1) / trees;
  const std::int64_t chunks = std::max<std::int64_t>(1, of_a_tree / chunk_bytes);
  const std::int64_t way_up = std::int64_t(std::bit_width(nodes)) + gpus - 1;  // Steps of one chunk.
  const Bytes chunk((of_a_tree + chunks - 1) / chunks);
  Round round{{}, chunks + 2 * way_up - 1};
  const auto both_ways = [&](GpuIndex a, GpuIndex b) {
    add_message(round.plan, request.router, a, b, chunk);
    add_message(round.plan, request.router, b, a, chunk);
  };
  for (std::uint32_t rail = 0; rail < fabric.nics_per_node; ++rail) {
    const std::uint32_t head = rail * (gpus / fabric.nics_per_node);
    for (const std::uint32_t shift : {0u, 1u}) {  // The second tree is the first one, a node on.
      for (std::uint32_t node = 0; node < nodes; ++node) {
        const std::uint32_t place = (node + shift) % nodes;
        for (std::uint32_t g = 0; g + 1 < gpus; ++g)
          both_ways(fabric.gpu(place, (head + g) % gpus), fabric.gpu(place, (head + g + 1) % gpus));
        if (node == 0) continue;
        both_ways(fabric.gpu(place, head), fabric.gpu((parent_of(node, nodes) + shift) % nodes, head));
      }
    }
  }
  sink(std::move(round));
}

}  // namespace orrery
