#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "measured.hpp"

// Laws that hold for any shape, whatever the constants are.

namespace orrery::measured {
namespace {

class Shapes {
 public:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  Gemm gemm() {
    return {.m = between(1, 40000),
            .n = between(1, 40000),
            .k = between(1, 20000),
            .pass = between(0, 1) == 0 ? GemmPass::Product : GemmPass::Accumulate,
            .precision = between(0, 1) == 0 ? Precision::Bf16 : Precision::Fp8};
  }

 private:
  std::mt19937_64 engine_{7};
};

double flops(const Gemm& g) { return 2.0 * double(g.m) * double(g.n) * double(g.k); }

TEST(KernelLaws, no_product_beats_the_peak_of_the_chip_or_its_memory) {
  Shapes shapes;
  for (const std::string& name : family_names()) {
    const KernelFamily kernels = family(name);
    const GpuSpec gpu = fitted_gpu(kernels);
    for (int i = 0; i < 500; ++i) {
      const Gemm g = shapes.gemm();
      const double time = gemm_time(kernels, gpu, g, 0, Beside::Nothing).value();
      const bool fp8 = computed_precision(kernels, gpu, g.precision) == Precision::Fp8;
      EXPECT_GT(time, flops(g) / (fp8 ? gpu.fp8 : gpu.bf16).value());
      EXPECT_GT(time, 2.0 * double(g.m) * double(g.n) / gpu.hbm.value());  // The result, in BF16 at least.
    }
  }
}

TEST(KernelLaws, a_longer_contraction_or_fewer_multiprocessors_never_cost_less) {
  Shapes shapes;
  for (const std::string& name : family_names()) {
    const KernelFamily kernels = family(name);
    const GpuSpec gpu = fitted_gpu(kernels);
    for (int i = 0; i < 500; ++i) {
      Gemm g = shapes.gemm();
      const Seconds time = gemm_time(kernels, gpu, g, 0, Beside::Nothing);
      // The square root of blocks in the operand re-reads falls with the blocks, waves rise: less is never
      // faster.
      EXPECT_GE(gemm_time(kernels, gpu, g, 40, Beside::Nothing), time);
      EXPECT_GE(gemm_time(kernels, gpu, g, 0, Beside::Transfer), time);
      g.k += shapes.between(1, 5000);
      EXPECT_GE(gemm_time(kernels, gpu, g, 0, Beside::Nothing), time);
    }
  }
}

TEST(KernelLaws, the_trace_s_products_leave_twenty_multiprocessors_free_whether_used_or_not) {
  const KernelFamily trace = family("dualpipe_trace"), deepgemm = family("deepgemm");
  const GpuSpec gpu = fitted_gpu(trace);
  const Gemm g{.m = 4096, .n = 7168, .k = 16384, .precision = Precision::Fp8};
  EXPECT_EQ(gemm_time(trace, gpu, g, 0, Beside::Nothing), gemm_time(trace, gpu, g, 20, Beside::Nothing));
  EXPECT_LT(gemm_time(deepgemm, gpu, g, 0, Beside::Nothing),
            gemm_time(deepgemm, gpu, g, 20, Beside::Nothing));
}

TEST(KernelLaws, one_tile_more_than_a_wave_costs_a_whole_wave) {
  const KernelFamily kernels = family("dualpipe_trace");
  const GpuSpec gpu = fitted_gpu(kernels);
  // 112 blocks, tiles of 128 x 128: 8 x 14 tiles are one wave, 8 x 15 two.
  const Gemm one{.m = 8 * 128, .n = 14 * 128, .k = 8192, .precision = Precision::Fp8};
  const Gemm two{.m = 8 * 128, .n = 15 * 128, .k = 8192, .precision = Precision::Fp8};
  const double ratio =
      gemm_time(kernels, gpu, two, 0, Beside::Nothing) / gemm_time(kernels, gpu, one, 0, Beside::Nothing);
  EXPECT_GT(ratio, 1.8);  // 2 but for the launch, and for memory that is not counted in waves.
  EXPECT_LT(ratio, 2.0);
}

TEST(KernelLaws, groups_cost_what_one_matrix_of_their_rows_costs_but_for_their_weights) {
  const KernelFamily kernels = family("dualpipe_trace");
  const GpuSpec gpu = fitted_gpu(kernels);
  Gemm g{.m = 32768, .n = 4096, .k = 7168, .precision = Precision::Fp8};
  const double one = gemm_time(kernels, gpu, g, 0, Beside::Nothing).value();
  g.groups = 4;
  const double four = gemm_time(kernels, gpu, g, 0, Beside::Nothing).value();
  EXPECT_GE(four, one);
  EXPECT_LT(four, 1.02 * one);
  // Accumulation over four groups: four times the waves of a quarter of the depth.
  Gemm a{.m = 4096,
         .n = 7168,
         .k = 32768,
         .groups = 4,
         .pass = GemmPass::Accumulate,
         .precision = Precision::Fp8};
  Gemm quarter = a;
  quarter.k = 8192, quarter.groups = 1;
  const double all = gemm_time(kernels, gpu, a, 0, Beside::Nothing).value();
  EXPECT_NEAR(all / (4 * gemm_time(kernels, gpu, quarter, 0, Beside::Nothing).value()), 1, 0.02);
}

TEST(KernelLaws, a_slower_chip_is_slower_by_its_own_peaks) {
  // H20: 148 BF16 TFLOP/s on 78 multiprocessors, 4 TB/s: 0.15 of the H100's multiplications, 1.19 of its
  // memory.
  const KernelFamily kernels = family("cublas_h100");
  const GpuSpec h100 = fitted_gpu(kernels);
  GpuSpec h20 = h100;
  h20.multiprocessors = 78, h20.bf16 = FlopsPerSecond(148e12), h20.fp8 = FlopsPerSecond(296e12);
  h20.hbm = BytesPerSecond(4e12), h20.power = Watts(500);
  const Gemm g{.m = 8192, .n = 8192, .k = 8192};
  const double slow = gemm_time(kernels, h20, g, 0, Beside::Nothing).value();
  EXPECT_GT(slow, flops(g) / 148e12);
  EXPECT_LT(slow, flops(g) / (0.8 * 148e12));  // Far from its power limit it comes close to its peak.
  EXPECT_LT(traffic_time(kernels, h20, Traffic::Norm, Bytes(1 << 30), Beside::Nothing),
            traffic_time(kernels, h100, Traffic::Norm, Bytes(1 << 30), Beside::Nothing));
  const Attention a{.queries = 4096,
                    .keys = 4096,
                    .heads = 64,
                    .key_value_heads = 8,
                    .query_key_dim = 128,
                    .value_dim = 128};
  EXPECT_GT(attention_time(kernels, h20, a, 0, Beside::Nothing) /
                attention_time(kernels, h100, a, 0, Beside::Nothing),
            3);
}

TEST(KernelLaws, a_chip_without_fp8_computes_in_bf16) {
  const KernelFamily kernels = family("cublas_a100");
  const GpuSpec gpu = fitted_gpu(kernels);
  Gemm g{.m = 4096, .n = 4096, .k = 4096};
  const Seconds bf16 = gemm_time(kernels, gpu, g, 0, Beside::Nothing);
  g.precision = Precision::Fp8;
  EXPECT_EQ(gemm_time(kernels, gpu, g, 0, Beside::Nothing), bf16);
}

TEST(KernelLaws, causal_attention_costs_between_half_and_all_of_the_whole_square) {
  Shapes shapes;
  const KernelFamily kernels = family("cublas_h100");
  const GpuSpec gpu = fitted_gpu(kernels);
  for (int i = 0; i < 500; ++i) {
    const int tokens = int(shapes.between(256, 16384));
    Attention a{.batch = int(shapes.between(1, 8)),
                .queries = tokens,
                .keys = tokens,
                .heads = int(shapes.between(1, 128)),
                .key_value_heads = 1,
                .query_key_dim = 128,
                .value_dim = 128};
    const double causal = attention_time(kernels, gpu, a, 0, Beside::Nothing).value();
    a.causal = false;
    const double whole = attention_time(kernels, gpu, a, 0, Beside::Nothing).value();
    EXPECT_GE(causal, 0.5 * whole);
    EXPECT_LE(causal, whole);
    // Five products instead of two, at a lower rate: more than twice what forward takes after its launch.
    a.backward = true;
    EXPECT_GT(attention_time(kernels, gpu, a, 0, Beside::Nothing).value(),
              2 * (whole - kernels.forward.launch.value()));
  }
}

TEST(KernelLaws, ranks_of_a_context_group_together_do_the_work_of_one) {
  const KernelFamily kernels = family("dualpipe_trace");
  const GpuSpec gpu = fitted_gpu(kernels);
  const Attention whole{.queries = 32768,
                        .keys = 32768,
                        .heads = 128,
                        .key_value_heads = 128,
                        .query_key_dim = 192,
                        .value_dim = 128};
  Attention part = whole;
  part.queries = 4096;
  const double ratio = 8 * attention_time(kernels, gpu, part, 0, Beside::Nothing).value() /
                       attention_time(kernels, gpu, whole, 0, Beside::Nothing).value();
  EXPECT_NEAR(ratio, 1, 0.03);
}

}  // namespace
}  // namespace orrery::measured
