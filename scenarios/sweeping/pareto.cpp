#include <algorithm>
#include <limits>
#include <numeric>

#include "scenarios/sweeping/sweep.hpp"

namespace orrery {

/// From the cheapest on, a point is on the front when it is faster than all cheaper ones.
std::vector<bool> pareto_front(std::span<const SweepPoint> points) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (points[i].figures.ok()) order.push_back(i);
  const auto cost = [&](std::size_t i) { return points[i].figures.cost.value(); };
  const auto wall = [&](std::size_t i) { return points[i].figures.wall.value(); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cost(a) != cost(b) ? cost(a) < cost(b) : wall(a) < wall(b);
  });
  std::vector<bool> front(points.size(), false);
  double fastest = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < order.size(); ++k) {
    const bool twin = k > 0 && front[order[k - 1]] && cost(order[k]) == cost(order[k - 1]) &&
                      wall(order[k]) == wall(order[k - 1]);
    if (!twin && wall(order[k]) >= fastest) continue;
    front[order[k]] = true;
    fastest = wall(order[k]);
  }
  return front;
}

}  // namespace orrery
