#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "models/kernels/kernel.hpp"

namespace orrery {

/// The part of the output that one thread block makes.
struct Tile {
  int rows, columns;
};

using BesideFactors = std::array<double, beside_count>;  ///< Time beside something / time alone; by Beside.

/// Constants of the matrix product law; gemm.cpp says how they meet.
struct GemmConstants {
  Seconds launch{};            ///< Once a kernel: start, first fill of the pipeline, last store.
  Seconds tile_overhead{};     ///< Once a tile, for 128 x 128 results; other tiles by their area.
  double tensor_share = 1;     ///< Of the peak of one multiprocessor, in the main loop.
  double sustained_share = 1;  ///< Of the whole chip's peak, that its power allows.
  double hbm_share = 1;        ///< Of the memory's peak.
  BytesPerSecond feed{};       ///< Operands from the L2 cache into one multiprocessor.
  double reread_share = 0;     ///< Of the operand bytes of later waves that the L2 cache does not hold.
  int contraction_step = 64;   ///< k is computed in whole steps.
  int output_bytes = 2;        ///< Moved for one result: 2 for BF16 written; 8 for FP32 read and written.
  Seconds cast_launch{};       ///< See operand_cast_time.
  BesideFactors beside{1, 1, 1};
  std::vector<Tile> tiles;  ///< The kernel takes the fastest.
};

/// Constants of the attention law; attention.cpp says how they meet.
struct AttentionConstants {
  Seconds launch{};
  Seconds tile_overhead{};     ///< Once a block of queries: load, first softmax, store.
  double tensor_share = 1;     ///< Of one multiprocessor's BF16 peak, softmax included.
  double sustained_share = 1;  ///< As in GemmConstants.
  double hbm_share = 1;
  double tail_share = 0;  ///< Of the longest block, that the multiprocessors wait for each other at the end.
  BesideFactors beside{1, 1, 1};
};

/// Constants of attention against a cache; decode_attention.cpp says how they meet.
struct DecodeConstants {
  Seconds launch{};            ///< Once a kernel, the sum over its splits included.
  Seconds sequence{};          ///< Once a sequence.
  double hbm_share = 1;        ///< Of the memory's peak, while the cache is read.
  double sustained_share = 1;  ///< As in GemmConstants.
};

struct TrafficConstants {
  double hbm_share = 1;  ///< Achieved bandwidth over the memory's peak, on assumed bytes.
  BesideFactors beside{1, 1, 1};
};

/// The chip that the tables were measured on. Shares are of its peaks; another chip scales by its own
/// peak, multiprocessors, bandwidth and power.
struct FittedOn {
  std::string gpu;
  int multiprocessors = 0;
  FlopsPerSecond bf16{}, fp8{};
  BytesPerSecond hbm{};
  Watts power{};
};

/// How well the constants give back a table: mean absolute error of kernels of 100 us or more
/// (of decoding, 20 us).
struct TableError {
  std::string table, what;
  int fitted_rows = 0, held_out_rows = 0;
  std::optional<double> fitted_percent, held_out_percent;  ///< Absent where there are no such rows.
};

struct KernelFamily {
  std::string name, about;
  FittedOn fitted_on;
  Seconds launch_gap{};
  std::array<Seconds, beside_count> small_kernel_extra{};  ///< By Beside.
  /// Multiprocessors that matrix products leave free, whether or not anyone uses them.
  int reserved_multiprocessors = 0;

  std::array<std::optional<GemmConstants>, 4> gemm;  ///< By precision, then pass.
  std::optional<GemmConstants> fp8_masked;           ///< Of GroupRows::Masked, where it has kernels for that.
  AttentionConstants forward;
  std::optional<AttentionConstants> forward_latent;  ///< Where MLA (unequal dims) has a kernel of its own.
  AttentionConstants backward;
  std::optional<DecodeConstants> decode;  ///< Where it has kernels for decoding.
  std::array<TrafficConstants, std::size_t(Traffic::Count)> traffic;
  std::vector<TableError> errors;

  /// A family without FP8 kernels runs FP8 requests in BF16.
  const GemmConstants& gemm_constants(const GpuSpec& gpu, Precision precision, GemmPass pass) const;
};

/// The precision that is really computed: BF16 where the chip or the family has no FP8.
Precision computed_precision(const KernelFamily& family, const GpuSpec& gpu, Precision wanted);

/// The pass that casts A to FP8 before the product. Published FP8 tables of whole linear layers contain
/// it, so a comparison with them adds it; in a simulated layer casts are kernels of their own. Reads BF16
/// and writes FP8 (3 bytes an element) at the rate of Traffic::CastToken, after `cast_launch`.
Seconds operand_cast_time(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm);

/// How limits meet that hold at the same time: the eighth root of (sum of fourth powers)^2 + power^8. The
/// largest rules; limits that come close slow each other; power, kept by the clock, yields to none.
Seconds meet(std::initializer_list<double> limits, double power);

/// What an FP8 or BF16 operand weighs.
constexpr int element_bytes(Precision precision) { return precision == Precision::Fp8 ? 1 : 2; }

/// The rate that the chip's power sustains: a share of the fitted chip's peak, by watts. Zero watts in
/// either: by the chip's own peak.
FlopsPerSecond sustained_rate(const KernelFamily& family, const GpuSpec& gpu, Precision precision,
                              double share);

}  // namespace orrery
