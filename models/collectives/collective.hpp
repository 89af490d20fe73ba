#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/units.hpp"

namespace orrery {

enum class Collective : std::uint8_t {
  AllReduce,
  AllGather,
  ReduceScatter,
  AllToAll,
  Broadcast,
  PointToPoint
};
constexpr int collective_count = 6;
std::string_view collective_name(Collective kind);

/// Time against wire bytes v of one way of running a collective: the faster of two protocols,
///
///   low latency   start + v / rate
///   bulk          bulk_start + ramp * sqrt(v) + v / bulk_rate
///
/// The root is what a pipeline costs that cuts v into the best number of chunks: latency times chunks
/// against time of a chunk.
struct CollectiveLaw {
  Seconds start;
  BytesPerSecond rate;
  Seconds bulk_start;
  double ramp_s_per_sqrt_byte;
  BytesPerSecond bulk_rate;
};

/// Constants of one generation of GPUs, measured at 2, 4 and 8 of them.
struct CollectiveConstants {
  std::string_view name, source;
  BytesPerSecond nvlink_line;  ///< Of the GPU measured: another one's time scales with its own.
  /// [kind][2, 4, 8 ranks]: all-reduce, all-gather, reduce-scatter, all-to-all.
  std::array<std::array<CollectiveLaw, 3>, 4> in_node;
};

extern const CollectiveConstants a100_collectives, h100_collectives, b200_collectives;

/// Bytes that one GPU sends over NVLink and one NIC sends, the larger of the two ways. `bytes` is:
/// all-reduce: the buffer of a rank; all-gather: the gathered result; reduce-scatter: what a rank
/// brings; all-to-all: what a rank sends in all, its own part counted; broadcast and point-to-point: the
/// message.
struct CollectiveBytes {
  double nvlink = 0, nic = 0;
};
CollectiveBytes collective_bytes(Collective kind, Bytes bytes, int ranks_in_node, int nodes);

/// Time of one collective alone. Each rank of a node drives its own NIC; rings (or trees) cross NVLink
/// and NICs in a pipeline, so the slower level sets the pace:
///
///   in a node      law of (kind, ranks) for the wire bytes of a GPU, its rates times line / measured
///                  line; between 2, 4 and 8 ranks straight lines; broadcast as all-gather of the message
///                  and point-to-point as all-to-all, both with all the message on the wire;
///   between nodes  one law for the bytes of a NIC: with d = log2(nodes) (straight lines between powers)
///                  all-reduce starts in 3.4 + 26.4 d us at 0.22 GB/s or 55.8 + 22.9 d us + 14.6 d ns
///                  sqrt(bytes) at the NIC's rate; other kinds half the starts and half the ramp.
///
/// Units      `nvlink_line` and `nic` of one direction; `nvlink_line` by data sheet, `nic` achieved.
/// Source     NCCL in one node: ai-dynamo/aiconfigurator 095f58a51; between nodes: NetX-lab/Echo 15f0d12,
///            A100 with 200 Gb/s InfiniBand, whose NICs reach 16.4 GB/s in an all-reduce.
/// Checked    tests/models/collectives/collective_test.cpp: half the rows of each table fitted; mean
///            absolute error from 1 MiB on, fitted / held out: A100 1.9 / 5.6 %, H100 3.0 / 3.6 %,
///            B200 5.8 / 7.4 %, 16 to 128 A100 3.8 / 3.9 %. Single rows are off by up to 49 % where
///            NCCL changes its algorithm (B200, 16 MiB on 8 ranks).
/// Leaves out more than 8 ranks in a node (taken as 8), in-network reduction, other traffic, skew of ranks.
Seconds collective_time(const CollectiveConstants& constants, Collective kind, Bytes bytes, int ranks_in_node,
                        int nodes, BytesPerSecond nvlink_line, BytesPerSecond nic);

}  // namespace orrery
