#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "tests/simgrid/flow_set.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

// Packets as a witness of flows: an all-to-all of 64 hosts on a leaf-spine network, as max-min fair flows
// here and packet by packet in ns-3 (ns3_witness.cpp says with which transport), on the same routes, in the
// same run. Packets carry 1.6 % of headers, wait for each other in queues, and need 0.5 us a link; flows do
// none of this.
namespace orrery {
namespace {

using namespace literals;

constexpr std::uint32_t hosts = 64;

FlowSet all_to_all(RoutingPolicy policy, Bytes size) {
  FabricRequest request;
  request.nodes = hosts;
  request.gpus_per_node = request.nics_per_node = 1;
  request.switch_ports = 16;
  request.nvlink = 160_GBps, request.nic = 50_GBps, request.trunk = 50_GBps;
  const Fabric fabric =
      build_multi_rail(request);  // 8 leaves of 8 hosts, 4 spines, two cables between each pair.
  Router router(fabric, policy);
  FlowSet set{.hosts = hosts, .capacity = capacities(fabric), .flows = {}};
  for (std::uint32_t turn = 1; turn < hosts; ++turn)
    for (GpuIndex from = 0; from < hosts; ++from) {
      const GpuIndex to = (from + turn) % hosts;
      set.flows.push_back({.from = from,
                           .to = to,
                           .size = size,
                           .start = {},
                           .after = std::nullopt,
                           .route = router.route(from, to, 0)});
    }
  return set;
}

int run(const char* witness, double limit_s) {
  std::printf("%-8s %12s %14s %14s %8s %14s %14s %8s %9s\n", "routing", "message B", "here, us", "ns-3, us",
              "error", "here mean", "ns-3 mean", "error", "ns-3 s");
  for (const char* routing : {"static", "ecmp"})
    for (const std::int64_t kib : {64, 256, 1024, 4096}) {
      const FlowSet set = all_to_all(find_routing(routing)->policy, Bytes(kib << 10));
      const FlowEnds ours = ends_here(set);
      const auto theirs = ends_in_simgrid(set, witness, limit_s);
      const auto last = [](const FlowEnds& ends) {
        return *std::max_element(ends.end_s.begin(), ends.end_s.end()) * 1e6;
      };
      const auto mean = [](const FlowEnds& ends) {
        return std::accumulate(ends.end_s.begin(), ends.end_s.end(), 0.0) / double(ends.end_s.size()) * 1e6;
      };
      std::printf("%-8s %12lld %14.1f ", routing, static_cast<long long>(kib << 10), last(ours));
      if (theirs) {
        std::printf("%14.1f %+7.1f%% %14.1f %14.1f %+7.1f%% %9.1f\n", last(*theirs),
                    100 * (last(ours) / last(*theirs) - 1), mean(ours), mean(*theirs),
                    100 * (mean(ours) / mean(*theirs) - 1), theirs->took_s);
      } else {
        std::printf("stopped at %.0f s\n", limit_s);
      }
      std::fflush(stdout);
    }
  return 0;
}

}  // namespace
}  // namespace orrery

int main(int argc, char** argv) {
  return orrery::run(argc > 1 ? argv[1] : "./ns3_witness", argc > 2 ? std::atof(argv[2]) : 120);
}
