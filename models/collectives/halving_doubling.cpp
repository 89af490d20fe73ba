// Recursive halving, then doubling (Rabenseifner 2004): with n = 2^k GPUs, in round i each exchanges half of
// what it still has with the GPU n / 2^i places away, k rounds down and the same k back.
#include <bit>
#include <string>

#include "models/collectives/rounds.hpp"

namespace orrery {
namespace {

void exchange(const CollectiveRequest& request, const RoundSink& sink, std::uint32_t distance) {
  Round round;
  const Bytes half((request.bytes.value() * distance + request.ranks() - 1) / request.ranks());
  for (GpuIndex gpu = 0; gpu < request.fabric().gpus(); ++gpu)
    add_message(round.plan, request.router, gpu, gpu ^ distance, half);
  sink(std::move(round));
}

}  // namespace

Findings check_halving(const Fabric& fabric) {
  if (std::has_single_bit(fabric.gpus())) return {};
  return {{"cluster.nodes", std::to_string(fabric.gpus()) + " GPUs cannot be halved down to one",
           "a power of two, as " + std::to_string(std::bit_floor(fabric.gpus()))}};
}

void halving_doubling_all_reduce(const CollectiveRequest& request, const RoundSink& sink) {
  const std::uint32_t half = request.fabric().gpus() / 2;
  for (std::uint32_t distance = half; distance > 0; distance /= 2) exchange(request, sink, distance);
  for (std::uint32_t distance = 1; distance <= half; distance *= 2) exchange(request, sink, distance);
}

}  // namespace orrery
