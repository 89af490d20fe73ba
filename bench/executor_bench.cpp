#include <benchmark/benchmark.h>

#include <string>

#include "models/training/step.hpp"
#include "scenarios/reading/assemble.hpp"

// The main case: one step of DeepSeek-V3 on 2,048 H800 with its routing samples drawn beforehand.
namespace orrery {
namespace {

const Assembled& deepseek_v3() {
  static const Assembled assembled = assemble(read_scenario("deepseek-v3", {}));
  return assembled;
}

void routing_pool(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(plan_routing(deepseek_v3().plan));
  state.SetItemsProcessed(state.iterations() * deepseek_v3().plan.routing_samples * 4096);  // Tokens.
}
BENCHMARK(routing_pool)->Unit(benchmark::kMillisecond);

void routed_layer(benchmark::State& state) {
  const auto pool = plan_routing(deepseek_v3().plan);
  int layer = 0;
  for (auto _ : state) benchmark::DoNotOptimize(route_layer(*pool, {1, 0, ++layer, 0}, 0.076));
}
BENCHMARK(routed_layer)->Unit(benchmark::kMicrosecond);

void step(benchmark::State& state, Fidelity fidelity) {
  TrainingPlan plan = deepseek_v3().plan;
  plan.fidelity = fidelity;
  const auto pool = plan_routing(plan);
  double events = 0, flows = 0;
  for (auto _ : state) {
    const TrainingStep simulated = simulate_step(plan, pool ? &*pool : nullptr);
    events += double(simulated.outcome.events);
    flows += double(simulated.outcome.flows);
  }
  state.counters["events"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
  state.counters["flows"] = benchmark::Counter(flows, benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(step, lockstep, Fidelity::Lockstep)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, folded, Fidelity::Folded)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step, full_2048_ranks, Fidelity::Full)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orrery

BENCHMARK_MAIN();
