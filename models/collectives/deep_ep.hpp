#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "models/collectives/all_to_all.hpp"

namespace orrery {

/// The four all-to-alls of one MoE layer's forward and backward. Gradients of a combine go out by a
/// dispatch kernel whose layout is known from the forward (cached); those of a dispatch by a combine.
enum class AllToAllKind : std::uint8_t { Dispatch, CachedDispatch, Combine, CombineBackward };
constexpr int all_to_all_kinds = 4;

constexpr Direction direction_of(AllToAllKind kind) {
  return kind == AllToAllKind::Dispatch || kind == AllToAllKind::CachedDispatch ? Direction::Dispatch
                                                                                : Direction::Combine;
}

/// What else the GPU does meanwhile: `Beside` has compute kernels on the other multiprocessors.
enum class Company : std::uint8_t { Alone, Beside };

/// One kernel as it was measured at 64 ranks (8 nodes of 8), 4,096 tokens of hidden size 7,168, top-8
/// experts on at most 4 nodes. NIC rates are physical: bytes that left the node, over the kernel's time.
struct AllToAllKernel {
  std::string_view name;
  BytesPerSecond nic_alone, nic_beside;  ///< Fill included: see `transfer_rates`.
  BytesPerSecond nvlink;                 ///< Bytes that left the GPU, 8 ranks of one node, alone.
  Seconds host_gap;                      ///< The host reads counts back before the kernel can start.
};

/// Numbers of one library on one cluster.
struct AllToAllKernels {
  std::array<AllToAllKernel, all_to_all_kinds> kinds;
  Chunking alone, beside;
  std::string_view source;
  constexpr const AllToAllKernel& operator[](AllToAllKind kind) const { return kinds[std::size_t(kind)]; }
};

/// Links that DeepEP was measured on: H800's NVLink and ConnectX-7. On others its rates scale with the
/// link's.
struct MeasuredLinks {
  BytesPerSecond nvlink, nic;
};
inline constexpr MeasuredLinks deep_ep_links{BytesPerSecond(160e9), BytesPerSecond(50e9)};

/// DeepEP's normal kernels on H800 with ConnectX-7.
///
/// Alone: DeepEP docs/legacy.md ("v1 final"), 24 multiprocessors = 12 channels. The table counts
/// the own node and the own rank as traffic; without them 7/8 is left: EP64 51 and 50 GB/s -> 44.6 and
/// 43.75 over the NIC, EP8 153 and 158 -> 133.9 and 138.25 over NVLink.
/// Beside compute: deepseek-ai/profile-data train.json (rank 0 of 64, 20 multiprocessors = 10 channels,
/// 4 layers): bytes by the gate's expectation over the kernel's mean time.
/// Chunk: DeepEP's recommended configurations hand over 8 to 32 tokens a time (deep_ep/buffer.py);
/// one middle value, not fitted. Host gap: the trace's 25, 38, 49, 67 us between notify and dispatch.
inline constexpr AllToAllKernels deep_ep{
    {{{"dispatch", BytesPerSecond(44.625e9), BytesPerSecond(24.2e9), BytesPerSecond(133.875e9),
       Seconds(45e-6)},
      {"cached dispatch", BytesPerSecond(44.625e9), BytesPerSecond(30.8e9), BytesPerSecond(133.875e9),
       Seconds(0)},
      {"combine", BytesPerSecond(43.75e9), BytesPerSecond(34.0e9), BytesPerSecond(138.25e9), Seconds(0)},
      {"combine backward", BytesPerSecond(43.75e9), BytesPerSecond(32.0e9), BytesPerSecond(138.25e9),
       Seconds(0)}}},
    {12, 20},
    {10, 20},
    "DeepEP docs/legacy.md at dd758ca; deepseek-ai/profile-data train.json at 4496024",
};

constexpr Chunking chunking(const AllToAllKernels& kernels, Company company) {
  return company == Company::Alone ? kernels.alone : kernels.beside;
}

/// The setting of those measurements, by sampling DeepEP's own benchmark gate: means a token, and how far
/// the most loaded of the ranks, which ends last, lies above the mean (independent tokens).
struct AllToAllSetting {
  double tokens = 4096;
  double nodes = 3.98, remote_nodes = 3.48, gpus = 7.47;  ///< 64 ranks.
  double busiest_nic = 1.017;                             ///< Of 64 ranks; 1.011 to 1.026 by seed.
  double busiest_nvlink = 1.006;                          ///< Of 8 ranks.
};

/// Rates of the links while both work: the measured NIC rate of the mean rank, brought to the busiest
/// rank and with the fill taken out, so that the closed form (and the flows plus `fill_time`) give the
/// measured time at the measured setting.
///
///   time = mean bytes / measured = busiest bytes / rate + fill
///   fill = NVLink time * chunk / tokens of one channel to one node
constexpr TransferRates transfer_rates(const AllToAllKernels& kernels, AllToAllKind kind, Company company) {
  constexpr AllToAllSetting set;
  const AllToAllKernel& kernel = kernels[kind];
  const Chunking cut = chunking(kernels, company);
  const double measured = (company == Company::Alone ? kernel.nic_alone : kernel.nic_beside).value();
  const double nvlink = kernel.nvlink.value() * set.busiest_nvlink;
  const double leaving = set.gpus * 7 / 8 * set.busiest_nic;  // Copies, 7 of 8 to a peer of the forwarder.
  const double nvlink_of_total = leaving / nvlink / (set.remote_nodes / measured);
  const double fill_of_total = nvlink_of_total * cut.chunk * cut.channels / (set.tokens * set.nodes / 8);
  return {BytesPerSecond(measured * set.busiest_nic / (1 - fill_of_total)), BytesPerSecond(nvlink)};
}

/// One way of DeepEP's low-latency kernels, which send each token to each of its experts' GPUs by itself:
/// time = start + bytes / rate.
struct LowLatencyLaw {
  Seconds start;
  BytesPerSecond rate;
};

/// DeepEP's low-latency kernels on H800 with ConnectX-7, since June 2025: NVLink inside the node, RDMA
/// beyond. Each law is the line through two rows of its table: EP8, where all is NVLink (77 us dispatch, 114
/// us combine), and EP64, where seven of eight copies leave the node (173 and 314 us).
struct LowLatencyKernels {
  LowLatencyLaw nvlink, nic;
  std::string_view source;
};
inline constexpr LowLatencyKernels deep_ep_low_latency{
    {Seconds(37.44e-6), BytesPerSecond(167.8e9)},
    {Seconds(22.25e-6), BytesPerSecond(44.04e9)},
    "DeepEP README at de8cfca, 2025-06-05",
};

/// Bytes of one copy of a token of a low-latency dispatch: FP8 values, scales, and a header of 16 bytes.
constexpr Bytes low_latency_token(int hidden) { return fp8_token(hidden) + Bytes(16); }

/// Time of one all-to-all of `copies` messages of a rank, their ranks drawn evenly among `ranks`:
///
///   copies to the own node's other GPUs by NVLink, copies to other nodes by the NIC, at once; the slower
///
/// Units      bytes of one copy; seconds.
/// Checked    tests/models/collectives/deep_ep_test.cpp: EP16, 32, 128 and 256, dispatch and combine.
/// Leaves out contention with other traffic, skew of the routing, batches so small that latency is all.
constexpr Seconds low_latency_time(const LowLatencyKernels& kernels, int ranks, int ranks_of_a_node,
                                   int copies, Bytes copy) {
  const auto law = [&](const LowLatencyLaw& of, int destinations) {
    const double bytes = double(copies) * destinations / ranks * double(copy.value());
    return destinations > 0 ? of.start + Seconds(bytes / of.rate.value()) : Seconds(0);
  };
  const int near = ranks < ranks_of_a_node ? ranks : ranks_of_a_node;
  const Seconds nvlink = law(kernels.nvlink, near - 1), nic = law(kernels.nic, ranks - near);
  return nvlink > nic ? nvlink : nic;
}

}  // namespace orrery
