#include "scenarios/validate/cost_court.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/kernels/family.hpp"
#include "scenarios/reading/assemble.hpp"
#include "scenarios/validate/cost_figures.hpp"
#include "scenarios/validate/freed_memory.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

/// A small plan for a model: one micro-batch of 512 tokens a rank.
TrainingPlan plan_of(const std::string& model, const std::string& more = "") {
  const std::string text =
      "[model]\nconfig = \"" + model +
      "\"\n[cluster]\ngpu = \"h800\"\nnodes = 8\n[plan]\nglobal_batch = 64\nsequence = 512\n"
      "kernels = \"dualpipe_trace\"\n" +
      more;
  const DocumentReading document = read_document_text({"a.toml", text}, {});
  EXPECT_TRUE(document.diagnostics.empty());
  const Assembled assembled = assemble(read_scenario(document.document));
  EXPECT_TRUE(assembled.ok()) << diagnostics_text(assembled.diagnostics, assembled.document.sources);
  return assembled.plan;
}

const bool keeps = [] {
  keep_freed_memory();
  return true;
}();

/// Narrow slices, so that all models together take seconds; widths that are left out are scaled.
CostSample small_sample() {
  return {.tokens = 32, .experts = 2, .routing_tokens = 1024, .core_length = 256, .weights = 30'000'000};
}

void expect_holds(const Court& court) {
  EXPECT_GT(court.evidence.size(), 20u);
  for (const Evidence& e : court.evidence)
    EXPECT_TRUE(holds(e)) << e.figure << ": counted " << e.measured << ", assumed "
                          << e.expected.value_or(NAN);
}

struct Case {
  const char *model, *plan;
};
class OfModel : public testing::TestWithParam<Case> {};

TEST_P(OfModel, EveryCountIsTheSimulators) {
  const TrainingPlan plan = plan_of(GetParam().model, GetParam().plan);
  expect_holds(cost_court(plan, small_sample(), [](double) {}));
}

constexpr const char* fp8_experts =
    "expert = 64\nprecision = \"fp8\"\nrecompute = [\"norm\", \"up_projection\", \"swiglu\"]\n";
constexpr const char* bf16_experts = "expert = 8\nprecision = \"bf16\"\n";
INSTANTIATE_TEST_SUITE_P(Cost, OfModel,
                         testing::Values(Case{"deepseek-v3", fp8_experts},
                                         Case{"deepseek-v2-lite", bf16_experts},
                                         Case{"deepseek-v2-lite", "expert = 16\nprecision = \"fp8\"\n"},
                                         Case{"mixtral-8x7b", bf16_experts},
                                         Case{"llama-3.1-8b", "precision = \"bf16\"\n"},
                                         Case{"llama-3.1-8b", "precision = \"fp8\"\ntensor = 2\n"}),
                         [](const auto& of) {
                           std::string name = std::string(of.param.model) + std::to_string(of.index);
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

TEST(CostCourt, AWrongCostFailsWhicheverItIs) {
  const TrainingPlan plan = plan_of("deepseek-v2-lite", fp8_experts);
  const CountedCosts counted = counted_costs(plan, small_sample(), [](double) {});
  const std::vector<CostFigure> assumed = assumed_costs(plan, counted.sizes);
  ASSERT_TRUE(holds(judge_costs(counted, assumed)));
  std::size_t judged = 0;
  for (std::size_t i = 0; i < assumed.size(); ++i) {
    std::vector<CostFigure> wrong = assumed;
    wrong[i].value *= 1.5;
    wrong[i].error = 0;
    const Court court = judge_costs(counted, wrong);
    const bool beside = std::any_of(court.evidence.begin(), court.evidence.end(), [&](const Evidence& e) {
      return e.rule == Rule::Beside && e.expected == wrong[i].value;
    });
    if (beside) continue;
    ++judged;
    EXPECT_FALSE(holds(court)) << assumed[i].block << " " << assumed[i].what << " " << assumed[i].pass;
  }
  EXPECT_GT(judged, 40u);
}

TEST(CostCourt, ACountThatIsOffByOneInAMillionFails) {
  const TrainingPlan plan = plan_of("llama-3.1-8b");
  const CountedCosts counted = counted_costs(plan, small_sample(), [](double) {});
  std::vector<CostFigure> assumed = assumed_costs(plan, counted.sizes);
  for (CostFigure& f : assumed) {
    if (f.what == "network up" && f.pass == "W") f.value *= 1 + 1e-6;
  }
  EXPECT_FALSE(holds(judge_costs(counted, assumed)));
}

TEST(CostCourt, AFigureThatOneSideLacksFails) {
  const TrainingPlan plan = plan_of("llama-3.1-8b");
  const CountedCosts counted = counted_costs(plan, small_sample(), [](double) {});
  std::vector<CostFigure> assumed = assumed_costs(plan, counted.sizes);
  std::vector<CostFigure> fewer(assumed.begin() + 1, assumed.end());
  EXPECT_FALSE(holds(judge_costs(counted, fewer)));
  assumed.push_back({"dense", "a kernel that nobody runs", "F", 1, 0});
  EXPECT_FALSE(holds(judge_costs(counted, assumed)));
}

// Scaled counts do not depend on how much was really computed: widths, heads and tokens left out come back.
TEST(CostCourt, SmallerSlicesCountTheSame) {
  const TrainingPlan plan = plan_of("llama-3.1-8b");
  CostSample wide = small_sample(), narrow = small_sample();
  wide.weights = 60'000'000;
  narrow.tokens = 16;
  const CountedCosts a = counted_costs(plan, wide, [](double) {}),
                     b = counted_costs(plan, narrow, [](double) {});
  ASSERT_EQ(a.figures.size(), b.figures.size());
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    if (a.figures[i].rule != Rule::Equal) continue;
    EXPECT_EQ(a.figures[i].value, b.figures[i].value) << a.figures[i].what;
  }
}

}  // namespace
}  // namespace orrery
