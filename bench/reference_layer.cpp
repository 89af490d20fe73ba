#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/validate/cost_slices.hpp"
#include "scenarios/validate/freed_memory.hpp"

// One MoE layer of DeepSeek-V3 at its true dimensions, forward and backward on one core: 256 tokens, MLA, the
// gate over 256 experts, the shared expert and four routed ones; its weights drawn first.

namespace {

using namespace orrery;

double peak_gigabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return double(usage.ru_maxrss) * 1024e-9;
}

void deepseek_v3_layer(benchmark::State& state, const reference::Numerics& numerics) {
  keep_freed_memory();
  const OpenedData config = open_data(DataKind::Model, "deepseek-v3");
  const Checked<Transformer> model = read_transformer(config.source.text, "deepseek-v3");
  const SliceRequest request{
      .model = &model.value, .numerics = numerics, .recompute = {true, true, true}, .sample = CostSample{}};
  for (auto _ : state) benchmark::DoNotOptimize(experts_slice(request).expert_rows);
  state.counters["peak_GB"] = peak_gigabytes();
}

BENCHMARK_CAPTURE(deepseek_v3_layer, fp8, reference::fp8_numerics)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(deepseek_v3_layer, bf16, reference::bf16_numerics)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
BENCHMARK_MAIN();
