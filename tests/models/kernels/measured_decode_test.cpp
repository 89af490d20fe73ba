#include <gtest/gtest.h>

#include <algorithm>

#include "measured.hpp"

// Kernels of decoding against their tables, as in measured_gemm_test.cpp: whole pairs held out of the fit,
// (experts on the GPU, rows of each) and (sequences, tokens of each). Ten percent, and held out at most 1.4
// times fitted.

namespace orrery::measured {
namespace {

/// Two experts or more, 2 to 512 rows each, 20 us or more. Up to 48 rows on average lie within one tile of
/// 64; above, half a tile is added.
std::vector<Sample> masked_groups(const KernelFamily& kernels) {
  std::vector<Sample> samples;
  for (const Row& row : read_table("h800_grouped_gemm_decode.csv")) {
    const std::int64_t groups = whole(row, "num_local_experts"), each = whole(row, "tokens_per_expert");
    const std::int64_t hidden = whole(row, "hidden_size"), width = whole(row, "intermediate_size");
    for (const bool up : {true, false}) {
      const double seconds = number(row, up ? "up_proj_us" : "down_proj_us") * 1e-6;
      if (groups < 2 || each < 2 || each > 512 || seconds < 20e-6) continue;
      const Gemm gemm{.m = (each <= 48 ? 64 : each + 32) * groups,
                      .n = up ? 2 * width : hidden,
                      .k = up ? hidden : width,
                      .groups = int(groups),
                      .precision = Precision::Fp8,
                      .rows = GroupRows::Masked};
      samples.push_back({{groups, each},
                         seconds,
                         gemm_time(kernels, fitted_gpu(kernels), gemm, 0, Beside::Nothing).value()});
    }
  }
  return samples;
}

/// DeepSeek-V3's absorbed attention: 128 heads on 512 latent and 64 rotary elements a token.
DecodeAttention latent_cache(int sequences, std::int64_t tokens) {
  return {.sequences = sequences,
          .queries = 1,
          .keys = sequences * tokens,
          .heads = 128,
          .kept_width = 576,
          .query_key_dim = 576,
          .value_dim = 512};
}

std::vector<Sample> cache_reads(const KernelFamily& kernels) {
  std::vector<Sample> samples;
  for (const Row& row : read_table("h800_mla_decode.csv")) {
    const std::int64_t sequences = whole(row, "batch_size"), tokens = whole(row, "kv_len");
    const DecodeAttention work = latent_cache(int(sequences), tokens);
    samples.push_back({{sequences, tokens},
                       number(row, "latency_us") * 1e-6,
                       decode_attention_time(kernels, fitted_gpu(kernels), work).value()});
  }
  return samples;
}

void expect_score(const KernelFamily& kernels, const std::string& table, const std::string& what,
                  const std::vector<Sample>& samples) {
  const Score s = score(samples, held_shapes(samples));
  print(kernels.name, table, what, s);
  EXPECT_LE(s.fitted, 10);
  EXPECT_LE(s.held, std::min(10.0, 1.4 * s.fitted));
  const auto line = stated(kernels, table, what);
  ASSERT_TRUE(line.has_value()) << table;
  EXPECT_NEAR(line->fitted_percent.value_or(0), s.fitted, 0.02);
  EXPECT_NEAR(line->held_out_percent.value_or(0), s.held, 0.02);
  EXPECT_EQ(line->fitted_rows, s.fitted_rows);
}

TEST(MeasuredDecode, masked_groups_and_cache_reads_come_out_as_the_family_says) {
  const KernelFamily kernels = family("deepgemm");
  expect_score(kernels, "h800_grouped_gemm_decode.csv", "fp8_masked", masked_groups(kernels));
  expect_score(kernels, "h800_mla_decode.csv", "attention decode", cache_reads(kernels));
}

// 64 experts of 3 x 7,168 x 2,048 bytes are 2.82 GB: at 3.35 TB/s they take 0.84 ms however few rows there
// are.
TEST(MeasuredDecode, weights_stream_at_no_more_than_the_memory_s_peak) {
  const KernelFamily kernels = family("deepgemm");
  const GpuSpec gpu = fitted_gpu(kernels);
  Gemm up{.m = 64 * 64,
          .n = 4096,
          .k = 7168,
          .groups = 64,
          .precision = Precision::Fp8,
          .rows = GroupRows::Masked};
  Gemm down = up;
  down.n = 7168, down.k = 2048;
  const Seconds both =
      gemm_time(kernels, gpu, up, 0, Beside::Nothing) + gemm_time(kernels, gpu, down, 0, Beside::Nothing);
  const double bytes = 64.0 * 3 * 7168 * 2048;
  EXPECT_GT(both.value(), bytes / gpu.hbm.value());
  EXPECT_LT(both.value(), 1.2 * bytes / gpu.hbm.value());
}

TEST(DecodeAttention, takes_longer_with_every_key_query_and_sequence) {
  const KernelFamily kernels = family("deepgemm");
  const GpuSpec gpu = fitted_gpu(kernels);
  const DecodeAttention base = latent_cache(32, 4096);
  const auto time = [&](const DecodeAttention& work) { return decode_attention_time(kernels, gpu, work); };
  DecodeAttention more = base;
  more.keys += 1000;
  EXPECT_GT(time(more), time(base));
  more = base, more.queries = 2;
  EXPECT_GT(time(more), time(base));
  more = base, more.sequences = 64;
  EXPECT_GT(time(more), time(base));
  EXPECT_EQ(time(latent_cache(0, 0)), Seconds(0));
}

}  // namespace
}  // namespace orrery::measured
