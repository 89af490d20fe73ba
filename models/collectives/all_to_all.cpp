#include "models/collectives/all_to_all.hpp"

#include <algorithm>

#include "sim/check.hpp"

namespace orrery {
namespace {

/// Link time a byte of the kernel takes, in bytes of the link.
float share_of(BytesPerSecond capacity, BytesPerSecond kernel) { return float(capacity / kernel); }

struct Laying {
  const Fabric& fabric;
  Router& router;
  std::span<const GpuIndex> gpus;
  const AllToAllCounts& counts;
  const AllToAllTransfer& transfer;
  float nic_share, trunk_share, nvlink_share;
  std::vector<LinkIndex> hops;  ///< Reused.

  GpuIndex at(int node, int place) const { return gpus[std::size_t(node) * counts.gpus_per_node + place]; }

  /// NVLink between the GPU that forwards and its peers. Returns whether anything crosses it.
  bool lay_forwarding(FlowPlan& plan, int source, int node, int place, float tokens) {
    const bool outwards = transfer.direction == Direction::Dispatch;
    std::int64_t leaving = 0;
    for (int peer = 0; peer < counts.gpus_per_node; ++peer) {
      const std::int32_t copies = counts.to_gpu(source, node, peer);
      if (peer == place || copies == 0) continue;
      leaving += copies;
      const GpuIndex gpu = at(node, peer);
      plan.links.push_back(
          {outwards ? fabric.nvlink_in(gpu) : fabric.nvlink_out(gpu), nvlink_share * float(copies) / tokens});
    }
    if (leaving == 0) return false;
    const GpuIndex gpu = at(node, place);
    plan.links.push_back(
        {outwards ? fabric.nvlink_out(gpu) : fabric.nvlink_in(gpu), nvlink_share * float(leaving) / tokens});
    return true;
  }

  void lay_network(FlowPlan& plan, GpuIndex from, GpuIndex to) {
    hops.clear();
    router.append_rail_route(from, to, 0, hops);
    for (const LinkIndex link : hops) {
      const bool trunk = link >= fabric.first_trunk(), nvlink = link < 2 * fabric.gpus();
      plan.links.push_back({link, trunk ? trunk_share : nvlink ? nvlink_share : nic_share});
    }
  }
};

}  // namespace

FlowPlan all_to_all_flows(Router& router, std::span<const GpuIndex> gpus, const AllToAllCounts& counts,
                          const AllToAllTransfer& transfer) {
  const Fabric& fabric = router.fabric();
  ORRERY_CHECK(gpus.size() == std::size_t(counts.sources()));
  Laying laying{fabric, router, gpus, counts, transfer, 1, 1, 1, {}};
  if (counts.nodes > 1) {
    laying.nic_share = share_of(fabric.links[fabric.nic_out(gpus[0])].capacity, transfer.rates.nic);
    laying.trunk_share = std::min(1.0f, laying.nic_share);
  }
  laying.nvlink_share = share_of(fabric.links[fabric.nvlink_out(gpus[0])].capacity, transfer.rates.nvlink);

  FlowPlan plan;
  plan.flows.reserve(std::size_t(counts.sources()) * counts.nodes);
  plan.links.reserve(plan.flows.capacity() * (counts.gpus_per_node + 4));
  for (int source = 0; source < counts.sources(); ++source) {
    const int home = source / counts.gpus_per_node, place = source % counts.gpus_per_node;
    // Every source starts with another node, as the kernels do.
    for (int turn = 0; turn < counts.nodes; ++turn) {
      const int node = (home + turn) % counts.nodes;
      const std::int32_t tokens = counts.to_node(source, node);
      if (tokens == 0) continue;
      const auto first = std::uint32_t(plan.links.size());
      GpuIndex from = gpus[source], to = laying.at(node, place);
      if (transfer.direction == Direction::Combine) std::swap(from, to);
      if (node != home) laying.lay_network(plan, from, to);
      const bool forwards = laying.lay_forwarding(plan, source, node, place, float(tokens));
      if (node != home) merge_twice_crossed(plan.links, first);
      if (node == home && !forwards) continue;  // Wanted by the source alone: a copy in its own memory.
      plan.flows.push_back(
          {tokens * transfer.token, 1, from, to, first, std::uint32_t(plan.links.size()) - first});
    }
  }
  weigh_by_size(plan);
  return plan;
}

AllToAllLoad all_to_all_load(const AllToAllCounts& counts, Bytes token) {
  const std::size_t gpus = std::size_t(counts.sources());
  std::vector<std::int64_t> nic_out(gpus), nic_in(gpus), nvlink_out(gpus), nvlink_in(gpus);
  std::int64_t tokens = 0;
  for (int source = 0; source < counts.sources(); ++source) {
    const int home = source / counts.gpus_per_node, place = source % counts.gpus_per_node;
    for (int node = 0; node < counts.nodes; ++node) {
      const int forwarder = node * counts.gpus_per_node + place;
      tokens += counts.to_node(source, node);
      if (node != home) {
        nic_out[source] += counts.to_node(source, node);
        nic_in[forwarder] += counts.to_node(source, node);
      }
      for (int peer = 0; peer < counts.gpus_per_node; ++peer) {
        if (peer == place) continue;
        nvlink_out[forwarder] += counts.to_gpu(source, node, peer);
        nvlink_in[node * counts.gpus_per_node + peer] += counts.to_gpu(source, node, peer);
      }
    }
  }
  const auto most = [&](const std::vector<std::int64_t>& out, const std::vector<std::int64_t>& in) {
    return double(
               std::max(*std::max_element(out.begin(), out.end()), *std::max_element(in.begin(), in.end()))) *
           double(token.value());
  };
  return {most(nic_out, nic_in), most(nvlink_out, nvlink_in), double(tokens) / (double(gpus) * counts.nodes)};
}

namespace {

struct LinkTimes {
  Seconds nic, nvlink;
};
LinkTimes link_times(const AllToAllLoad& load, const TransferRates& rates) {
  return {Seconds(load.nic_bytes / rates.nic.value()), Seconds(load.nvlink_bytes / rates.nvlink.value())};
}

}  // namespace

Seconds fill_time(const AllToAllLoad& load, const TransferRates& rates, Chunking chunking) {
  if (load.tokens_to_a_node <= 0) return {};
  const LinkTimes times = link_times(load, rates);
  const double chunks = load.tokens_to_a_node / (double(chunking.channels) * chunking.chunk);
  return std::min(times.nic, times.nvlink) / std::max(chunks, 1.0);
}

Seconds all_to_all_time(const AllToAllLoad& load, const TransferRates& rates, Chunking chunking) {
  const LinkTimes times = link_times(load, rates);
  return std::max(times.nic, times.nvlink) + fill_time(load, rates, chunking);
}

}  // namespace orrery
