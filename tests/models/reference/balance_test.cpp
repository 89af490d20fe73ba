#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/reference/gate.hpp"
#include "tests/models/reference/gate_sample.hpp"
#include "tests/models/reference/gradient_check.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

template <class Real>
GateResult<Real> scored(const Matrix<Real>& score) {
  return {.score = score, .expert = {}, .weight = {}};
}

/// Scores from 0.1 to 1, no two of a token closer than 0.9 / (2 experts): no step of a central difference
/// changes which are largest.
Matrix<double> any_distinct_scores(RandomStream& random, int tokens, int experts) {
  Matrix<double> score(tokens, experts);
  for (Index token = 0; token < tokens; ++token) {
    for (int i = 0; i < experts; ++i) score(token, i) = 0.1 + 0.9 * (i + 0.5 * random.uniform()) / experts;
    for (int i = experts - 1; i > 0; --i)
      std::swap(score(token, i), score(token, Index(random.below(std::uint32_t(i + 1)))));
  }
  return score;
}

Indices any_choice(RandomStream& random, const GateShape& shape, int tokens) {
  Indices choice(tokens, shape.per_token);
  for (Index token = 0; token < tokens; ++token) {
    const int first = int(random.below(std::uint32_t(shape.experts)));
    for (int slot = 0; slot < shape.per_token; ++slot) choice(token, slot) = (first + slot) % shape.experts;
  }
  return choice;
}

// 3 experts, 1 a token, 2 tokens: scores (0.6, 0.3, 0.1) and (0.2, 0.1, 0.1).
//   largest: expert 0 twice; f = 3 / (1 * 2) * (2, 0, 0) = (3, 0, 0)
//   P_0 = (0.6 / 1 + 0.2 / 0.4) / 2 = 0.55; loss = 0.1 * 3 * 0.55 = 0.165
//   d_score of token 0 = 0.1 / 2 * (f - 0.6 * 3) / 1 = (0.06, -0.09, -0.09)
//   of token 1 = 0.1 / 2 * (f - 0.5 * 3) / 0.4 = (0.1875, -0.1875, -0.1875)
TEST(BalanceLoss, OfASequenceWorkedByHand) {
  Matrix<double> score(2, 3), d_score(2, 3);
  score << 0.6, 0.3, 0.1, 0.2, 0.1, 0.1;
  d_score << 0.06, -0.09, -0.09, 0.1875, -0.1875, -0.1875;
  const BalanceResult<double> balance =
      balance_loss(scored(score), {.experts = 3, .per_token = 1}, BalanceLoss::SequenceWise, 2, 0.1);
  EXPECT_NEAR(balance.loss, 0.165, 1e-15);
  EXPECT_LE((balance.d_score - d_score).norm(), 1e-15);
}

// The same scores, but the tokens went to experts 0 and 2: f = (1.5, 0, 1.5), P = (0.55, 0.275, 0.175).
TEST(BalanceLoss, OfTheClassicKindCountsTheActualChoices) {
  Matrix<double> score(2, 3);
  score << 0.6, 0.3, 0.1, 0.2, 0.1, 0.1;
  GateResult<double> result = scored(score);
  result.expert.resize(2, 1);
  result.expert << 0, 2;
  const BalanceResult<double> balance =
      balance_loss(result, {.experts = 3, .per_token = 1}, BalanceLoss::Classic, 2, 0.1);
  EXPECT_NEAR(balance.loss, 0.1 * (1.5 * 0.55 + 1.5 * 0.175), 1e-15);
}

TEST(BalanceLoss, OfEvenUseIsAlphaAndOfOneSidedUseManyTimesThat) {
  // Token t prefers expert t: each is largest once, and every P_i is 1 / 4.
  const Matrix<double> even = Matrix<double>::Identity(4, 4) + Matrix<double>::Constant(4, 4, 0.25);
  const GateShape shape{.experts = 4, .per_token = 1};
  EXPECT_NEAR(balance_loss(scored(even), shape, BalanceLoss::SequenceWise, 4, 0.01).loss, 0.01, 1e-16);
  // All the score on one expert: f = 4 and P = 1 there.
  Matrix<double> one = Matrix<double>::Zero(4, 4);
  one.col(2).setOnes();
  EXPECT_NEAR(balance_loss(scored(one), shape, BalanceLoss::SequenceWise, 4, 0.01).loss, 0.04, 1e-16);
}

TEST(BalanceLoss, IgnoresGroupsAndBiasInASequence) {
  // Groups {0, 1} and {2, 3}; a gate limited to one group could not take 0 and 2, the two largest.
  Matrix<double> score(1, 4);
  score << 0.9, 0.1, 0.8, 0.2;
  const GateShape shape{.experts = 4, .per_token = 2, .groups = 2, .groups_per_token = 1};
  // f = 4 / 2 * (1, 0, 1, 0); P = score / 2.
  EXPECT_NEAR(balance_loss(scored(score), shape, BalanceLoss::SequenceWise, 1, 1.0).loss, 2 * 0.85, 1e-15);
}

TEST(BalanceLoss, IsTheMeanOfItsSequences) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "balance mean"});
    const int sequences = any_size(random, 1, 5), length = any_size(random, 1, 6);
    const GateShape shape{.experts = 7, .per_token = 3};
    const Matrix<double> score = any_distinct_scores(random, sequences * length, 7);
    const BalanceResult<double> all =
        balance_loss(scored(score), shape, BalanceLoss::SequenceWise, length, 0.3);
    double sum = 0;
    for (int s = 0; s < sequences; ++s) {
      const BalanceResult<double> one = balance_loss(scored<double>(score.middleRows(s * length, length)),
                                                     shape, BalanceLoss::SequenceWise, length, 0.3);
      sum += one.loss;
      EXPECT_LE((all.d_score.middleRows(s * length, length) - one.d_score / sequences).norm(), 1e-15);
    }
    EXPECT_NEAR(all.loss, sum / sequences, 1e-15);
  }
}

TEST(BalanceLoss, GradientsAreCentralDifferences) {
  double worst = 0;
  for (const BalanceLoss kind : {BalanceLoss::SequenceWise, BalanceLoss::Classic}) {
    int checked = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      RandomStream random(seed, {.owner = "test", .purpose = "balance gradient"});
      GateShape shape{.experts = any_size(random, 2, 12)};
      shape.per_token = any_size(random, 1, shape.experts - 1);
      const int length = any_size(random, 1, 6), tokens = length * any_size(random, 1, 4);
      GateResult<double> result = scored(any_distinct_scores(random, tokens, shape.experts));
      result.expert = any_choice(random, shape, tokens);
      const double alpha = 0.1 + random.uniform();
      const auto loss = [&] { return balance_loss(result, shape, kind, length, alpha).loss; };
      if (std::abs(loss() - alpha) < 1e-12) continue;  // Even use: alpha, whatever the scores.
      const Matrix<double> d_score = balance_loss(result, shape, kind, length, alpha).d_score;
      const double error = gradient_error(result.score, d_score, loss);
      ASSERT_LE(error, 1e-6) << "seed " << seed;
      worst = std::max(worst, error);
      ++checked;
    }
    EXPECT_GE(checked, 90);
  }
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

template <class Real>
void expect_balance_moves_bits_only() {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "balance renumbering"});
    const GateShape shape{.experts = any_size(random, 2, 40), .per_token = 2};
    const Matrix<Real> score = any_distinct_scores(random, 12, shape.experts).cast<Real>();
    const std::vector<int> renumbered = any_renumbering(random, shape);
    const BalanceResult<Real> one = balance_loss(scored(score), shape, BalanceLoss::SequenceWise, 4, 0.1);
    const BalanceResult<Real> other =
        balance_loss(scored(renumber_columns(score, renumbered)), shape, BalanceLoss::SequenceWise, 4, 0.1);
    ASSERT_EQ(one.loss, other.loss) << "seed " << seed;
    ASSERT_EQ(renumber_columns(one.d_score, renumbered), other.d_score) << "seed " << seed;
  }
}
TEST(BalanceLoss, PermutesExactlyWithItsExperts) {
  expect_balance_moves_bits_only<float>();
  expect_balance_moves_bits_only<double>();
}

TEST(BalanceLoss, LetsWhatIsNotANumberThrough) {
  Matrix<float> score = Matrix<float>::Constant(2, 4, 0.5f);
  score(1, 3) = std::nanf("");
  const BalanceResult<float> balance =
      balance_loss(scored(score), {.experts = 4, .per_token = 2}, BalanceLoss::SequenceWise, 2, 0.1);
  EXPECT_TRUE(std::isnan(balance.loss));
  EXPECT_TRUE(balance.d_score.row(1).array().isNaN().all());
}

// Mean load 3: above it falls, below it rises, at it stays.
TEST(SelectionBias, MovesByItsSpeedAgainstTheLoad) {
  SelectionBias bias{0.5, 0, -1, 0};
  move_bias(bias, {7, 3, 2, 0}, 0.125);
  EXPECT_EQ(bias, (SelectionBias{0.375, 0, -0.875, 0.125}));
}

TEST(MaxViolation, IsTheLargestLoadsExcessOverTheMean) {
  EXPECT_EQ(max_violation({7, 3, 2, 0}), 4.0 / 3);  // (7 - 3) / 3
  EXPECT_EQ(max_violation({5, 5, 5}), 0);
  EXPECT_EQ(max_violation({0, 0, 0, 9}), 3);
}

TEST(ExpertLoad, CountsTheIndexList) {
  Indices expert(3, 2);
  expert << 0, 3, 3, 1, 3, 0;
  EXPECT_EQ(expert_load(expert, 5), (std::vector<std::int64_t>{2, 1, 0, 3, 0}));
}

// The loop that loss-free balancing closes, on tokens whose logits lean towards some experts by up to 2
// standard deviations: plain top-4 of 32 is far from even; the moved bias evens it out.
TEST(SelectionBias, EvensOutALeaningGate) {
  RandomStream random(1, {.owner = "test", .purpose = "balance loop"});
  const GateShape shape{
      .experts = 32, .per_token = 4, .groups = 8, .groups_per_token = 4, .selection_bias = true};
  constexpr int hidden = 24;
  GateWeights<float> w{any_matrix<float>(random, 32, hidden)};
  const auto tokens = [&] {
    Matrix<float> x = any_matrix<float>(random, 2048, hidden);
    x.col(0).setConstant(2);  // A direction that all tokens share makes some experts everybody's favourite.
    return x;
  };
  SelectionBias bias(32, 0.0);
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  const auto violation = [&] {
    return max_violation(expert_load(gate_forward<float>(tokens(), w, bias, shape, context).expert, 32));
  };
  EXPECT_GT(violation(), 1);
  for (int step = 0; step < 300; ++step) {
    const Indices expert = gate_forward<float>(tokens(), w, bias, shape, context).expert;
    move_bias(bias, expert_load(expert, 32), step < 200 ? 0.01 : 0.001);
  }
  // 256 tokens an expert: chance alone leaves about 2 / sqrt(256) at the largest of 32.
  EXPECT_LT(violation(), 0.2);
}

}  // namespace
}  // namespace orrery::reference
