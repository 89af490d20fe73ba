#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "sim/fair_share.hpp"
#include "sim/flow_network.hpp"
#include "sim/random.hpp"

// The pattern that decides the speed of a training step: one all-to-all is 8 rails; a rail is 56 flows from
// each of 8 nodes to each other, over a NIC out and a NIC in, with sizes within 5 % of each other and weights
// in proportion to them. All figures are per flow, from its start to its completion.
namespace orrery {
namespace {

using namespace literals;

constexpr int rails = 8, nodes = 8, flows_of_a_rail = nodes * (nodes - 1);

struct Message {
  std::array<PathLink, 5> path;
  std::size_t length;
  Bytes size;
};

enum class Route { TwoNics, WithNvlink };

constexpr LinkIndex link_of(int kind, int rail, int node) {
  return LinkIndex((kind * rails + rail) * nodes + node);
}

std::vector<Message> all_to_all(Route route, std::uint64_t index) {
  RandomStream random(1, {.owner = "all-to-all", .purpose = "size", .index = index});
  std::vector<Message> messages;
  for (int rail = 0; rail < rails; ++rail) {
    for (int from = 0; from < nodes; ++from) {
      for (int to = 0; to < nodes; ++to) {
        if (from == to) continue;
        Message message{.path = {}, .length = 2, .size = Bytes(1'900'000 + random.below(200'000))};
        message.path[0] = {link_of(0, rail, from), 1.0f};
        message.path[1] = {link_of(1, rail, to), 1.0f};
        if (route == Route::WithNvlink) {  // Fast enough not to be the narrowest, yet listed.
          message.path[2] = {link_of(2, rail, to), 2.7f};
          message.path[3] = {link_of(3, rail, to), 2.7f};
          message.length = 4;
        }
        messages.push_back(message);
      }
    }
  }
  return messages;
}

FlowNetwork cluster() {
  std::vector<BytesPerSecond> capacity(2 * rails * nodes, 50_GBps);
  capacity.resize(4 * rails * nodes, 160_GBps);
  return FlowNetwork(std::move(capacity));
}

std::vector<std::vector<Message>> some_all_to_alls(Route route) {
  std::vector<std::vector<Message>> some;
  for (std::uint64_t index = 0; index < 16; ++index) some.push_back(all_to_all(route, index));
  return some;
}

void start_all(FlowNetwork& network, Picoseconds now, const std::vector<Message>& messages) {
  for (const Message& message : messages) {
    network.start(now, {.size = message.size,
                        .weight = double(message.size.value()),
                        .path = std::span(message.path.data(), message.length)});
  }
}

// Steps from completion to completion, as an executor does.
Picoseconds drain(FlowNetwork& network, std::vector<FlowNetwork::Completion>& done) {
  Picoseconds now{};
  for (Picoseconds next = network.next_completion(); next != never; next = network.next_completion()) {
    now = next;
    done.clear();
    network.advance(now, done);
  }
  return now;
}

void report(benchmark::State& state, const FlowNetwork& network, double times = 1) {
  const double flows = double(network.flows_started()) * times;
  state.counters["flows"] = benchmark::Counter(flows, benchmark::Counter::kIsRate);
  state.counters["flows_per_update"] = flows / times / double(network.updates());
}

void all_to_alls_one_by_one(benchmark::State& state, Route route) {
  const auto some = some_all_to_alls(route);
  FlowNetwork network = cluster();
  std::vector<FlowNetwork::Completion> done;
  Picoseconds now{};
  std::size_t index = 0;
  for (auto _ : state) {
    start_all(network, now, some[index++ % some.size()]);
    now = drain(network, done);
  }
  report(state, network);
}
BENCHMARK_CAPTURE(all_to_alls_one_by_one, two_nics, Route::TwoNics);
BENCHMARK_CAPTURE(all_to_alls_one_by_one, with_nvlink, Route::WithNvlink);

// A point-to-point message from rail 0 to rail 1 couples two components half-way.
void all_to_all_joined_by_a_message(benchmark::State& state) {
  const auto some = some_all_to_alls(Route::TwoNics);
  FlowNetwork network = cluster();
  std::vector<FlowNetwork::Completion> done;
  Picoseconds now{};
  std::size_t index = 0;
  const std::array<PathLink, 2> path{{{link_of(0, 0, 3), 1.0f}, {link_of(1, 1, 5), 1.0f}}};
  for (auto _ : state) {
    start_all(network, now, some[index++ % some.size()]);
    done.clear();
    now = now + Picoseconds(100'000'000);
    network.advance(now, done);
    network.start(now, {.size = Bytes(3'000'000), .weight = 2e6, .path = path});
    now = drain(network, done);
  }
  report(state, network);
}
BENCHMARK(all_to_all_joined_by_a_message);

// One rail of a pipeline of 16 stages, each with its own all-to-alls out of step with the others; after every
// eighth, each of its NICs sends a message to the next stage. Messages chain all stages into one component.
void all_to_alls_of_a_pipeline(benchmark::State& state) {
  constexpr std::uint32_t stages = 16;
  const auto out = [](std::uint32_t stage, std::uint32_t node) { return stage * nodes + node; };
  const auto in = [](std::uint32_t stage, std::uint32_t node) { return (stages + stage) * nodes + node; };
  RandomStream random(1, {.owner = "pipeline", .purpose = "size"});
  FlowNetwork network({});
  for (auto _ : state) {
    network = FlowNetwork(std::vector<BytesPerSecond>(2 * stages * nodes, 50_GBps));
    std::array<std::uint32_t, stages> open{}, finished{};
    std::vector<std::pair<Picoseconds, std::uint32_t>> begins;
    for (std::uint32_t stage = 0; stage < stages; ++stage) {
      begins.push_back({Picoseconds(random.below(1'000'000'000)), stage});
    }
    std::vector<FlowNetwork::Completion> done;
    while (true) {
      const auto begin = std::min_element(begins.begin(), begins.end());
      const Picoseconds begin_at = begin == begins.end() ? never : begin->first;
      const Picoseconds now = std::min(begin_at, network.next_completion());
      if (now == never) break;
      done.clear();
      network.advance(now, done);
      for (const FlowNetwork::Completion& completion : done) {
        if (completion.tag == stages || --open[completion.tag] > 0) continue;
        const std::uint32_t stage = completion.tag;
        if (++finished[stage] < 32) begins.push_back({now + Picoseconds(300'000'000), stage});
        if (finished[stage] % 8 != 0) continue;
        for (std::uint32_t node = 0; node < nodes; ++node) {
          const std::array<PathLink, 2> path{
              {{out(stage, node), 1.0f}, {in((stage + 1) % stages, node), 1.0f}}};
          network.start(now, {.size = 58_MB, .weight = 13e6, .path = path, .tag = stages});
        }
      }
      if (begin_at != now) continue;
      const std::uint32_t stage = begin->second;
      begins.erase(begin);
      for (std::uint32_t from = 0; from < nodes; ++from) {
        for (std::uint32_t to = 0; to < nodes; ++to) {
          if (from == to) continue;
          const Bytes size(12'500'000 + random.below(1'000'000));
          const std::array<PathLink, 2> path{{{out(stage, from), 1.0f}, {in(stage, to), 1.0f}}};
          network.start(now, {.size = size, .weight = double(size.value()), .path = path, .tag = stage});
          ++open[stage];
        }
      }
    }
  }
  report(state, network, double(state.iterations()));
}
BENCHMARK(all_to_alls_of_a_pipeline)->Unit(benchmark::kMillisecond);

// Equal weights and unequal sizes: every end changes the rates of others.
void all_to_all_of_equal_weights(benchmark::State& state) {
  const auto some = some_all_to_alls(Route::TwoNics);
  FlowNetwork network = cluster();
  std::vector<FlowNetwork::Completion> done;
  Picoseconds now{};
  std::size_t index = 0;
  for (auto _ : state) {
    for (const Message& message : some[index++ % some.size()]) {
      network.start(now, {.size = message.size, .path = std::span(message.path.data(), message.length)});
    }
    now = drain(network, done);
  }
  report(state, network);
}
BENCHMARK(all_to_all_of_equal_weights);

// One rail, solved by the plain reference: what the fast network saves.
void plain_solve_of_a_rail(benchmark::State& state) {
  const std::vector<BytesPerSecond> capacity(2 * rails * nodes, 50_GBps);
  std::vector<SharedFlow> flows;
  for (const Message& message : all_to_all(Route::TwoNics, 0)) {
    if (int(flows.size()) == flows_of_a_rail) break;
    flows.push_back(
        {.weight = double(message.size.value()), .path = {message.path.begin(), message.path.begin() + 2}});
  }
  for (auto _ : state) benchmark::DoNotOptimize(fair_share(capacity, flows));
}
BENCHMARK(plain_solve_of_a_rail);

}  // namespace
}  // namespace orrery

BENCHMARK_MAIN();
