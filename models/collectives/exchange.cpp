// All-to-alls of equal parts, and the single message.
#include <algorithm>
#include <string>

#include "models/collectives/all_to_all.hpp"
#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

constexpr std::uint32_t most_flat = 1024;  // A million flows.

Bytes part(const CollectiveRequest& request) {
  return Bytes((request.bytes.value() + request.ranks() - 1) / request.ranks());
}

}  // namespace

Findings check_flat(const Fabric& fabric) {
  if (fabric.gpus() <= most_flat) return {};
  return {{"cluster.nodes",
           std::to_string(fabric.gpus()) + " GPUs have " +
               std::to_string(std::uint64_t(fabric.gpus()) * fabric.gpus()) + " messages at once",
           "at most " + std::to_string(most_flat) + " GPUs, or pairwise, or two_hop"}};
}

void flat_all_to_all(const CollectiveRequest& request, const RoundSink& sink) {
  const std::uint32_t gpus = request.fabric().gpus();
  Round round;
  for (GpuIndex from = 0; from < gpus; ++from)
    for (std::uint32_t turn = 1; turn < gpus; ++turn)
      add_message(round.plan, request.router, from, (from + turn) % gpus, part(request));
  sink(std::move(round));
}

void pairwise_all_to_all(const CollectiveRequest& request, const RoundSink& sink) {
  const std::uint32_t gpus = request.fabric().gpus();
  for (std::uint32_t turn = 1; turn < gpus; ++turn) {
    Round round;
    for (GpuIndex from = 0; from < gpus; ++from)
      add_message(round.plan, request.router, from, (from + turn) % gpus, part(request));
    sink(std::move(round));
  }
}

void two_hop_all_to_all(const CollectiveRequest& request, const RoundSink& sink) {
  const Fabric& fabric = request.fabric();
  const int nodes = int(fabric.nodes), gpus = int(fabric.gpus_per_node);
  AllToAllCounts counts(nodes, gpus);
  std::fill(counts.tokens.begin(), counts.tokens.end(), gpus);
  std::fill(counts.copies.begin(), counts.copies.end(), 1);
  std::vector<GpuIndex> all(fabric.gpus());
  for (GpuIndex gpu = 0; gpu < fabric.gpus(); ++gpu) all[gpu] = gpu;
  const BytesPerSecond nic = nodes > 1 ? fabric.links[fabric.nic_out(0)].capacity : BytesPerSecond(1);
  sink({all_to_all_flows(request.router, all, counts,
                         {.direction = Direction::Dispatch,
                          .token = part(request),
                          .rates = {.nic = nic, .nvlink = fabric.links[fabric.nvlink_out(0)].capacity}}),
        1});
}

void farthest_send(const CollectiveRequest& request, const RoundSink& sink) {
  const Fabric& fabric = request.fabric();
  Round round;
  const GpuIndex to = fabric.nodes > 1 ? fabric.gpu(fabric.nodes - 1, 0) : fabric.gpus() - 1;
  add_message(round.plan, request.router, 0, to, request.bytes);
  sink(std::move(round));
}

}  // namespace orrery
