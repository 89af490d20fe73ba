#include "scenarios/comparing/comparison.hpp"

#include <algorithm>

#include "topologies/bill.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

struct Network {
  Fabric fabric;
  Bill bill;
  DollarsPerHour per_gpu_hour{};
};

Network network_of(const Assembled& point) {
  Network network;
  network.fabric = cluster_fabric(point.plan);
  network.bill = network_bill(network.fabric, point.network_switch, point.plan.nic, point.prices);
  network.per_gpu_hour = network.bill.per_gpu_hour(network.fabric.gpus(), point.prices.paid_over);
  return network;
}

void find_hottest(ComparedPoint& point, const Fabric& fabric, const TrainingStep& step) {
  const std::vector<double>& carried = step.outcome.link_bytes;
  for (LinkIndex link = 2 * fabric.gpus(); link < carried.size(); ++link) {
    const double use = carried[link] / (fabric.links[link].capacity.value() * point.step.value());
    if (carried[link] == 0 || use <= point.hottest_use) continue;  // What is down has no capacity.
    point.hottest_use = use;
    point.hottest = link_name(fabric, link);
  }
}

ComparedPoint simulated(const Assembled& assembled, DollarsPerHour base_network) {
  const TrainingPlan& plan = assembled.plan;
  const Network network = network_of(assembled);
  const TrainingStep step = simulate_step(plan, nullptr);
  ComparedPoint point;
  point.gpus = plan.gpus();
  point.switches = count(network.fabric).switches();
  point.network = network.bill.cost();
  point.network_power = network.bill.power();
  point.gpu_hour = assembled.price + network.per_gpu_hour - base_network;
  point.step = to_seconds(step.time);
  point.mfu = step.mfu_causal;
  for (const RankTime& rank : step.outcome.ranks)
    point.exposed += to_seconds(rank.exposed) / double(step.outcome.ranks.size());
  find_hottest(point, network.fabric, step);
  const double gpu_hours_a_token = point.gpus * (point.step.value() / 3600) / double(plan.tokens());
  point.usd_per_trillion = gpu_hours_a_token * 1e12 * point.gpu_hour.value();
  const MemoryRequest memory = memory_request(plan);
  for (int rank = 0; rank < plan.pipeline; ++rank)
    point.over = std::max(point.over, rank_memory(memory, rank).peak.total() - plan.gpu.memory);
  return point;
}

}  // namespace

std::vector<ComparedPoint> compare(const Assembled& base, std::span<const Assembled> points,
                                   std::span<const std::vector<std::string>> sets, const Parallel& parallel) {
  const DollarsPerHour base_network = network_of(base).per_gpu_hour;
  std::vector<ComparedPoint> all(points.size());
  parallel(int(points.size()), [&](int i) {
    all[std::size_t(i)] = simulated(points[std::size_t(i)], base_network);
    all[std::size_t(i)].sets = sets[std::size_t(i)];
  });
  return all;
}

std::size_t best_of(std::span<const ComparedPoint> points) {
  std::size_t best = points.size();
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].over > Bytes(0)) continue;
    if (best == points.size() || points[i].usd_per_trillion < points[best].usd_per_trillion) best = i;
  }
  return best == points.size() ? 0 : best;
}

}  // namespace orrery
