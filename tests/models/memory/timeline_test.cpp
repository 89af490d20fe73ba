#include <algorithm>

#include "sim/random.hpp"
#include "tests/models/memory/requests.hpp"

namespace orrery {
namespace {

/// A GPT with as many layers as it has stages: every stage but the ends is one layer.
MemoryRequest uniform(const Transformer& model, std::string_view schedule, const PipelineShape& pipeline) {
  const WorkShape shape{.model = &model, .sequence = 1024, .recompute = {}};
  MemoryRequest request = request_for(shape, schedule, pipeline);
  for (Stage& stage : request.stages) stage = {{BlockKind::Dense, 0}};  // Without tables: all stages alike.
  return request;
}

Transformer small_gpt(int layers) {
  Transformer model = built_in("gpt-22b");
  model.layers = layers;
  model.is_moe.assign(std::size_t(layers), false);
  return model;
}

Bytes most_kept(const MemoryRequest& request, int rank) {
  const RankMemory memory = rank_memory(request, rank);
  const auto& kept = memory.timeline.of[std::size_t(MemoryClass::Activations)];
  return *std::max_element(kept.begin(), kept.end());
}

struct Case {
  std::string_view schedule;
  PipelineShape shape;
};

/// Every schedule in random sizes that its check allows.
std::vector<Case> any_cases() {
  std::vector<Case> cases;
  RandomStream random(1, {.owner = "test", .purpose = "pipelines for memory"});
  for (const ScheduleKind& kind : schedule_kinds()) {
    for (int tries = 0; tries < 60; ++tries) {
      const PipelineShape shape{1 + int(random.below(8)), 1 + int(random.below(40)),
                                1 + int(random.below(3))};
      if (kind.check(shape).empty()) cases.push_back({kind.name, shape});
    }
  }
  return cases;
}

TEST(MemoryTimeline, ReturnsToItsFloorAtTheEndOfEveryScheduleAndNeverGoesBelow) {
  std::size_t seen = 0;
  for (const auto& [schedule, shape] : any_cases()) {
    const Transformer model = small_gpt(find_schedule(schedule)->stages(shape));
    const MemoryRequest request = uniform(model, schedule, shape);
    for (int rank = 0; rank < shape.ranks; ++rank) {
      const RankMemory memory = rank_memory(request, rank);
      const MemoryTimeline& timeline = memory.timeline;
      ASSERT_EQ(timeline.rows(), request.schedule.order[std::size_t(rank)].size() + 1);
      EXPECT_EQ(timeline.row(timeline.rows() - 1).of, memory.floor.of) << schedule;
      Bytes most;
      for (std::size_t row = 0; row < timeline.rows(); ++row) {
        const MemoryBytes now = timeline.row(row);
        for (std::size_t kind = 0; kind < memory_classes; ++kind)
          ASSERT_GE(now.of[kind], memory.floor.of[kind]) << schedule;
        most = std::max(most, now.total());
      }
      EXPECT_EQ(memory.peak.total(), most);
      EXPECT_EQ(timeline.row(std::size_t(memory.peak_op)).of, memory.peak.of);
      EXPECT_EQ(memory.kept_at_peak.total(), memory.peak[MemoryClass::Activations]);
      ++seen;
    }
  }
  EXPECT_GT(seen, 300u);
}

// The schedule's own count of chunks that are alive (until the full or weight backward) bounds what is kept
// plus owed; where no weight gradient is postponed it is met exactly.
TEST(MemoryTimeline, HoldsAsManyChunksAsTheScheduleSays) {
  for (const auto& [schedule, shape] : any_cases()) {
    const Transformer model = small_gpt(find_schedule(schedule)->stages(shape));
    const MemoryRequest request = uniform(model, schedule, shape);
    const Bytes chunk = block_activations(request.shape, {}, BlockKind::Dense, 0).kept.total();
    const ScheduleCost cost = walk(request.schedule, {Seconds(1), Seconds(1), Seconds(1), Seconds(3)});
    for (int rank = 0; rank < shape.ranks; ++rank) {
      const Bytes most = most_kept(request, rank);
      EXPECT_EQ(most.value() % chunk.value(), 0);
      const int chunks = int(most.value() / chunk.value()), published = cost.peak_chunks[std::size_t(rank)];
      const std::vector<Op>& row = request.schedule.order[std::size_t(rank)];
      const bool splits =
          std::any_of(row.begin(), row.end(), [](const Op& op) { return op.pass == Pass::WeightBackward; });
      EXPECT_LE(chunks, published) << schedule;
      EXPECT_TRUE(splits || chunks == published) << schedule << ": " << chunks << " for " << published;
    }
  }
}

// 1F1B holds P - r chunks on rank r, DualPipe P + 1 everywhere (DeepSeek-V3 report, table 2); 8 ranks, 24
// micro-batches.
TEST(MemoryTimeline, HoldsThePublishedNumberOfChunks) {
  const Transformer model = small_gpt(8);
  for (const std::string_view schedule : {"1f1b", "dualpipe"}) {
    const MemoryRequest request = uniform(model, schedule, {8, 24, 1});
    const Bytes chunk = block_activations(request.shape, {}, BlockKind::Dense, 0).kept.total();
    for (int rank = 0; rank < 8; ++rank) {
      const int published = schedule == "1f1b" ? 8 - rank : 9;
      EXPECT_EQ(most_kept(request, rank).value(), (published * chunk).value())
          << schedule << ", rank " << rank;
    }
  }
}

// Of each parameter: 2 B weights, 4 B gradients; the optimizer's 12 B over 8 copies.
TEST(MemoryFloor, IsTheStateOfTheParameters) {
  const Transformer model = small_gpt(4);
  MemoryRequest request = uniform(model, "1f1b", {4, 8, 1});
  request.dense_copies = 8;
  request.state.moment = 4;
  const RankMemory memory = rank_memory(request, 1);
  const std::int64_t held = memory.parameters.total();
  EXPECT_EQ(memory.floor[MemoryClass::Weights].value(), 2 * held);
  EXPECT_EQ(memory.floor[MemoryClass::WeightCopies].value(), 0);
  EXPECT_EQ(memory.floor[MemoryClass::Gradients].value(), 4 * held);
  EXPECT_EQ(memory.floor[MemoryClass::Optimizer].value(), (12 * held + 7) / 8);
}

TEST(MemoryFloor, OfExpertsIsSharedByTheirOwnCopies) {
  const Transformer model = built_in("deepseek-v3");
  const MemoryRequest request = deepseek_v3_request(model);
  const RankMemory memory = rank_memory(request, 7);
  // Stages 7 and 8 are four MoE layers each: 8 layers x 4 experts x 44,040,192 parameters; moments BF16: 8 B.
  EXPECT_EQ(memory.parameters.expert, 8 * 4 * std::int64_t(44'040'192));
  EXPECT_EQ(memory.floor[MemoryClass::Optimizer].value(),
            (8 * memory.parameters.dense + 255) / 256 + 8 * memory.parameters.expert / 4);
}

}  // namespace
}  // namespace orrery
