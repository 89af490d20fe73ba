#include "models/training/message_load.hpp"

#include <algorithm>
#include <set>

#include "topologies/routing.hpp"

namespace orrery {
namespace {

/// Ordered pairs of pipeline ranks between which messages go.
std::set<std::pair<int, int>> neighbours(const PipelineSchedule& schedule) {
  std::set<std::pair<int, int>> pairs;
  for (const auto& path : schedule.paths) {
    for (std::size_t s = 1; s < path.size(); ++s) {
      if (path[s - 1] == path[s]) continue;
      pairs.insert({path[s - 1], path[s]});
      pairs.insert({path[s], path[s - 1]});
    }
  }
  return pairs;
}

}  // namespace

MessageLoad message_load(const PipelineSchedule& schedule, const Fabric& fabric, int lanes,
                         int gpus_per_lane) {
  MessageLoad result{.ranks = schedule.ranks, .lanes = lanes, .load = {}};
  result.load.assign(std::size_t(schedule.ranks) * std::size_t(schedule.ranks) * std::size_t(lanes), 0);
  std::vector<double> on_link(fabric.links.size(), 0);
  std::vector<LinkIndex> path;
  Router router(fabric);
  const auto gpu = [&](int rank, int lane) {
    return GpuIndex((std::int64_t(rank) * lanes + lane) * gpus_per_lane);
  };
  const auto pairs = neighbours(schedule);
  const auto each_route = [&](auto visit) {
    for (const auto& [from, to] : pairs) {
      for (int lane = 0; lane < lanes; ++lane) {
        path.clear();
        router.append_route(gpu(from, lane), gpu(to, lane), 0, path);
        visit(from, to, lane);
      }
    }
  };
  each_route([&](int, int, int) {
    for (const LinkIndex link : path) {
      if (link < fabric.first_trunk()) continue;
      on_link[link] += fabric.links[fabric.nic_out(0)].capacity / fabric.links[link].capacity;
    }
  });
  each_route([&](int from, int to, int lane) {
    double most = 1;
    for (const LinkIndex link : path) most = std::max(most, on_link[link]);
    result.load[(std::size_t(from) * std::size_t(schedule.ranks) + std::size_t(to)) * std::size_t(lanes) +
                std::size_t(lane)] = float(most);
  });
  return result;
}

MessageLoad slowest_lanes(const MessageLoad& of_all, int together) {
  MessageLoad fewer{.ranks = of_all.ranks, .lanes = of_all.lanes / together, .load = {}};
  for (auto lane = of_all.load.begin(); lane != of_all.load.end(); lane += together)
    fewer.load.push_back(*std::max_element(lane, lane + together));
  return fewer;
}

}  // namespace orrery
