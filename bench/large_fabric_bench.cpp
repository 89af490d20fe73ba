#include <sys/resource.h>

#include <chrono>
#include <cstdio>

#include "models/collectives/all_to_all.hpp"
#include "sim/random.hpp"
#include "topologies/catalog.hpp"

// A three-layer fat tree, and one dispatch in every group of 64 of its GPUs at once: what building, routing
// and simulating it take, and the largest memory.
namespace orrery {
namespace {

using namespace literals;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// 4,096 tokens a GPU, each to four of the eight nodes and to two GPUs there, a tenth more or less.
AllToAllCounts counts_of_a_group(std::uint64_t group) {
  AllToAllCounts counts(8, 8);
  RandomStream random(1, {.owner = "dispatch", .purpose = "tokens", .index = group});
  for (int source = 0; source < 64; ++source)
    for (int node = 0; node < 8; ++node) {
      counts.to_node(source, node) = std::int32_t(1843 + random.below(410));
      for (int place = 0; place < 8; ++place)
        counts.to_gpu(source, node, place) = std::int32_t(460 + random.below(104));
    }
  return counts;
}

int run() {
  std::printf("%-20s %8s %9s %9s %9s %9s %9s %9s %8s\n", "topology", "GPUs", "switches", "build s", "route s",
              "flows", "sim s", "end us", "peak GB");
  for (const auto& [name, nodes] :
       {std::pair("multi-rail-fat-tree", 256), std::pair("multi-rail-fat-tree", 2048),
        std::pair("multi-rail-fat-tree", 8192), std::pair("fat-tree", 8192)}) {
    FabricRequest request;
    request.nodes = nodes;
    request.nvlink = 160_GBps, request.nic = 45_GBps, request.trunk = 45_GBps;
    const double begin = now_s();
    const Fabric fabric = find_topology(name)->build(request);
    const double built = now_s();
    Router router(fabric);
    std::vector<FlowPlan> plans;
    std::vector<GpuIndex> gpus(64);
    for (GpuIndex first = 0; first < fabric.gpus(); first += 64) {
      for (GpuIndex i = 0; i < 64; ++i) gpus[i] = first + i;
      plans.push_back(all_to_all_flows(
          router, gpus, counts_of_a_group(first / 64),
          {.direction = Direction::Dispatch, .token = fp8_token(7168), .rates = {45_GBps, 160_GBps}}));
    }
    const double routed = now_s();
    FlowNetwork network(capacities(fabric));
    for (const FlowPlan& plan : plans)
      for (const FlowPlan::Flow& flow : plan.flows)
        network.start({}, {.size = flow.size, .weight = flow.weight, .path = plan.path(flow)});
    std::vector<FlowNetwork::Completion> ended;
    Picoseconds end{};
    for (Picoseconds next = network.next_completion(); next != never; next = network.next_completion()) {
      end = next;
      ended.clear();
      network.advance(next, ended);
    }
    const double done = now_s();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("%-20s %8u %9lld %9.3f %9.3f %9llu %9.3f %9.1f %8.2f\n", name, fabric.gpus(),
                static_cast<long long>(count(fabric).switches()), built - begin, routed - built,
                static_cast<unsigned long long>(network.flows_started()), done - routed,
                to_seconds(end).value() * 1e6, double(usage.ru_maxrss) * 1024 / 1e9);
  }
  return 0;
}

}  // namespace
}  // namespace orrery

int main() { return orrery::run(); }
