#include <benchmark/benchmark.h>

#include "scenarios/reading/assemble.hpp"

// Generation: one step priced with the batch's kernels known, and a rollout of 1,024 answers of 8,000 tokens
// on one instance of DeepSeek-R1-Zero.

namespace {

using namespace orrery;

AnswerPhase r1_zero() { return *assemble(read_scenario("deepseek-r1-zero", {})).phases.at(0).answers; }

void decode_step(benchmark::State& state) {
  const AnswerPhase phase = r1_zero();
  DecodePricer pricer(phase.deployment);
  std::int64_t keys = 0;
  for (auto _ : state) benchmark::DoNotOptimize(pricer.step(64, 64 * (1000 + keys++ % 1000)));
}
BENCHMARK(decode_step);

void rollout(benchmark::State& state) {
  const AnswerPhase phase = r1_zero();
  DecodePricer pricer(phase.deployment);
  const Questions questions{
      .answers = 1024, .prompt_tokens = phase.prompt_tokens, .lengths = phase.lengths, .seed = 1};
  roll_out(phase.deployment, pricer, questions);  // Prices every batch once.
  double tokens = 0;
  for (auto _ : state) tokens += roll_out(phase.deployment, pricer, questions).tokens;
  state.counters["tokens"] = benchmark::Counter(tokens, benchmark::Counter::kIsRate);
}
BENCHMARK(rollout)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
