#include "tests/models/memory/requests.hpp"

namespace orrery {
namespace {

std::vector<const Stage*> pointers(const std::vector<Stage>& stages) {
  std::vector<const Stage*> all;
  for (const Stage& stage : stages) all.push_back(&stage);
  return all;
}

WorkShape alone(const Transformer& model) { return {.model = &model, .sequence = 4096, .recompute = {}}; }

TEST(RankParameters, OfOneRankWithEveryStageAreTheWholeModel) {
  for (const char* name :
       {"deepseek-v3", "deepseek-v2", "deepseek-v2-lite", "deepseek-67b", "llama-3.1-8b", "llama-3.1-405b",
        "qwen2.5-72b", "qwen3-235b-a22b", "mixtral-8x7b", "kimi-k2", "gpt-3-175b"}) {
    const Transformer model = built_in(name);
    const int blocks = model.layers + model.predict_layers;
    for (const int stages : {1, 3, 16}) {
      const std::vector<Stage> cut = cut_stages(model, blocks_per_stage(blocks, stages, LayerMap::EndsShort));
      const RankParameters held = rank_parameters(alone(model), pointers(cut));
      const ParameterCount count = count_parameters(model);
      EXPECT_EQ(held.total(), count.total + count.predict_own) << name << ", " << stages << " stages";
      EXPECT_LT(held.dense_products, held.dense) << name;
    }
  }
}

// 671,026,419,200 parameters of the main model and 11,610,068,224 of the MTP module's own: published
// checkpoints.
TEST(RankParameters, OfDeepSeekV3OverSixtyFourExpertRanksSumToTheModel) {
  const Transformer model = built_in("deepseek-v3");
  WorkShape shape = alone(model);
  shape.expert = 64;
  const std::vector<Stage> cut = cut_stages(model, blocks_per_stage(62, 16, LayerMap::EndsShort));
  const RankParameters held = rank_parameters(shape, pointers(cut));
  EXPECT_EQ(held.dense + 64 * held.expert, 671'026'419'200 + 11'610'068'224);
}

// Stage r and stage 15 - r lie on rank r: 16 ranks hold every stage twice. The MTP module lies with the head
// and the embedding on ranks 0 and 15, so no table is held a third time.
TEST(RankParameters, OfDualPipeHoldEveryStageTwiceAndSharedTablesOnce) {
  const Transformer model = built_in("deepseek-v3");
  const MemoryRequest request = deepseek_v3_request(model);
  std::int64_t dense = 0, expert = 0;
  for (int rank = 0; rank < 16; ++rank) {
    EXPECT_EQ(stages_of_rank(request.schedule, rank),
              (std::vector<int>{std::min(rank, 15 - rank), std::max(rank, 15 - rank)}));
    const RankParameters held =
        rank_parameters(request.shape, stages_on_rank(request.schedule, request.stages, rank));
    dense += held.dense;
    expert += 64 * held.expert;
  }
  EXPECT_EQ(dense + expert, 2 * (671'026'419'200 + 11'610'068'224));
}

// On its own pipeline rank the MTP module needs a copy of the embedding: 129,280 x 7,168 numbers more than
// the model.
TEST(RankParameters, OfOneForwardOneBackwardRepeatTheEmbeddingForTheMtpModule) {
  const Transformer model = built_in("deepseek-v3");
  const MemoryRequest request = request_for(alone(model), "1f1b", {16, 32, 1});
  std::int64_t sum = 0;
  for (int rank = 0; rank < 16; ++rank) {
    sum += rank_parameters(request.shape, stages_on_rank(request.schedule, request.stages, rank)).total();
  }
  EXPECT_EQ(sum, 671'026'419'200 + 11'610'068'224 + 129'280 * std::int64_t(7168));
}

// Llama's matrices and tables divide evenly; only norms are repeated: 2 a layer and the last, of 8,192
// numbers.
TEST(RankParameters, OfTensorRanksRepeatOnlyNorms) {
  const Transformer model = built_in("llama-3.1-70b");
  const std::vector<Stage> cut = cut_stages(model, {80});
  WorkShape shape = alone(model);
  const std::int64_t whole = rank_parameters(shape, pointers(cut)).total();
  shape.tensor = 8;
  EXPECT_EQ(8 * rank_parameters(shape, pointers(cut)).total(), whole + 7 * (2 * 80 + 1) * std::int64_t(8192));
}

// With 16 tensor ranks and 8 key-value heads each rank has one: K and V of 8,192 x 128 numbers twice over.
TEST(RankParameters, OfMoreTensorRanksThanKeyValueHeadsRepeatThose) {
  const Transformer model = built_in("llama-3.1-70b");
  const std::vector<Stage> cut = cut_stages(model, {80});
  WorkShape shape = alone(model);
  const std::int64_t whole = rank_parameters(shape, pointers(cut)).total();
  shape.tensor = 16;
  EXPECT_EQ(16 * rank_parameters(shape, pointers(cut)).total(),
            whole + 15 * (2 * 80 + 1) * std::int64_t(8192) + 80 * 2 * std::int64_t(8192) * 128 * 8);
}

}  // namespace
}  // namespace orrery
