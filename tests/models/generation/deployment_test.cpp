#include "models/generation/deployment.hpp"

#include "models/transformer/transformer.hpp"
#include "tests/models/generation/deployed.hpp"

namespace orrery {
namespace {

// On 128 GPUs each of 58 layers leaves two experts of 3 x 7,168 x 2,048 parameters, 1 + 4 / 16,384 B each;
// attention, shared experts and the first dense layers are whole; tables, norms and gates 2 B. The MTP module
// has a layer more.
TEST(InstanceMemory, OfDeepSeekV3On128GpusHoldsTwoExpertsALayer) {
  const Deployment d = answering(16).deployment;
  const Transformer& v3 = d.layout.model;
  const double expert = double(expert_parameters(v3)), fp8 = 1 + 4.0 / 16384;
  const double experts = 59 * 2 * expert * fp8;
  const double attention = 62 * double(attention_parameters(v3)), shared = 59 * 3.0 * 7168 * 2048,
               dense = 3 * double(dense_ffn_parameters(v3));
  const double tables = 2 * 129280.0 * 7168;
  const double low = experts + (attention + shared + dense) * 1 + 2 * tables;
  const double high = experts + (attention + shared + dense) * 1.1 + 2 * tables + 2 * 59 * 256 * 7168.0 +
                      2 * 2 * 7168.0 * 7168;
  const InstanceMemory memory = instance_memory(d);
  EXPECT_GT(double(memory.weights.value()), low);
  EXPECT_LT(double(memory.weights.value()), high);
  // 61 layers of 576 BF16 elements: the 70,272 B a token of the DeepSeek-V3 facts; the rest of 90 % of the
  // GPU.
  EXPECT_EQ(memory.cache_token, Bytes(70272));
  const double room = 0.9 * double(d.layout.gpu.memory.value()) - double(memory.weights.value());
  EXPECT_EQ(memory.cache_tokens, std::int64_t(room / 70272));
}

TEST(InstanceMemory, GroupedHeadsAreSharedOutAndLatentsAreNot) {
  const auto token = [](const char* model, int tensor) {
    const Assembled a = assemble(read_scenario(
        "deepseek-v3-grpo",
        std::vector<std::string>{"model.config=" + std::string(model),
                                 "generation.tensor=" + std::to_string(tensor), "generation.nodes=1",
                                 "generation.draft_acceptance=0 %", "plan.expert=1"}));
    return instance_memory(a.phases.at(0).answers->deployment).cache_token;
  };
  // 80 layers x 8 heads x 128 x keys and values x 2 B.
  EXPECT_EQ(token("llama-3.1-70b", 1), Bytes(80 * 8 * 128 * 2 * 2));
  EXPECT_EQ(token("llama-3.1-70b", 4), Bytes(80 * 2 * 128 * 2 * 2));
  EXPECT_EQ(token("llama-3.1-70b", 8), Bytes(80 * 1 * 128 * 2 * 2));
  EXPECT_EQ(token("deepseek-v3", 4), Bytes(70272));
}

TEST(CheckDeployment, SaysWhatKeepsAnInstanceFromAnswering) {
  const auto problems = [](Deployment d, std::int64_t longest) {
    std::string all;
    for (const Finding& f : check_deployment(d, longest)) all += f.key + ": " + f.problem + "\n";
    return all;
  };
  Deployment d = answering(8).deployment;
  EXPECT_EQ(problems(d, 32768), "");
  Deployment other = d;
  other.layout.kernels.decode.reset();
  EXPECT_NE(problems(other, 1).find("no kernels that were measured generating"), std::string::npos);
  other = d;
  other.layout.tensor = 3;
  EXPECT_NE(problems(other, 1).find("generation.nodes, generation.tensor: generation: "), std::string::npos)
      << problems(other, 1);
  other = d;
  other.acceptance = 0.8, other.layout.model.predict_layers = 0;
  EXPECT_NE(problems(other, 1).find("no multi-token prediction to draft with"), std::string::npos);
  // A tenth of 84.9 GB is less than the weights: no room for a single token.
  other = d;
  other.memory_share = 0.1;
  EXPECT_NE(problems(other, 100).find("room for 0 tokens; the longest answer with its prompt has 100"),
            std::string::npos)
      << problems(other, 100);
}

}  // namespace
}  // namespace orrery
