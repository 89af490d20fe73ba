#pragma once

#include <utility>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// Nodes of eight GPUs and NICs under 64-port switches, all cables alike.
inline FabricRequest request_of(int nodes, std::vector<int> shape = {}) {
  using namespace literals;
  FabricRequest request;
  request.nodes = nodes;
  request.nvlink = 160_GBps, request.nic = 50_GBps, request.trunk = 50_GBps;
  request.nic_latency = 2.8_us, request.hop_latency = 0.45_us;
  request.shape = std::move(shape);
  return request;
}

}  // namespace orrery
