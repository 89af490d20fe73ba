#include "models/work/stages.hpp"

#include <algorithm>
#include <numeric>

#include "sim/random.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

TEST(BlocksPerStage, AreAsEvenAsPossibleWithTheShortOnesWhereTheMapSays) {
  EXPECT_EQ(blocks_per_stage(62, 16, LayerMap::EndsShort),
            (std::vector<int>{3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3}));
  EXPECT_EQ(blocks_per_stage(7, 4, LayerMap::EndsShort),
            (std::vector<int>{2, 2, 2, 1}));  // The last stage first.
  EXPECT_EQ(blocks_per_stage(5, 4, LayerMap::EndsShort),
            (std::vector<int>{1, 2, 1, 1}));  // Last, first, last but one.
  EXPECT_EQ(blocks_per_stage(6, 4, LayerMap::FrontHeavy), (std::vector<int>{2, 2, 1, 1}));
  EXPECT_EQ(blocks_per_stage(6, 4, LayerMap::BackHeavy), (std::vector<int>{1, 1, 2, 2}));
}

TEST(BlocksPerStage, SumToTheModelAndDifferByAtMostOne) {
  for (int stages = 1; stages <= 40; ++stages) {
    for (int blocks = stages; blocks <= 130; ++blocks) {
      for (const LayerMap map : {LayerMap::EndsShort, LayerMap::FrontHeavy, LayerMap::BackHeavy}) {
        const std::vector<int> count = blocks_per_stage(blocks, stages, map);
        ASSERT_EQ(int(count.size()), stages);
        ASSERT_EQ(std::accumulate(count.begin(), count.end(), 0), blocks);
        const auto [least, most] = std::minmax_element(count.begin(), count.end());
        ASSERT_LE(*most - *least, 1);
      }
    }
  }
}

// Llama 3 (arXiv 2407.21783, 3.3.2) took a layer from the first and from the last of 16 stages: 126 = 16 x 8
// - 2.
TEST(BlocksPerStage, GiveThePublishedMapOfLlama405B) {
  std::vector<int> published(16, 8);
  published.front() = published.back() = 7;
  EXPECT_EQ(blocks_per_stage(126, 16, LayerMap::EndsShort), published);
}

TEST(CutStages, HoldsEveryBlockOnceInOrderHoweverItIsCut) {
  RandomStream random(1, {.owner = "test", .purpose = "layer maps"});
  for (const char* name : {"deepseek-v3", "deepseek-v2-lite", "llama-3.1-70b", "mixtral-8x7b"}) {
    const Transformer model = built_in(name);
    const int blocks = model.layers + model.predict_layers;
    for (int tries = 0; tries < 50; ++tries) {
      std::vector<int> counts(std::size_t(1 + random.below(12)), 0);
      for (int i = 0; i < blocks; ++i) ++counts[random.below(std::uint32_t(counts.size()))];
      if (counts.front() == 0) continue;
      int next = 0, heads = 0, embeddings = 0;
      BlockKind before = BlockKind::Embedding;
      for (const Stage& stage : cut_stages(model, counts)) {
        for (const Block& block : stage) {
          if (has_attention(block.kind)) {
            ASSERT_EQ(block.layer, next);
            const bool moe = next < model.layers && model.experts && model.is_moe[std::size_t(next)];
            ASSERT_EQ(block.kind, next >= model.layers ? BlockKind::Predict
                                  : moe                ? BlockKind::Moe
                                                       : BlockKind::Dense);
            ++next;
          }
          if (block.kind == BlockKind::Head) {
            ++heads;
            ASSERT_TRUE(has_attention(before));  // A head follows the block whose output it reads.
            ASSERT_GE(next, model.layers);
          }
          embeddings += block.kind == BlockKind::Embedding;
          before = block.kind;
        }
      }
      EXPECT_EQ(next, blocks) << name;
      EXPECT_EQ(embeddings, 1) << name;
      EXPECT_EQ(heads, 1 + model.predict_layers) << name;
    }
  }
}

// The first three layers of DeepSeek-V3 are dense: with the map of its 16 stages they fill the first.
TEST(CutStages, OfDeepSeekV3PutsTheDenseLayersFirstAndMtpLast) {
  const Transformer model = built_in("deepseek-v3");
  const std::vector<Stage> stages = cut_stages(model, blocks_per_stage(62, 16, LayerMap::EndsShort));
  const auto kinds = [](const Stage& stage) {
    std::vector<BlockKind> all;
    for (const Block& block : stage) all.push_back(block.kind);
    return all;
  };
  using enum BlockKind;
  EXPECT_EQ(kinds(stages.front()), (std::vector<BlockKind>{Embedding, Dense, Dense, Dense}));
  EXPECT_EQ(kinds(stages[7]), (std::vector<BlockKind>{Moe, Moe, Moe, Moe}));
  EXPECT_EQ(kinds(stages.back()), (std::vector<BlockKind>{Moe, Moe, Head, Predict, Head}));
}

}  // namespace
}  // namespace orrery
