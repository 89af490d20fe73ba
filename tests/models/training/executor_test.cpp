#include "models/training/executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "models/collectives/deep_ep.hpp"
#include "sim/random.hpp"
#include "tests/models/training/slow_twin.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

constexpr std::int64_t second = 1'000'000'000'000;

/// A block's F, B and W take one unit each: half in each of two segments, but W all in the first, since input
/// gradients leave before the last weight gradient and the formulas let them leave after it.
Pricer unit_prices() {
  return [](BlockKind, Segment segment, std::int64_t) {
    SegmentCost cost;
    const std::int64_t length = segment == Segment::FfnWeight         ? second
                                : segment == Segment::AttentionWeight ? 0
                                                                      : second / 2;
    for (auto& start : cost.start_ps) start = {0, length};
    cost.names = {"unit"};
    cost.launches = 1;
    return cost;
  };
}

StepRequest unit_request(std::string_view schedule, int ranks, int micro_batches) {
  StepRequest request;
  const PipelineShape shape{.ranks = ranks, .micro_batches = micro_batches};
  request.schedule = find_schedule(schedule)->build(shape);
  for (int s = 0; s < request.schedule.stages; ++s) request.stages.push_back({{BlockKind::Dense, s}});
  return request;
}

std::int64_t unit_makespan(std::string_view schedule, int ranks, int micro_batches) {
  SegmentCosts costs(unit_prices());
  return execute(unit_request(schedule, ranks, micro_batches), costs).pipeline_end.value() / second;
}

// DualPipe with F = Bi = W = 1 and F&B = 3: N * 3 busy units a rank and (P/2 - 1)(F&B + B - 3W) =
// (P/2 - 1)(3 + 2 - 3) idle ones. P = 8, N = 20: 60 + 6; P = 16, N = 40: 120 + 14; N = 120: 360 + 14.
TEST(Executor, KeepsThePublishedMakespansOfDualPipe) {
  EXPECT_EQ(unit_makespan("dualpipe", 8, 20), 60 + 3 * 2);
  EXPECT_EQ(unit_makespan("dualpipe", 16, 40), 120 + 7 * 2);
  EXPECT_EQ(unit_makespan("dualpipe", 16, 120), 360 + 7 * 2);
}

// 20 micro-batches through 8 stages on 4 ranks: 2 stages x 20 x 3 = 120 busy, (8/2 - 1) * 2 = 6 idle.
TEST(Executor, KeepsThePublishedMakespanOfDualPipeV) {
  EXPECT_EQ(unit_makespan("dualpipev", 4, 20), 120 + 6);
}

// One forward, one backward: (P - 1)(F + B) idle with F = 1 and B = Bi + W = 2.
TEST(Executor, KeepsTheFormulaOfOneForwardOneBackward) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    for (int micro_batches = ranks; micro_batches < 20; ++micro_batches) {
      EXPECT_EQ(unit_makespan("1f1b", ranks, micro_batches), 3 * micro_batches + 3 * (ranks - 1))
          << ranks << " ranks, " << micro_batches << " micro-batches";
    }
  }
}

/// A small mixture of experts in random sizes and prices, with waits, slowdowns and skew.
struct SmallRun {
  Experts experts{.routed = 16,
                  .per_token = 4,
                  .width = 64,
                  .shared_width = 64,
                  .groups = 4,
                  .groups_per_token = 2,
                  .sigmoid = true,
                  .selection_bias = true};
  RoutingPool pool;
  StepRequest request;

  explicit SmallRun(std::uint64_t seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "small run"});
    request.members = 8;
    pool = sample_routing({.experts = &experts, .ranks = 8, .ranks_per_domain = 2, .tokens = 256}, 16, seed);
    const char* schedules[] = {"1f1b", "zb1p", "dualpipe", "gpipe", "dualpipev"};
    const PipelineShape shape{.ranks = 4, .micro_batches = 8 + 2 * int(random.below(4))};
    request.schedule = find_schedule(schedules[random.below(5)])->build(shape);
    request.overlap = random.below(4) == 0 ? Overlap::Exposed : Overlap::Hidden;
    int layer = 0;
    for (int s = 0; s < request.schedule.stages; ++s) {
      Stage stage;
      if (s == 0) stage.push_back({BlockKind::Embedding, -1});
      for (std::uint32_t i = 0; i < 1 + random.below(3); ++i) {
        stage.push_back({random.below(4) == 0 ? BlockKind::Dense : BlockKind::Moe, layer++});
      }
      if (s == request.schedule.stages - 1) stage.push_back({BlockKind::Head, layer++});
      request.stages.push_back(stage);
    }
    request.routing = &pool;
    request.row_spread = 0.3 * random.uniform();
    request.seed = seed;
    for (std::size_t k = 0; k < 4; ++k) {
      request.transfers.alone[k] = {BytesPerSecond(2e9), BytesPerSecond(4e9 + 4e9 * random.uniform())};
      request.transfers.beside[k] = {BytesPerSecond(1e9 + 1e9 * random.uniform()), BytesPerSecond(4e9)};
      request.transfers.prelude[k] = Seconds(3e-5 * random.uniform());
    }
    request.transfers.outward_token = Bytes(1000);
    request.transfers.back_token = Bytes(2000);
    request.pipeline_message = Bytes(std::int64_t(1e5 * random.uniform()));
    request.pipeline_rate = BytesPerSecond(2e9);
    request.pipeline_latency = Seconds(5e-6);
    if (random.below(2) == 0) request.messages = PipelineMessages::Eager;
  }

  static Pricer prices(std::uint64_t seed) {
    return [seed](BlockKind kind, Segment segment, std::int64_t rows) {
      RandomStream random(
          seed,
          {.owner = "test", .purpose = "prices", .index = std::uint64_t(kind) * 8 + std::uint64_t(segment)});
      SegmentCost cost;
      const int kernels = int(random.below(6));  // None at all is allowed.
      for (auto& start : cost.start_ps) start = {0};
      for (int k = 0; k < kernels; ++k) {
        double length = random.below(8) == 0 ? 0 : 1e-5 + 2e-4 * random.uniform() + 1e-7 * double(rows);
        for (auto& start : cost.start_ps) {
          start.push_back(start.back() + std::int64_t(length * 1e12));
          length *= 1 + 0.3 * random.uniform();
        }
        cost.names.push_back("kernel");
      }
      cost.launches = kernels;
      return cost;
    };
  }
};

// A cursor that jumps over kernels with running sums against one that takes each kernel by itself.
TEST(Executor, AgreesWithASlowTwinThatRunsKernelByKernel) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const SmallRun run(seed);
    SegmentCosts costs(SmallRun::prices(seed));
    const double fast = to_seconds(execute(run.request, costs).pipeline_end).value();
    const double slow = SlowTwin(run.request, costs).makespan();
    // Each of some thousand events rounds to whole picoseconds.
    EXPECT_NEAR(fast, slow, 1e-8 * slow) << "seed " << seed << ", " << run.request.schedule.name;
  }
}

/// The same small run on a fabric: 4 pipeline ranks x 8 members = 32 GPUs in 16 nodes of 2.
Fabric small_fabric() {
  FabricRequest request{.nodes = 16,
                        .gpus_per_node = 2,
                        .nics_per_node = 2,
                        .switch_ports = 32,
                        .nvlink = BytesPerSecond(8e9),
                        .nic = BytesPerSecond(2e9),
                        .trunk = BytesPerSecond(2e9)};
  return find_topology("multi-plane-fat-tree")->build(request);
}

// Flows share NICs with pipeline messages, which folding leaves out; with messages of no size and NVLink
// out of the way an all-to-all is alone on its links and both ways must give the same time.
TEST(Executor, FoldedAndFullAgreeWhenNothingElseIsOnTheLinks) {
  const Fabric fabric = small_fabric();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SmallRun run(seed);
    run.request.pipeline_message = Bytes(0);
    for (auto& rates : run.request.transfers.alone) rates.nvlink = BytesPerSecond(1e12);
    for (auto& rates : run.request.transfers.beside) rates.nvlink = BytesPerSecond(1e12);
    SegmentCosts costs(SmallRun::prices(seed));
    const double folded = to_seconds(execute(run.request, costs).pipeline_end).value();
    run.request.fidelity = Fidelity::Full;
    run.request.fabric = &fabric;
    const StepOutcome full = execute(run.request, costs);
    EXPECT_NEAR(folded, to_seconds(full.pipeline_end).value(), 1e-6 * folded) << "seed " << seed;
    EXPECT_EQ(full.flows, full.transfers * 2u * 4u * 3u);  // 2 rails, 4 nodes with 3 others each.
  }
}

TEST(Executor, GivesTheSameAnswerTwice) {
  const SmallRun run(7);
  SegmentCosts once(SmallRun::prices(7)), again(SmallRun::prices(7));
  const StepOutcome a = execute(run.request, once), b = execute(run.request, again);
  EXPECT_EQ(a.pipeline_end, b.pipeline_end);
  for (std::size_t i = 0; i < a.ranks.size(); ++i) EXPECT_EQ(a.ranks[i].exposed, b.ranks[i].exposed);
}

// busy + idle = wall on the compute stream, slice by slice: no two kernels at once, and their sum is the
// account's.
TEST(Executor, TracesEveryPicosecondOfComputeOnce) {
  SmallRun run(3);
  run.request.traced = {0, 5};
  SegmentCosts costs(SmallRun::prices(3));
  const StepOutcome outcome = execute(run.request, costs);
  for (std::uint32_t actor = 0; actor < 2; ++actor) {
    Picoseconds busy{}, previous_end{};
    for (const auto& slice : outcome.timeline.slices) {
      if (slice.actor != actor || slice.stream != 0) continue;
      EXPECT_GE(slice.start, previous_end);
      previous_end = slice.end;
      busy += slice.end - slice.start;
    }
    EXPECT_EQ(busy, outcome.ranks[run.request.traced[actor]].compute);
  }
}

// Every message between two ranks has a slice at its sender, one at its receiver and an arrow between them,
// and nothing overlaps on any stream.
TEST(Executor, TracesEveryMessageFromItsSenderToItsReceiver) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SmallRun run(seed);
    for (std::uint32_t rank = 0; rank < 32; ++rank) run.request.traced.push_back(rank);
    SegmentCosts costs(SmallRun::prices(seed));
    const StepOutcome outcome = execute(run.request, costs);
    const PipelineSchedule& schedule = run.request.schedule;
    std::size_t expected = 0;
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      for (const Op& op : schedule.order[std::size_t(rank)]) {
        const Chunk next{op.forward.stage + 1, op.forward.micro_batch},
            before{op.backward.stage - 1, op.backward.micro_batch};
        const bool forward = op.pass == Pass::Forward || op.pass == Pass::Overlapped;
        const bool backward = op.pass != Pass::Forward && op.pass != Pass::WeightBackward;
        if (forward && next.stage < schedule.stages && schedule.rank_of(next) != rank) expected += 8;
        if (backward && before.stage >= 0 && schedule.rank_of(before) != rank) expected += 8;
      }
    }
    const Timeline& timeline = outcome.timeline;
    EXPECT_EQ(timeline.arrows.size(), expected) << "seed " << seed;
    for (const Timeline::Arrow& arrow : timeline.arrows) {
      const Timeline::Slice &from = timeline.slices[arrow.from], &to = timeline.slices[arrow.to];
      EXPECT_NE(from.actor, to.actor);
      EXPECT_EQ(timeline.names[from.name].substr(0, 4), "send");
      EXPECT_EQ(timeline.names[to.name].substr(0, 4), "recv");
      EXPECT_EQ(timeline.names[from.name].back(), timeline.names[to.name].back());  // F or B.
      EXPECT_LE(from.end, to.start);
    }
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::pair<Picoseconds, Picoseconds>>> rows;
    for (const auto& slice : timeline.slices)
      rows[{slice.actor, slice.stream}].push_back({slice.start, slice.end});
    for (auto& [row, slices] : rows) {
      std::sort(slices.begin(), slices.end());
      for (std::size_t i = 0; i + 1 < slices.size(); ++i) EXPECT_LE(slices[i].second, slices[i + 1].first);
    }
  }
}

TEST(Executor, TakesLayersThatAreDrawnAlready) {
  SmallRun run(5);
  SegmentCosts costs(SmallRun::prices(5));
  const StepOutcome own = execute(run.request, costs);
  DrawnLayers drawn{5, run.request.row_spread, {}};
  int layer = 0;  // Some layer: the others it still draws itself.
  for (const Stage& stage : run.request.stages) {
    for (const Block& block : stage) {
      if (has_experts(block.kind)) layer = block.layer;
    }
  }
  drawn.layers.resize(std::size_t(layer) + 1);
  for (int micro_batch = 0; micro_batch < 6; ++micro_batch) {
    drawn.layers.back().push_back(route_layer(run.pool, {5, 0, layer, micro_batch}, run.request.row_spread));
  }
  run.pool.drawn = std::make_shared<DrawnLayers>(drawn);
  EXPECT_EQ(execute(run.request, costs).pipeline_end, own.pipeline_end);
  for (RoutedLayer& routed : drawn.layers.back()) {
    for (std::int32_t& sent : routed.sent) sent *= 100;
  }
  run.pool.drawn = std::make_shared<DrawnLayers>(drawn);
  EXPECT_GT(execute(run.request, costs).pipeline_end, own.pipeline_end);  // They are used.
  run.request.seed = 6;
  const StepOutcome other = execute(run.request, costs);
  run.pool.drawn = nullptr;
  EXPECT_EQ(execute(run.request, costs).pipeline_end, other.pipeline_end);  // Not for another seed.
}

}  // namespace
}  // namespace orrery
