#include "models/collectives/flow_plan.hpp"

#include <algorithm>

namespace orrery {

void merge_twice_crossed(std::vector<PathLink>& path, std::size_t first) {
  for (std::size_t i = first; i < path.size(); ++i)
    for (std::size_t j = path.size(); --j > i;) {
      if (path[j].link != path[i].link) continue;
      path[i].share += path[j].share;
      path.erase(path.begin() + std::ptrdiff_t(j));
    }
}

void weigh_by_size(FlowPlan& plan) {
  double total = 0;
  for (const FlowPlan::Flow& flow : plan.flows) total += double(flow.size.value());
  if (total <= 0) return;
  const double scale = double(plan.flows.size()) / total;
  for (FlowPlan::Flow& flow : plan.flows) flow.weight = double(flow.size.value()) * scale;
}

std::vector<double> link_loads(const FlowPlan& plan, std::size_t link_count) {
  std::vector<double> loads(link_count);
  for (const FlowPlan::Flow& flow : plan.flows)
    for (const PathLink& crossed : plan.path(flow))
      loads[crossed.link] += double(flow.size.value()) * double(crossed.share);
  return loads;
}

Seconds bound(const FlowPlan& plan, std::span<const BytesPerSecond> capacity) {
  const std::vector<double> loads = link_loads(plan, capacity.size());
  Seconds slowest{};
  for (std::size_t link = 0; link < capacity.size(); ++link)
    slowest = std::max(slowest, Seconds(loads[link] / capacity[link].value()));
  return slowest;
}

}  // namespace orrery
