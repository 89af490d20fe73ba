#include "sim/fair_share.hpp"

#include <cstddef>

#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr double free_level = 0;  // Levels are positive once a link holds the flow.

struct LinkState {
  double left = 0;  // Capacity that no held flow uses.
  double load = 0;  // Bytes that cross for each unit of level of the free flows.
};

std::vector<LinkState> states_of(std::span<const BytesPerSecond> capacity, std::span<const SharedFlow> flows,
                                 const std::vector<double>& level) {
  std::vector<LinkState> links(capacity.size());
  for (std::size_t l = 0; l < links.size(); ++l) links[l].left = capacity[l].value();
  for (std::size_t f = 0; f < flows.size(); ++f) {
    for (const PathLink& step : flows[f].path) {
      const double load = flows[f].weight * double(step.share);
      if (level[f] == free_level) {
        links[step.link].load += load;
      } else {
        links[step.link].left -= load * level[f];
      }
    }
  }
  return links;
}

bool crosses(const SharedFlow& flow, LinkIndex link) {
  for (const PathLink& step : flow.path) {
    if (step.link == link) return true;
  }
  return false;
}

}  // namespace

std::vector<BytesPerSecond> fair_share(std::span<const BytesPerSecond> capacity,
                                       std::span<const SharedFlow> flows) {
  std::vector<double> level(flows.size(), free_level);
  for (std::size_t held = 0; held < flows.size();) {
    const std::vector<LinkState> links = states_of(capacity, flows, level);
    std::size_t fullest = links.size();
    for (std::size_t l = 0; l < links.size(); ++l) {
      if (links[l].load == 0) continue;
      if (fullest == links.size() ||
          links[l].left / links[l].load < links[fullest].left / links[fullest].load) {
        fullest = l;
      }
    }
    ORRERY_CHECK(fullest < links.size());
    const double lowest = links[fullest].left / links[fullest].load;
    ORRERY_CHECK(lowest > 0);
    for (std::size_t f = 0; f < flows.size(); ++f) {
      if (level[f] == free_level && crosses(flows[f], LinkIndex(fullest))) {
        level[f] = lowest;
        ++held;
      }
    }
  }
  std::vector<BytesPerSecond> rates;
  for (std::size_t f = 0; f < flows.size(); ++f) rates.push_back(BytesPerSecond(flows[f].weight * level[f]));
  return rates;
}

}  // namespace orrery
