#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "measured.hpp"

// Every family's matrix products against every table it was fitted to or is checked with: kernels of 100 us
// or more, whole shapes (n, k) held out of the fit. The limits are the project's: 6 % for the trace's own
// kernels, 10 % for the others. Held out may be 1.3 times fitted; below 3 % the ratio says nothing, because
// the same kernel differs by as much between two layers of the trace.

namespace orrery::measured {
namespace {

constexpr double shortest = 100e-6;

struct Measurement {
  Gemm gemm;
  double seconds;
};
using Measurements = std::vector<Measurement>;

Measurements silicon(const std::string& file, const std::string& kind) {
  Measurements rows;
  for (const Row& row : read_table(file)) {
    if (row.at("gemm_dtype") != kind) continue;
    rows.push_back({{.m = whole(row, "m"),
                     .n = whole(row, "n"),
                     .k = whole(row, "k"),
                     .precision = kind == "bfloat16" ? Precision::Bf16 : Precision::Fp8},
                    number(row, "latency") * 1e-3});
  }
  return rows;
}

Measurements cublas_fp16() {
  Measurements rows;
  for (const Row& row : read_table("a100_fp16_gemm.csv")) {
    rows.push_back(
        {{.m = whole(row, "m"), .n = whole(row, "n"), .k = whole(row, "k")}, number(row, "ms") * 1e-3});
  }
  return rows;
}

Measurements deepgemm_dense() {
  Measurements rows;
  for (const Row& row : read_table("h800_fp8_gemm.csv")) {
    rows.push_back(
        {{.m = whole(row, "m"), .n = whole(row, "n"), .k = whole(row, "k"), .precision = Precision::Fp8},
         number(row, "latency_us") * 1e-6});
  }
  return rows;
}

/// The rows really multiplied lie about the nominal ones (the benchmark draws them): the table's own mfu
/// times time gives their sum. Padding to 128 adds half a tile a group on average, a whole one where all fit.
Measurements deepgemm_grouped() {
  Measurements rows;
  for (const Row& row : read_table("h800_grouped_gemm_prefill.csv")) {
    const int groups = int(whole(row, "num_local_experts"));
    const std::int64_t hidden = whole(row, "hidden_size"), width = whole(row, "intermediate_size");
    for (const bool up : {true, false}) {
      const std::int64_t n = up ? 2 * width : hidden, k = up ? hidden : width;
      const double seconds = number(row, up ? "up_proj_us" : "down_proj_us") * 1e-6;
      const double drawn =
          number(row, up ? "up_mfu" : "down_mfu") * 1979e12 * seconds / (2.0 * double(n * k));
      const auto m = std::int64_t(std::ceil(std::max(drawn / groups + 64, 128.0) * groups));
      rows.push_back({{.m = m, .n = n, .k = k, .groups = groups, .precision = Precision::Fp8}, seconds});
    }
  }
  return rows;
}

Measurements deepgemm_first_release() {
  Measurements rows;
  for (const Row& row : read_table("h800_deepgemm_first_release.csv")) {
    const int groups = int(whole(row, "groups"));
    const Gemm gemm{.m = groups * whole(row, "m_per_group"),
                    .n = whole(row, "n"),
                    .k = whole(row, "k"),
                    .groups = groups,
                    .precision = Precision::Fp8};
    rows.push_back({gemm, 2.0 * double(gemm.m) * double(gemm.n * gemm.k) / (number(row, "tflops") * 1e12)});
  }
  return rows;
}

Measurements trace(const std::string& pass) {
  Measurements rows;
  for (const Row& row : read_table("h800_trace_gemm.csv")) {
    if (row.at("pass") != pass) continue;
    rows.push_back({{.m = whole(row, "m"),
                     .n = whole(row, "n"),
                     .k = whole(row, "k"),
                     .groups = int(whole(row, "groups")),
                     .pass = pass == "product" ? GemmPass::Product : GemmPass::Accumulate,
                     .precision = Precision::Fp8},
                    number(row, "mean_us") * 1e-6});
  }
  return rows;
}

/// A linear layer in FP8 casts its input first; the tables of such layers contain the cast.
Seconds with_cast(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm) {
  return gemm_time(family, gpu, gemm, 0, Beside::Nothing) + operand_cast_time(family, gpu, gemm);
}
Seconds alone(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm) {
  return gemm_time(family, gpu, gemm, 0, Beside::Nothing);
}
/// The trace's means: 62.4 % of its span beside a transfer, 25.3 % beside a barrier.
Seconds in_the_trace(const KernelFamily& family, const GpuSpec& gpu, const Gemm& gemm) {
  return 0.624 * gemm_time(family, gpu, gemm, 20, Beside::Transfer) +
         0.253 * gemm_time(family, gpu, gemm, 20, Beside::Barrier) +
         0.123 * gemm_time(family, gpu, gemm, 0, Beside::Nothing);
}

struct Table {
  std::string file;
  Measurements rows;
};
/// Tables of kernels that share constants: a shape is held out of all of them.
struct Comparison {
  std::string family, what;
  double limit;  ///< Percent.
  Seconds (*time)(const KernelFamily&, const GpuSpec&, const Gemm&);
  std::vector<Table> tables;
};

std::vector<Comparison> comparisons() {
  return {
      {"dualpipe_trace", "fp8_product", 6, in_the_trace, {{"h800_trace_gemm.csv", trace("product")}}},
      {"dualpipe_trace", "fp8_accumulate", 6, in_the_trace, {{"h800_trace_gemm.csv", trace("accumulate")}}},
      {"deepgemm",
       "fp8_product",
       10,
       alone,
       {{"h800_fp8_gemm.csv", deepgemm_dense()}, {"h800_grouped_gemm_prefill.csv", deepgemm_grouped()}}},
      {"cublas_a100",
       "bf16_product",
       10,
       alone,
       {{"a100_gemm.csv", silicon("a100_gemm.csv", "bfloat16")}, {"a100_fp16_gemm.csv", cublas_fp16()}}},
      {"cublas_h100", "bf16_product", 10, alone, {{"h100_gemm.csv", silicon("h100_gemm.csv", "bfloat16")}}},
      {"cublas_h100", "fp8_product", 10, with_cast, {{"h100_gemm.csv", silicon("h100_gemm.csv", "fp8")}}},
      {"cublas_h100_block",
       "fp8_block_product",
       10,
       with_cast,
       {{"h100_gemm.csv", silicon("h100_gemm.csv", "fp8_block")}}},
      {"cublas_b200", "bf16_product", 10, alone, {{"b200_gemm.csv", silicon("b200_gemm.csv", "bfloat16")}}},
      {"cublas_b200", "fp8_product", 10, with_cast, {{"b200_gemm.csv", silicon("b200_gemm.csv", "fp8")}}},
      {"cublas_b200_block",
       "fp8_block_product",
       10,
       with_cast,
       {{"b200_gemm.csv", silicon("b200_gemm.csv", "fp8_block")}}},
  };
}

std::vector<Sample> samples(const Comparison& comparison, const KernelFamily& family,
                            const Measurements& rows) {
  std::vector<Sample> result;
  for (const Measurement& row : rows) {
    if (row.seconds < shortest) continue;
    const Seconds time = comparison.time(family, fitted_gpu(family), row.gemm);
    result.push_back({{row.gemm.n, row.gemm.k}, row.seconds, time.value()});
  }
  return result;
}

TEST(MeasuredGemm, every_family_gives_back_its_tables_on_fitted_and_on_held_out_shapes) {
  for (const Comparison& comparison : comparisons()) {
    const KernelFamily kernels = family(comparison.family);
    std::vector<Sample> all;
    for (const Table& table : comparison.tables) {
      const std::vector<Sample> some = samples(comparison, kernels, table.rows);
      all.insert(all.end(), some.begin(), some.end());
    }
    const auto held = held_shapes(all);
    for (const Table& table : comparison.tables) {
      const Score s = score(samples(comparison, kernels, table.rows), held);
      print(comparison.family, table.file, comparison.what, s);
      EXPECT_LE(s.fitted, comparison.limit) << comparison.family << " " << table.file;
      EXPECT_LE(s.held, comparison.limit) << comparison.family << " " << table.file;
      EXPECT_GE(s.fitted_rows, 2);
      EXPECT_GE(s.held_rows, 2);
    }
    const Score whole = score(all, held);
    EXPECT_LE(whole.held, std::max(1.3 * whole.fitted, 3.0)) << comparison.family << " " << comparison.what;
  }
}

TEST(MeasuredGemm, the_errors_written_in_a_family_are_the_errors_that_it_makes) {
  for (const Comparison& comparison : comparisons()) {
    const KernelFamily kernels = family(comparison.family);
    std::vector<Sample> all;
    for (const Table& table : comparison.tables) {
      const std::vector<Sample> some = samples(comparison, kernels, table.rows);
      all.insert(all.end(), some.begin(), some.end());
    }
    for (const Table& table : comparison.tables) {
      const Score s = score(samples(comparison, kernels, table.rows), held_shapes(all));
      const auto line = stated(kernels, table.file, comparison.what);
      ASSERT_TRUE(line.has_value()) << comparison.family << " " << table.file;
      EXPECT_EQ(line->fitted_rows, s.fitted_rows);
      EXPECT_EQ(line->held_out_rows, s.held_rows);
      // The fit's numpy and this program agree but for constants rounded to four digits.
      EXPECT_NEAR(line->fitted_percent.value_or(0), s.fitted, 0.02) << comparison.family << " " << table.file;
      EXPECT_NEAR(line->held_out_percent.value_or(0), s.held, 0.02) << comparison.family << " " << table.file;
    }
  }
}

/// Nothing of this table was fitted: kernels of the first DeepGEMM release, which wrote its results after its
/// products instead of beside them, so short contractions are slower there (k = 512: by a third). The later
/// README calls it a lower bound of the achievable.
TEST(MeasuredGemm, the_first_deepgemm_release_is_never_much_faster_than_the_model_of_a_later_one) {
  const KernelFamily kernels = family("deepgemm");
  std::vector<Sample> rows;
  for (const Measurement& row : deepgemm_first_release()) {
    if (row.seconds < shortest) continue;
    rows.push_back(
        {{row.gemm.n, row.gemm.k}, row.seconds, alone(kernels, fitted_gpu(kernels), row.gemm).value()});
  }
  const Score s = score(rows, {});
  print("deepgemm", "h800_deepgemm_first_release.csv", "fp8_product, unfitted", s);
  EXPECT_EQ(s.fitted_rows, 10);
  EXPECT_LE(s.fitted, 15);
  EXPECT_LE(s.high, 5);
}

}  // namespace
}  // namespace orrery::measured
