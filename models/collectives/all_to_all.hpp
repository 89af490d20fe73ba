#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/collectives/flow_plan.hpp"
#include "topologies/routing.hpp"

namespace orrery {

/// What one expert-parallel all-to-all has to move: a token goes once to each node that holds one of
/// its experts, to the GPU in the sender's place there, which hands copies to the GPUs that want it.
/// A combine moves the same counts the other way, summed on the forwarding GPU.
struct AllToAllCounts {
  AllToAllCounts(int node_count, int gpus_in_node)
      : nodes(node_count),
        gpus_per_node(gpus_in_node),
        tokens(std::size_t(nodes) * gpus_per_node * nodes),
        copies(tokens.size() * gpus_per_node) {}

  int nodes, gpus_per_node;
  std::vector<std::int32_t> tokens;  ///< [source][node], the source's own node too.
  std::vector<std::int32_t> copies;  ///< [source][node][place], the forwarding GPU's own too.

  int sources() const { return nodes * gpus_per_node; }
  std::int32_t& to_node(int source, int node) { return tokens[std::size_t(source) * nodes + node]; }
  std::int32_t to_node(int source, int node) const { return tokens[std::size_t(source) * nodes + node]; }
  std::int32_t& to_gpu(int source, int node, int place) {
    return copies[(std::size_t(source) * nodes + node) * gpus_per_node + place];
  }
  std::int32_t to_gpu(int source, int node, int place) const {
    return copies[(std::size_t(source) * nodes + node) * gpus_per_node + place];
  }
};

enum class Direction : std::uint8_t { Dispatch, Combine };

/// Bytes of one copy of a token: FP8 values and one FP32 scale for each 128 of them.
constexpr Bytes fp8_token(int hidden) { return Bytes(hidden + hidden / 128 * 4); }
constexpr Bytes bf16_token(int hidden) { return Bytes(2 * std::int64_t(hidden)); }

/// What a kernel gets out of the links when nothing else uses them.
struct TransferRates {
  BytesPerSecond nic, nvlink;
};

struct AllToAllTransfer {
  Direction direction = Direction::Dispatch;
  Bytes token{};        ///< One copy.
  TransferRates rates;  ///< Of the kernel.
};

/// The flows of one all-to-all of `gpus` ([node of the group][place in the node], one place the same
/// rail everywhere), one for each (source, node) with tokens:
///
///   dispatch to another node   NIC out 1, trunks 1, NIC in 1; then of the forwarding GPU NVLink out w and
///                              of its peers NVLink in their part of w: w = copies that leave the
///                              forwarding GPU, a token. One path, because forwarding is pipelined;
///   own node                   NVLink out w, NVLink in;
///   combine                    the same links the other way round.
///
/// A kernel slower than a link holds it longer: shares on NIC and NVLink are (link capacity / kernel rate),
/// so `FlowNetwork::carried` counts link time, not payload, where the two differ; trunks are cables
/// without a kernel and count 1. Flows are weighted by size.
/// Checked    bytes conserved, each link's load against the counts, end at `bound` on a FlowNetwork.
FlowPlan all_to_all_flows(Router& router, std::span<const GpuIndex> gpus, const AllToAllCounts& counts,
                          const AllToAllTransfer& transfer);

/// The largest load of a NIC and of an NVLink port in either direction, in payload bytes, and the mean
/// tokens from one source to one node.
struct AllToAllLoad {
  double nic_bytes = 0, nvlink_bytes = 0;
  double tokens_to_a_node = 0;
};
AllToAllLoad all_to_all_load(const AllToAllCounts& counts, Bytes token);

/// How a kernel cuts its work: `channels` run side by side, and hand over `chunk` tokens a time.
struct Chunking {
  int channels, chunk;
};

/// Time in which only one of NIC and NVLink works, because the first chunk of every channel and node
/// must arrive before it can be forwarded: the shorter of the two times, times chunk / (tokens of one
/// channel to one node). Zero within one node. Add it to what the flows take.
Seconds fill_time(const AllToAllLoad& load, const TransferRates& rates, Chunking chunking);

/// Closed form of one all-to-all alone: slower of NIC and NVLink at the most loaded GPU, and the fill.
/// Units      bytes, bytes/s, seconds.
/// Checked    tests/models/collectives/deep_ep_test.cpp: DeepEP normal kernels at EP 8 to 128.
/// Leaves out trunks, other traffic, the barrier before, ranks that start late.
Seconds all_to_all_time(const AllToAllLoad& load, const TransferRates& rates, Chunking chunking);

}  // namespace orrery
