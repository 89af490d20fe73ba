#include <array>
#include <cstdio>
#include <cstdlib>

#include "sim/random.hpp"
#include "tests/simgrid/flow_set.hpp"

// One MoE dispatch in every expert-parallel group of 64 GPUs at once, here and in SimGrid, in the same run. A
// GPU sends 7 messages of 14.68 MB to the same rail of the other nodes over 50 GB/s NICs; each is followed by
// 7 forwards of 7.34 MB inside its node, and 7 more go to the GPU's own node, over 160 GB/s ports: 63 flows a
// GPU.
namespace orrery {
namespace {

using namespace literals;

constexpr std::uint32_t gpus_of_a_node = 8, nodes_of_a_group = 8, group = gpus_of_a_node * nodes_of_a_group;
enum class Sizes { Equal, Spread };  ///< All equal, or each times uniform(0.6, 1.4).

struct Ports {
  std::uint32_t gpus;
  LinkIndex nic_out(std::uint32_t gpu) const { return gpu; }
  LinkIndex nic_in(std::uint32_t gpu) const { return gpus + gpu; }
  LinkIndex nvlink_out(std::uint32_t gpu) const { return 2 * gpus + gpu; }
  LinkIndex nvlink_in(std::uint32_t gpu) const { return 3 * gpus + gpu; }
};

FlowSet dispatch(std::uint32_t gpus, Sizes sizes) {
  RandomStream random(1, {.owner = "dispatch", .purpose = "size"});
  const auto size = [&](double bytes) {
    return Bytes(std::int64_t(sizes == Sizes::Equal ? bytes : bytes * (0.6 + 0.8 * random.uniform())));
  };
  const Ports ports{gpus};
  FlowSet set{.hosts = gpus, .capacity = {}, .flows = {}};
  set.capacity.assign(2 * gpus, 50_GBps);
  set.capacity.resize(4 * gpus, 160_GBps);
  const auto in_node = [&](std::uint32_t gpu, double bytes, std::optional<std::uint32_t> after) {
    const std::uint32_t node = gpu / gpus_of_a_node * gpus_of_a_node;
    for (std::uint32_t peer = node; peer < node + gpus_of_a_node; ++peer) {
      if (peer == gpu) continue;
      set.flows.push_back({.from = gpu,
                           .to = peer,
                           .size = size(bytes),
                           .after = after,
                           .route = {ports.nvlink_out(gpu), ports.nvlink_in(peer)}});
    }
  };
  for (std::uint32_t gpu = 0; gpu < gpus; ++gpu) {
    const std::uint32_t first = gpu / group * group, rail = gpu % gpus_of_a_node;
    for (std::uint32_t node = 0; node < nodes_of_a_group; ++node) {
      const std::uint32_t peer = first + node * gpus_of_a_node + rail;
      if (peer == gpu) continue;
      set.flows.push_back({.from = gpu,
                           .to = peer,
                           .size = size(14.68e6),
                           .route = {ports.nic_out(gpu), ports.nic_in(peer)}});
      in_node(peer, 7.34e6, std::uint32_t(set.flows.size() - 1));
    }
    in_node(gpu, 7.34e6, std::nullopt);
  }
  return set;
}

int run(const char* witness, double limit_s) {
  std::printf("%-9s %6s %9s %14s %14s %14s %8s\n", "sizes", "GPUs", "flows", "here, flows/s", "by size",
              "SimGrid", "ratio");
  for (const Sizes sizes : {Sizes::Equal, Sizes::Spread}) {
    for (const std::uint32_t gpus : {64u, 256u, 1024u, 2048u}) {
      const FlowSet set = dispatch(gpus, sizes);
      const double flows = double(set.flows.size());
      // The best of a few: a shared machine only ever adds time.
      double ours = 1e9, by_size = 1e9;
      for (int repeat = 0; repeat < 5; ++repeat) {
        ours = std::min(ours, ends_here(set).took_s);
        by_size = std::min(by_size, ends_here(set, Weights::BySize).took_s);
      }
      const std::optional<FlowEnds> theirs = ends_in_simgrid(set, witness, limit_s);
      std::printf("%-9s %6u %9.0f %14.0f %14.0f ", sizes == Sizes::Equal ? "equal" : "spread", gpus, flows,
                  flows / ours, flows / by_size);
      if (theirs) {
        std::printf("%14.0f %7.0fx\n", flows / theirs->took_s, theirs->took_s / ours);
      } else {
        std::printf("stopped at %.0f s: more than %.0fx\n", limit_s, limit_s / ours);
      }
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  return orrery::run(argc > 1 ? argv[1] : "tests/simgrid_witness", argc > 2 ? std::atof(argv[2]) : 120);
}
