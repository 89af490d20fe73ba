#include "scenarios/validate/study.hpp"

#include <gtest/gtest.h>

#include "scenarios/validate/balance_court.hpp"
#include "scenarios/validate/small_model.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {
namespace {

using reference::TrainingRequest;

/// One of 256 words.
std::string word(std::uint32_t i) {
  return {char('a' + i % 23), char('a' + i / 16 % 16), char('a' + i * 5 % 19)};
}

/// A small text with something to learn: each second word follows from the first.
reference::Corpus some_corpus() {
  std::string text;
  std::uint32_t state = 1;
  for (int line = 0; line < 10'000; ++line) {
    state = state * 1664525u + 1013904223u;
    text += " " + word(state >> 24) + " " + word((state >> 24) * 7 % 256);
  }
  Checked<reference::Corpus> corpus = reference::read_corpus(text, 800, 1000, 1000);
  EXPECT_TRUE(corpus.ok()) << corpus.findings.front().problem;
  return std::move(corpus.value);
}

StudyRequest some_study() {
  StudyRequest study;
  study.base = small_training(built_in("deepseek-v3"),
                              {.experts = 16,
                               .per_token = 2,
                               .hidden = 16,
                               .layers = 2,
                               .vocabulary = 800,
                               .steps = 5,
                               .sequences = 4,
                               .length = 16,
                               .held_out = 1024},
                              Effort::Quick)
                   .value;
  study.effort = Effort::Quick;
  study.seeds = 2;
  study.variants = {Variant::Bf16, Variant::AuxiliaryLoss, Variant::NoBalancing, Variant::Perturbed,
                    Variant::Fp8};
  return study;
}

TEST(Study, TrainsEachVariantOnceForEachSeedAndTheyDiffer) {
  const StudyRequest request = some_study();
  double last = 0;
  const Study study = run_study(request, some_corpus(), [&](double share) { last = share; });
  EXPECT_EQ(last, 1.0);
  EXPECT_EQ(study.runs.size(), 10u);
  const auto loss = [&](Variant variant, std::size_t seed) {
    return runs_of(study.runs, variant).at(seed)->held_out_loss;
  };
  for (const Variant variant : request.variants) {
    EXPECT_EQ(runs_of(study.runs, variant).size(), 2u);
    EXPECT_NE(loss(variant, 0), loss(variant, 1)) << "another seed is another training";
    if (variant == Variant::Bf16) continue;
    EXPECT_NE(loss(variant, 0), loss(Variant::Bf16, 0)) << variant_name(variant);
  }
  // What differs in one unit of one weight starts together: the first batch's loss within 1 %.
  const double plain = runs_of(study.runs, Variant::Bf16)[0]->loss[0];
  EXPECT_NEAR(runs_of(study.runs, Variant::Perturbed)[0]->loss[0], plain, 0.01 * plain);
}

TEST(Study, TheMeanHasTheStandardErrorOfTheMean) {
  // 1, 2, 3, 6: mean 3; squares of deviations 4 + 1 + 0 + 9 = 14; s = sqrt(14 / 3); error s / sqrt 4.
  const Mean mean = mean_of({1, 2, 3, 6});
  EXPECT_DOUBLE_EQ(mean.value, 3);
  EXPECT_NEAR(mean.error, std::sqrt(14.0 / 3) / 2, 1e-15);
  EXPECT_EQ(in_words(mean, 2), "3.00 ± 1.08");
  EXPECT_EQ(in_words(mean_of({0.5}), 1, 100), "50.0") << "one run has no error";
}

/// A run whose held-out tokens chose so that MaxVio is what is said; the rest is made up.
StudyRun made_up(Variant variant, double violation, double loss) {
  StudyRun run{variant, 0, {}};
  run.run.violation = {{1.0, violation}};
  run.run.held_out_violation = {violation};
  run.run.held_out_loss = loss;
  run.run.held_out_tokens = 2;
  reference::Indices choice(2, 2);
  choice << 0, 1, 2, 3;
  run.run.held_out_choice = {choice};
  return run;
}

TEST(BalanceCourt, FailsWhereBalancingFallsShortInAnyOfItsThreeRespects) {
  StudyRequest request = some_study();
  request.effort = Effort::Whole;
  request.seeds = 1;
  const auto judged = [&](double bias, double none, double loss) {
    return holds(
        balance_court(request, {made_up(Variant::Bf16, bias, loss), made_up(Variant::AuxiliaryLoss, 0.5, 3.0),
                                made_up(Variant::NoBalancing, none, 3.0)}));
  };
  EXPECT_TRUE(judged(0.09, 0.5, 3.0));
  EXPECT_FALSE(judged(0.11, 0.6, 3.0)) << "MaxVio above 0.1";
  EXPECT_FALSE(judged(0.09, 0.44, 3.0)) << "less than 5 times below none";
  EXPECT_FALSE(judged(0.09, 0.5, 3.01)) << "loss above the auxiliary loss's";
}

}  // namespace
}  // namespace orrery
