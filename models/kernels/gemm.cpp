#include <algorithm>
#include <cmath>

#include "models/kernels/family.hpp"

namespace orrery {
namespace {

double ceil_div(double a, double b) { return std::ceil(a / b); }

FlopsPerSecond peak(const GpuSpec& gpu, Precision precision) {
  return precision == Precision::Fp8 ? gpu.fp8 : gpu.bf16;
}

/// Tiles of one kernel, whole tiles at the edges. Groups of a product are padded to 128 rows each, so
/// their sum counts as one matrix; groups of an accumulation are matrices of their own.
double count_tiles(const Gemm& gemm, Tile tile) {
  const double one = ceil_div(double(gemm.m), tile.rows) * ceil_div(double(gemm.n), tile.columns);
  return gemm.pass == GemmPass::Accumulate ? one * gemm.groups : one;
}

/// A tile taller than a group's padding would straddle two groups.
bool fits(const Gemm& gemm, Tile tile) {
  const int padding = gemm.rows == GroupRows::Masked ? 64 : 128;
  return gemm.groups == 1 || gemm.pass == GemmPass::Accumulate || tile.rows <= padding;
}

struct Bounds {
  const GemmConstants& constants;
  double blocks;     ///< Multiprocessors that compute.
  double rate;       ///< FLOP/s of one of them.
  double bandwidth;  ///< Bytes/s achieved.
  double sustained;  ///< Seconds that power asks for.
  int bytes;         ///< Of one operand element.
};

double output_bytes(const Gemm& gemm, const GemmConstants& constants) {
  const double matrices = gemm.pass == GemmPass::Accumulate ? gemm.groups : 1;
  return constants.output_bytes * matrices * double(gemm.m) * double(gemm.n);
}

/// Operands from HBM: each once, and again for every wave what the cache does not hold. A wave of B
/// blocks covers about a square of the output, sqrt(B tile) on each side.
double operand_bytes(const Gemm& gemm, Tile tile, const Bounds& bounds) {
  const double m = double(gemm.m), n = double(gemm.n), k = double(gemm.k);
  const bool accumulate = gemm.pass == GemmPass::Accumulate;
  const double once = bounds.bytes * k * (accumulate ? m + n : m + gemm.groups * n);
  const double side = std::sqrt(bounds.blocks * tile.rows * tile.columns);
  const double waves = bounds.bytes * k * 2 * m * n / side;
  return once + bounds.constants.reread_share * std::max(waves - once, 0.0);
}

Seconds tile_time(const Gemm& gemm, Tile tile, const Bounds& bounds) {
  const GemmConstants& c = bounds.constants;
  const double area = double(tile.rows) * tile.columns;
  const double depth = gemm.pass == GemmPass::Accumulate ? double(gemm.k) / gemm.groups : double(gemm.k);
  const double padded = ceil_div(depth, c.contraction_step) * c.contraction_step;
  const double waves = ceil_div(count_tiles(gemm, tile), bounds.blocks);
  const double overhead = c.tile_overhead.value() * area / (128.0 * 128.0);
  const double compute = waves * (overhead + 2 * area * padded / bounds.rate);
  const double feed = waves * bounds.bytes * padded * (tile.rows + tile.columns) / c.feed.value();
  const double memory = (operand_bytes(gemm, tile, bounds) + output_bytes(gemm, c)) / bounds.bandwidth;
  return meet({compute, feed, memory}, bounds.sustained);
}

/// FP8 products with split accumulators take 1.1 to 1.2 times as long as with fast ones (cuBLAS on H100,
/// pytorch/ao issue 2377); the middle.
constexpr double split_accumulation = 1.15;

}  // namespace

/// Matrix product: launch + the time of the fastest tile shape, where four limits meet (`meet`):
///   waves   whole rounds of tiles over the multiprocessors, each an overhead plus its multiplications at
///           a share of the multiprocessor's peak, k in whole steps;
///   feed    the tiles' operands from the L2 cache into the multiprocessors: (rows + columns) k a tile, so
///           large tiles are cheaper;
///   memory  operands once, a share of what later waves read again, results, at a share of HBM's peak;
///   power   all multiplications at the rate that the chip sustains.
/// One law for every family, precision and pass; the constants are the family's. Overhead and feed are of
/// one multiprocessor, the others shares of the chip's peaks, so that a chip nobody measured scales.
///
/// Masked groups (`GroupRows::Masked`) have constants of their own where the family's kernels have been
/// measured so: whole weights stream past few rows.
///
/// Units      m, n, k in elements; result in seconds.
/// Source     tile and wave quantization: NVIDIA, Matrix Multiplication Background. The constants: fitted
///            by tests/measured/fit_kernels.py to single kernels; each family's file names its tables.
/// Checked    tests/models/kernels/measured_gemm_test.cpp, kernels of 100 us or more, mean absolute error on
///            shapes (n, k) fitted / held out: H800 trace 1.0 / 2.5 % (product), 2.4 / 2.2 % (accumulate);
///            DeepGEMM dense 7.8 / 4.2 %, grouped 2.9 / 2.3 %; A100 5.2 / 5.4 %; H100 BF16 4.5 / 4.4 %, FP8
///            2.6 / 3.1 %, block FP8 4.8 / 4.6 %; B200 5.7 / 6.1 %, 5.2 / 5.3 %, 3.8 / 4.3 %.
/// Leaves out split-k, uneven groups within a product, clocks that follow temperature, kernels under 20 us.
Seconds gemm_time(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm, int communication_sms,
                  Beside beside) {
  if (gemm.m <= 0 || gemm.n <= 0 || gemm.k <= 0 || gemm.groups <= 0) return Seconds(0);
  const Precision precision = computed_precision(family, gpu, gemm.precision);
  const bool masked = gemm.rows == GroupRows::Masked && precision == Precision::Fp8 && family.fp8_masked;
  const GemmConstants& c =
      masked ? *family.fp8_masked : family.gemm_constants(gpu, gemm.precision, gemm.pass);
  const int held = std::max(communication_sms, family.reserved_multiprocessors);
  const double flops = 2.0 * double(gemm.m) * double(gemm.n) * double(gemm.k);
  const Bounds bounds{
      .constants = c,
      .blocks = double(std::max(1, gpu.multiprocessors - held)),
      .rate = c.tensor_share * peak(gpu, precision).value() / gpu.multiprocessors,
      .bandwidth = c.hbm_share * gpu.hbm.value(),
      .sustained = flops / sustained_rate(family, gpu, precision, c.sustained_share).value(),
      .bytes = element_bytes(precision),
  };
  std::optional<Seconds> best;
  for (const Tile& tile : c.tiles) {
    if (!fits(gemm, tile)) continue;
    const Seconds time = tile_time(gemm, tile, bounds);
    if (!best || time < *best) best = time;
  }
  const bool split = gemm.accumulator == Accumulator::Split && precision == Precision::Fp8;
  const double factor = c.beside[std::size_t(beside)] * (split ? split_accumulation : 1.0);
  return factor * (c.launch + best.value_or(Seconds(0)));
}

}  // namespace orrery
