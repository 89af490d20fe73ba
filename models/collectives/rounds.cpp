#include "models/collectives/rounds.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace orrery {
namespace {

Findings nothing(const Fabric&) { return {}; }

constexpr std::array algorithms{
    CollectiveAlgorithm{"ring", "rings through all GPUs, one a NIC of a node, as NCCL lays them",
                        Collective::AllReduce, nothing, ring_all_reduce},
    CollectiveAlgorithm{"tree", "two binary trees over the nodes, half the bytes each, chains inside",
                        Collective::AllReduce, check_several_nodes, tree_all_reduce},
    CollectiveAlgorithm{"halving_doubling", "recursive halving, then doubling; a power of two of GPUs",
                        Collective::AllReduce, check_halving, halving_doubling_all_reduce},
    CollectiveAlgorithm{"hierarchical", "reduce-scatter in the node, a ring a rail, all-gather in the node",
                        Collective::AllReduce, check_several_nodes, hierarchical_all_reduce},
    CollectiveAlgorithm{"in_network", "switches add up: a leaf sends one copy on, a spine answers to all",
                        Collective::AllReduce, check_in_network, in_network_all_reduce},
    CollectiveAlgorithm{"ring", "rings through all GPUs", Collective::AllGather, nothing, ring_all_gather},
    CollectiveAlgorithm{"hierarchical", "a ring a rail, then all-gather in the node", Collective::AllGather,
                        check_several_nodes, hierarchical_all_gather},
    CollectiveAlgorithm{"ring", "rings through all GPUs", Collective::ReduceScatter, nothing,
                        ring_reduce_scatter},
    CollectiveAlgorithm{"hierarchical", "reduce-scatter in the node, then a ring a rail",
                        Collective::ReduceScatter, check_several_nodes, hierarchical_reduce_scatter},
    CollectiveAlgorithm{"flat", "every GPU to every other at once", Collective::AllToAll, check_flat,
                        flat_all_to_all},
    CollectiveAlgorithm{"pairwise", "round i: to the GPU i places on", Collective::AllToAll, nothing,
                        pairwise_all_to_all},
    CollectiveAlgorithm{"two_hop", "over the NIC to the same rail of the other node, then NVLink (DeepEP)",
                        Collective::AllToAll, nothing, two_hop_all_to_all},
    CollectiveAlgorithm{"ring", "rings through all GPUs, in chunks", Collective::Broadcast, nothing,
                        ring_broadcast},
    CollectiveAlgorithm{"send", "one message between the GPUs farthest apart", Collective::PointToPoint,
                        nothing, farthest_send},
};

}  // namespace

std::span<const CollectiveAlgorithm> collective_algorithms() { return algorithms; }

void add_message(FlowPlan& plan, Router& router, GpuIndex from, GpuIndex to, Bytes size) {
  if (from == to || size == Bytes(0)) return;
  std::vector<LinkIndex> path;
  router.append_route(from, to, std::uint64_t(from) * router.fabric().gpus() + to, path);
  const auto first = std::uint32_t(plan.links.size());
  for (const LinkIndex link : path) plan.links.push_back({link, 1});
  plan.flows.push_back({size, 1, from, to, first, std::uint32_t(path.size())});
}

double bus_factor(Collective kind, int ranks) {
  const double others = double(ranks - 1) / ranks;
  switch (kind) {
    case Collective::AllReduce:
      return 2 * others;
    case Collective::AllGather:
    case Collective::ReduceScatter:
    case Collective::AllToAll:
      return others;
    case Collective::Broadcast:
    case Collective::PointToPoint:
      return 1;
  }
  return 1;
}

Seconds simulate_collective(const CollectiveAlgorithm& algorithm, const CollectiveRequest& request) {
  FlowNetwork network(capacities(request.fabric()));
  Picoseconds now{};
  Seconds total{};
  std::vector<FlowNetwork::Completion> ended;
  algorithm.rounds(request, [&](Round&& round) {
    const Picoseconds begin = now;
    Seconds latency{};
    for (const FlowPlan::Flow& flow : round.plan.flows) {
      network.start(now, {.size = flow.size, .weight = flow.weight, .path = round.plan.path(flow)});
      Seconds of_path{};
      for (const PathLink& link : round.plan.path(flow))
        of_path = of_path + request.fabric().links[link.link].latency;
      latency = std::max(latency, of_path);
    }
    for (Picoseconds next = network.next_completion(); next != never; next = network.next_completion()) {
      now = next;
      ended.clear();
      network.advance(now, ended);
    }
    total = total + double(round.repeats) * (to_seconds(now - begin) + latency);
  });
  return total;
}

}  // namespace orrery
