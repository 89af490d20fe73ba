#pragma once

#include <vector>

#include "sim/fair_share.hpp"
#include "sim/random.hpp"

namespace orrery {

struct RandomNetwork {
  std::vector<BytesPerSecond> capacity;
  std::vector<SharedFlow> flows;
};

/// One to four distinct links, with shares of 1/4 to 4 in quarters.
inline std::vector<PathLink> random_path(RandomStream& random, std::uint32_t links) {
  std::vector<PathLink> path;
  const std::uint32_t wanted = 1 + random.below(4);
  while (path.size() < wanted && path.size() < links) {
    const LinkIndex link = random.below(links);
    bool fresh = true;
    for (const PathLink& step : path) fresh = fresh && step.link != link;
    if (!fresh) continue;
    const bool whole = random.below(2) == 0;
    path.push_back({link, whole ? 1.0f : 0.25f * float(1 + random.below(16))});
  }
  return path;
}

/// Equal weights half of the time, so that ties of level are met often.
inline double random_weight(RandomStream& random) {
  return random.below(2) == 0 ? 1.0 : 0.1 + 10 * random.uniform();
}

/// Round figures half of the time, so that several links fill up at once.
inline BytesPerSecond random_capacity(RandomStream& random) {
  const bool round = random.below(2) == 0;
  return BytesPerSecond(round ? 50e9 : 1e9 * (1 + 400 * random.uniform()));
}

inline RandomNetwork random_network(RandomStream& random) {
  RandomNetwork network;
  const std::uint32_t links = 1 + random.below(20), flows = 1 + random.below(40);
  for (std::uint32_t l = 0; l < links; ++l) network.capacity.push_back(random_capacity(random));
  for (std::uint32_t f = 0; f < flows; ++f) {
    network.flows.push_back({.weight = random_weight(random), .path = random_path(random, links)});
  }
  return network;
}

}  // namespace orrery
