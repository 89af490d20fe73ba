#include <algorithm>
#include <cstdio>

#include "tests/models/memory/requests.hpp"

namespace orrery {
namespace {

void print(const RankMemory& memory) {
  std::printf("  rank %2d (op %d): peak %.2f GB\n", memory.rank, memory.peak_op,
              double(memory.peak.total().value()) / 1e9);
  for (std::size_t kind = 0; kind < memory_classes; ++kind) {
    std::printf("    %-26s %7.2f GB\n", std::string(memory_class_name(MemoryClass(kind))).c_str(),
                double(memory.peak.of[kind].value()) / 1e9);
  }
  for (std::size_t kind = 0; kind < kept_kinds; ++kind) {
    if (memory.kept_at_peak.of[kind].value() == 0) continue;
    std::printf("      kept: %-20s %7.2f GB\n", std::string(kept_name(Kept(kind))).c_str(),
                double(memory.kept_at_peak.of[kind].value()) / 1e9);
  }
}

// It ran there, so it must fit; the other side of the claim is that it fits because of its recipe.
TEST(DeepSeekV3OnH800, Fits) {
  const Transformer model = built_in("deepseek-v3");
  const MemoryRequest request = deepseek_v3_request(model);
  std::printf("DeepSeek-V3 on 2,048 H800, %.2f GB each\n", double(h800_memory.value()) / 1e9);
  print(rank_memory(request, 0));
  print(rank_memory(request, 7));
  print(fullest_rank(request));
  for (int rank = 0; rank < 16; ++rank)
    EXPECT_LT(rank_memory(request, rank).peak.total(), h800_memory) << rank;
  EXPECT_TRUE(check_memory(request, h800_memory, "H800").empty());
}

TEST(DeepSeekV3OnH800, WouldNotFitWithoutItsRecomputation) {
  const Transformer model = built_in("deepseek-v3");
  MemoryRequest request = deepseek_v3_request(model);
  request.shape.recompute = {};
  const Findings findings = check_memory(request, h800_memory, "H800");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].problem.find("H800 has 84.9 GB"), std::string::npos) << findings[0].problem;
  EXPECT_NE(findings[0].problem.find("largest: activations"), std::string::npos) << findings[0].problem;
  EXPECT_EQ(findings[0].remedy.rfind("recompute norms, activations and attention", 0), 0u)
      << findings[0].remedy;
}

TEST(DeepSeekV3OnH800, WouldNotFitInBf16) {
  const Transformer model = built_in("deepseek-v3");
  MemoryRequest request = deepseek_v3_request(model);
  request.shape.precision = Precision::Bf16;
  const Findings findings = check_memory(request, h800_memory, "H800");
  ASSERT_EQ(findings.size(), 1u);
  std::printf("in BF16: %s\n  %s\n", findings[0].problem.c_str(), findings[0].remedy.c_str());
  // Not even whole layers computed again would do: on the middle ranks eight chunks owe their weight
  // gradients at the end, and each of their 32 layers keeps both operands of every product, 2.0 GB in BF16.
  request.shape.recompute.layer = true;
  EXPECT_GT(rank_memory(request, 7).peak[MemoryClass::Owed].value(), 60'000'000'000);
  EXPECT_EQ(findings[0].remedy.rfind("no change", 0), 0u) << findings[0].remedy;
}

/// Llama-3.1-405B on eight pipeline ranks of eight tensor ranks.
MemoryRequest llama(const Transformer& model, int micro_batch) {
  const WorkShape shape{
      .model = &model, .sequence = 8192, .micro_batch = micro_batch, .tensor = 8, .recompute = {}};
  MemoryRequest request = request_for(shape, "1f1b", {16, 32, 1});
  request.state.moment = 4;
  request.dense_copies = 64;
  return request;
}

TEST(CheckMemory, FindsNothingAtExactlyThePeakAndSomethingAByteBelow) {
  const Transformer model = built_in("llama-3.1-405b");
  const MemoryRequest request = llama(model, 1);
  const Bytes peak = fullest_rank(request).peak.total();
  EXPECT_TRUE(check_memory(request, peak, "GPU").empty());
  EXPECT_EQ(check_memory(request, peak - Bytes(1), "GPU").size(), 1u);
}

TEST(CheckMemory, ProposesTheFirstChangeThatFits) {
  const Transformer model = built_in("llama-3.1-405b");
  MemoryRequest request = llama(model, 4);
  const auto remedy = [&](Bytes capacity) {
    const Findings findings = check_memory(request, capacity, "GPU");
    return findings.empty() ? std::string() : findings[0].remedy;
  };
  const Bytes peak = fullest_rank(request).peak.total();
  MemoryRequest parts = request, small = request, layers = request;
  parts.shape.recompute = {.norm = true, .activation = true, .attention = true};
  layers.shape.recompute = {.layer = true};
  small.shape.micro_batch = 1;
  small.schedule = schedule_of("1f1b", {16, 128, 1});
  const Bytes with_parts = fullest_rank(parts).peak.total(), with_small = fullest_rank(small).peak.total();
  ASSERT_LT(with_parts, peak);
  ASSERT_LT(with_small, with_parts);
  EXPECT_EQ(remedy(with_parts).rfind("recompute norms", 0), 0u) << remedy(with_parts);
  EXPECT_EQ(remedy(with_parts - Bytes(1)).rfind("micro-batch 1", 0), 0u) << remedy(with_parts - Bytes(1));
  EXPECT_EQ(remedy(with_small).rfind("micro-batch 1", 0), 0u);
  // Weights, gradients and the reserve alone are more than this: nothing helps.
  EXPECT_EQ(remedy(Bytes(3'000'000'000)).rfind("no change", 0), 0u) << remedy(Bytes(3'000'000'000));
}

TEST(CheckMemory, NamesTheRankTheGapAndTheThreeLargestConsumers) {
  const Transformer model = built_in("llama-3.1-405b");
  const MemoryRequest request = llama(model, 1);
  const RankMemory fullest = fullest_rank(request);
  const Findings findings = check_memory(request, fullest.peak.total() - Bytes(2'000'000'000), "A100-80GB");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].key, "plan");
  // Rank 0 has one block fewer than rank 1 and the embedding: 15 chunks of 8 blocks there, 16 of 7 here.
  EXPECT_NE(findings[0].problem.find("pipeline rank 1 needs"), std::string::npos) << findings[0].problem;
  EXPECT_NE(findings[0].problem.find("2.0 GB too much; largest: "), std::string::npos) << findings[0].problem;
  EXPECT_EQ(std::count(findings[0].problem.begin(), findings[0].problem.end(), ','), 4)
      << findings[0].problem;
}

// The law behind a remedy: whatever is changed toward less memory, no rank gets more of it.
TEST(CheckMemory, MoreRecomputationNeverRaisesActivations) {
  for (const char* name : {"deepseek-v3", "llama-3.1-70b", "mixtral-8x22b"}) {
    const Transformer model = built_in(name);
    WorkShape shape{.model = &model, .sequence = 4096, .recompute = {}};
    const MemoryRequest none = request_for(shape, "1f1b", {4, 8, 1});
    shape.recompute = {.norm = true, .up_projection = true, .activation = true};
    const MemoryRequest parts = request_for(shape, "1f1b", {4, 8, 1});
    shape.recompute = {.layer = true};
    const MemoryRequest layers = request_for(shape, "1f1b", {4, 8, 1});
    for (int rank = 0; rank < 4; ++rank) {
      const auto kept = [rank](const MemoryRequest& r) {
        return rank_memory(r, rank).peak[MemoryClass::Activations];
      };
      EXPECT_LE(kept(parts), kept(none)) << name;
      EXPECT_LE(kept(layers), kept(parts)) << name;
    }
  }
}

}  // namespace
}  // namespace orrery
