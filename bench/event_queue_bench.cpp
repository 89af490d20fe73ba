#include <benchmark/benchmark.h>

#include "sim/event_queue.hpp"
#include "sim/random.hpp"

// The hold model: with so many events pending, take the next and put in one a random while later.
namespace orrery {
namespace {

struct Payload {
  std::uint32_t actor, work;
};

void hold(benchmark::State& state) {
  RandomStream random(1, {.owner = "bench", .purpose = "delay"});
  EventQueue<Payload> queue;
  for (std::int64_t n = 0; n < state.range(0); ++n) {
    queue.schedule(Picoseconds(random.below(1'000'000)), Phase::Start, {std::uint32_t(n), 0});
  }
  for (auto _ : state) {
    const auto event = queue.pop();
    queue.schedule(event.at + Picoseconds(random.below(1'000'000)), Phase::Start, event.payload);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hold)->Arg(100)->Arg(1'000)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace orrery

BENCHMARK_MAIN();
