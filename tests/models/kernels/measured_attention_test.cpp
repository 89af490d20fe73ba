#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "measured.hpp"

// Attention of every family against its tables, as in measured_gemm_test.cpp; whole shapes (tokens, heads)
// are held out. Ten percent, and six for the trace's own kernels.

namespace orrery::measured {
namespace {

constexpr double shortest = 100e-6;

std::vector<Sample> silicon(const KernelFamily& kernels, const std::string& file) {
  std::vector<Sample> samples;
  for (const Row& row : read_table(file)) {
    const int tokens = int(whole(row, "isl")), dim = int(whole(row, "head_dim"));
    const Attention attention{.batch = int(whole(row, "batch_size")),
                              .queries = tokens,
                              .keys = tokens,
                              .heads = int(whole(row, "num_heads")),
                              .key_value_heads = int(whole(row, "num_key_value_heads")),
                              .query_key_dim = dim,
                              .value_dim = dim};
    const double seconds = number(row, "latency") * 1e-3;
    if (seconds < shortest) continue;
    const Seconds time = attention_time(kernels, fitted_gpu(kernels), attention, 0, Beside::Nothing);
    samples.push_back({{tokens, attention.heads}, seconds, time.value()});
  }
  return samples;
}

Attention latent(int batch, int tokens, int heads) {
  return {.batch = batch,
          .queries = tokens,
          .keys = tokens,
          .heads = heads,
          .key_value_heads = heads,
          .query_key_dim = 192,
          .value_dim = 128};
}

/// The table holds every shape twice without saying why. The first of each agrees with FlashAttention-3 on
/// H800 (0.57 against 0.58 of the BF16 peak at 32768 tokens); the second reaches 0.72, slower for short
/// sequences, as FP8 keys and values would be. The first is fitted.
std::vector<Sample> latent_on_h100(const KernelFamily& kernels) {
  std::vector<Sample> samples;
  std::set<std::tuple<int, int, int>> seen;
  for (const Row& row : read_table("h100_mla_prefill.csv")) {
    const int batch = int(whole(row, "batch_size")), tokens = int(whole(row, "isl"));
    const int heads = int(whole(row, "num_heads"));
    const double seconds = number(row, "latency") * 1e-3;
    if (!seen.insert({batch, tokens, heads}).second || seconds < shortest) continue;
    const Seconds time =
        attention_time(kernels, fitted_gpu(kernels), latent(batch, tokens, heads), 0, Beside::Nothing);
    samples.push_back({{tokens, heads}, seconds, time.value()});
  }
  return samples;
}

double traced(const std::string& kernel) {
  for (const Row& row : read_table("h800_trace_attention.csv")) {
    if (row.at("kernel") == kernel) return number(row, "mean_us") * 1e-6;
  }
  ADD_FAILURE() << kernel;
  return 0;
}

std::vector<Sample> flash_3(const KernelFamily& kernels) {
  std::vector<Sample> samples;
  for (const Row& row : read_table("h800_mla_prefill.csv")) {
    const int tokens = int(whole(row, "seq_len"));
    const double seconds = number(row, "latency_us") * 1e-6;
    const Seconds time =
        attention_time(kernels, fitted_gpu(kernels), latent(1, tokens, 128), 0, Beside::Nothing);
    samples.push_back({{tokens, 128}, seconds, time.value()});
  }
  const Seconds time =
      attention_time(kernels, fitted_gpu(kernels), latent(1, 4096, 128), 20, Beside::Transfer);
  samples.push_back({{4096, 128}, traced("forward"), time.value()});
  return samples;
}

struct Comparison {
  std::string family, table, what;
  std::vector<Sample> samples;
};

std::vector<Comparison> comparisons() {
  std::vector<Comparison> all;
  for (const std::string gpu : {"a100", "h100", "b200"}) {
    for (const std::string& name : family_names()) {
      if (!name.starts_with("cublas_" + gpu)) continue;
      const std::string file = gpu + "_attention_forward.csv";
      all.push_back({name, file, "attention forward", silicon(family(name), file)});
      if (gpu != "h100") continue;
      all.push_back({name, "h100_mla_prefill.csv", "attention forward_latent", latent_on_h100(family(name))});
    }
  }
  for (const std::string name : {"dualpipe_trace", "deepgemm"}) {
    all.push_back(
        {name, "h800_mla_prefill.csv, h800_trace_attention.csv", "attention forward", flash_3(family(name))});
  }
  return all;
}

TEST(MeasuredAttention, every_family_gives_back_its_tables_on_fitted_and_on_held_out_shapes) {
  for (const Comparison& comparison : comparisons()) {
    const Score s = score(comparison.samples, held_shapes(comparison.samples));
    print(comparison.family, comparison.table, comparison.what, s);
    EXPECT_LE(s.fitted, 10) << comparison.family;
    EXPECT_LE(s.held, 10) << comparison.family;
    // Five lengths of one shape are too few for a ratio; they have a limit of their own instead.
    const double noise = comparison.samples.size() < 10 ? 4.0 : 3.0;
    EXPECT_LE(s.held, std::max(1.3 * s.fitted, noise)) << comparison.family;
    const auto line = stated(family(comparison.family), comparison.table, comparison.what);
    ASSERT_TRUE(line.has_value()) << comparison.family << " " << comparison.table;
    EXPECT_NEAR(line->fitted_percent.value_or(0), s.fitted, 0.02);
    EXPECT_NEAR(line->held_out_percent.value_or(0), s.held, 0.02);
  }
}

TEST(MeasuredAttention, the_trace_s_own_kernels_come_out_within_six_percent) {
  const KernelFamily kernels = family("dualpipe_trace");
  const GpuSpec gpu = fitted_gpu(kernels);
  Attention attention = latent(1, 4096, 128);
  const double forward = attention_time(kernels, gpu, attention, 20, Beside::Transfer).value();
  EXPECT_NEAR(forward / traced("forward"), 1, 0.06);
  attention.backward = true;
  const double backward = attention_time(kernels, gpu, attention, 20, Beside::Transfer).value();
  // 3779 us main kernel and 256 + 219 us before and after it.
  const double whole = traced("backward") + traced("backward before") + traced("backward after");
  EXPECT_NEAR(backward / whole, 1, 0.06);
  std::printf("dualpipe_trace attention forward %+.1f %%, backward with passes around it %+.1f %%\n",
              100 * (forward / traced("forward") - 1), 100 * (backward / whole - 1));
}

}  // namespace
}  // namespace orrery::measured
