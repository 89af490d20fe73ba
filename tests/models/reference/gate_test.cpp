#include "models/reference/gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tests/models/reference/gate_sample.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// Row 0 of x is 1, so that centroids are logits.
template <class Real>
GateResult<Real> gate_of_logits(const std::vector<Real>& logits, const SelectionBias& bias,
                                const GateShape& shape) {
  Ledger ledger;
  const GateWeights<Real> w{Eigen::Map<const Matrix<Real>>(logits.data(), Index(logits.size()), 1)};
  return gate_forward<Real>(Matrix<Real>::Ones(1, 1), w, bias, shape, {full_numerics, {}, ledger});
}

std::vector<int> row_of(const Indices& expert, Index token) {
  return {expert.row(token).begin(), expert.row(token).end()};
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

/// The choice as it is defined, with everything sorted.
std::vector<int> sorted_choice(const std::vector<double>& biased, const GateShape& shape) {
  const int size = shape.experts / shape.groups;
  std::vector<std::pair<double, int>> groups,
      experts;  // Negated values: ascending pairs put lower numbers first.
  for (int g = 0; g < shape.groups; ++g) {
    std::vector<double> of_group(biased.begin() + g * size, biased.begin() + (g + 1) * size);
    std::sort(of_group.rbegin(), of_group.rend());
    const bool two = shape.selection_bias && size > 1;
    groups.push_back({-(two ? of_group[0] + of_group[1] : of_group[0]), g});
  }
  std::sort(groups.begin(), groups.end());
  for (int g = 0; g < shape.groups_per_token; ++g) {
    const int first = groups[std::size_t(g)].second * size;
    for (int i = first; i < first + size; ++i) experts.push_back({-biased[std::size_t(i)], i});
  }
  std::sort(experts.begin(), experts.end());
  std::vector<int> chosen;
  for (int k = 0; k < shape.per_token; ++k) chosen.push_back(experts[std::size_t(k)].second);
  return chosen;
}

TEST(Gate, ChoosesAndWeighsLikeOneThatSortsEverything) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "gate"});
    const GateShape shape = any_gate_shape(random);
    const int tokens = any_size(random, 1, 20), hidden = any_size(random, 1, 12);
    const Matrix<double> x = any_matrix<double>(random, tokens, hidden);
    const GateWeights<double> w{any_matrix<double>(random, shape.experts, hidden)};
    const SelectionBias bias = any_bias(random, shape.experts);
    Ledger ledger;
    const GateResult<double> result = gate_forward(x, w, bias, shape, {full_numerics, {}, ledger});
    for (Index token = 0; token < tokens; ++token) {
      std::vector<double> score, biased;
      for (int i = 0; i < shape.experts; ++i) {
        double logit = 0;
        for (Index h = 0; h < hidden; ++h) logit += x(token, h) * w.centroid(i, h);
        score.push_back(shape.score == Score::Sigmoid ? sigmoid_of(logit) : std::exp(logit));
      }
      const double sum = std::accumulate(score.begin(), score.end(), 0.0);
      for (int i = 0; i < shape.experts; ++i) {
        if (shape.score == Score::Softmax) score[std::size_t(i)] /= sum;
        ASSERT_NEAR(result.score(token, i), score[std::size_t(i)], 1e-14) << "seed " << seed;
        biased.push_back(score[std::size_t(i)] + (shape.selection_bias ? bias[std::size_t(i)] : 0));
      }
      const std::vector<int> chosen = sorted_choice(biased, shape);
      ASSERT_EQ(row_of(result.expert, token), chosen) << "seed " << seed;
      double of_chosen = 0;
      for (const int i : chosen) of_chosen += score[std::size_t(i)];
      for (int k = 0; k < shape.per_token; ++k) {
        const double share = score[std::size_t(chosen[std::size_t(k)])] / (shape.normalised ? of_chosen : 1);
        ASSERT_NEAR(result.weight(token, k), shape.scale * share, 1e-13) << "seed " << seed;
      }
    }
  }
}

TEST(Gate, SendsEachTokenToDistinctExpertsOfFewGroups) {
  GateShape shape{.experts = 256, .per_token = 8, .groups = 8, .groups_per_token = 4, .selection_bias = true};
  RandomStream random(1, {.owner = "test", .purpose = "gate law"});
  const Matrix<float> x = any_matrix<float>(random, 1000, 16);
  const GateWeights<float> w{any_matrix<float>(random, 256, 16)};
  Ledger ledger;
  for (const int groups_per_token : {1, 2, 4, 8}) {
    shape.groups_per_token = groups_per_token;
    const SelectionBias bias = any_bias(random, 256);
    const GateResult<float> result = gate_forward(x, w, bias, shape, {full_numerics, {}, ledger});
    int most = 0;
    for (Index token = 0; token < 1000; ++token) {
      std::set<int> experts, groups;
      for (const std::int32_t e : result.expert.row(token)) {
        ASSERT_TRUE(e >= 0 && e < 256);
        experts.insert(e);
        groups.insert(e / 32);
      }
      ASSERT_EQ(experts.size(), 8u);
      ASSERT_LE(int(groups.size()), groups_per_token);
      most = std::max(most, int(groups.size()));
      // Normalised: eight roundings of a float.
      ASSERT_NEAR(result.weight.row(token).sum(), 1, 8 * 0x1p-24);
    }
    EXPECT_EQ(most, groups_per_token == 8 ? most : groups_per_token);  // The limit is what binds.
  }
}

// Groups {0, 1}, {2, 3}, {4, 5}; one group of the three. Group 0 has the best expert, group 1 the best pair.
TEST(Gate, JudgesGroupsByTheirBestPairWithABiasAndByTheirBestWithout) {
  const std::vector<double> logits{2, -3, 1, 0.9, 0, 0};
  GateShape shape{.experts = 6, .per_token = 2, .groups = 3, .groups_per_token = 1, .selection_bias = true};
  const SelectionBias none(6, 0.0);
  EXPECT_EQ(row_of(gate_of_logits(logits, none, shape).expert, 0), (std::vector<int>{2, 3}));
  shape.selection_bias = false;
  EXPECT_EQ(row_of(gate_of_logits(logits, none, shape).expert, 0), (std::vector<int>{0, 1}));
}

TEST(Gate, OfEqualsTakesTheLower) {
  const GateShape shape{.experts = 8, .per_token = 3, .groups = 4, .groups_per_token = 2};
  EXPECT_EQ(row_of(gate_of_logits(std::vector<float>(8, 0.5f), {}, shape).expert, 0),
            (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(row_of(gate_of_logits<float>({0, 0, 0, 0, 1, 0, 0, 1}, {}, shape).expert, 0),
            (std::vector<int>{4, 7, 5}));
}

// sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, sigmoid(-ln 3) = 1/4. Unbiased: 3/4 and 1/2. A bias of 0.6 on the
// last puts it first at 0.85; weights stay the plain scores 1/4 and 3/4, of their sum, times 2.5.
TEST(Gate, BiasChangesChoicesAndNeverWeights) {
  const double l = std::log(3.0);
  const GateShape shape{.experts = 3, .per_token = 2, .selection_bias = true, .scale = 2.5};
  const GateResult<double> plain = gate_of_logits<double>({l, 0, -l}, {0, 0, 0}, shape);
  EXPECT_EQ(row_of(plain.expert, 0), (std::vector<int>{0, 1}));
  EXPECT_NEAR(plain.weight(0, 0), 2.5 * 0.6, 1e-15);
  EXPECT_NEAR(plain.weight(0, 1), 2.5 * 0.4, 1e-15);
  const GateResult<double> moved = gate_of_logits<double>({l, 0, -l}, {0, 0, 0.6}, shape);
  EXPECT_EQ(row_of(moved.expert, 0), (std::vector<int>{2, 0}));
  EXPECT_NEAR(moved.weight(0, 0), 2.5 * 0.25, 1e-15);
  EXPECT_NEAR(moved.weight(0, 1), 2.5 * 0.75, 1e-15);
  EXPECT_EQ(moved.score, plain.score);
}

TEST(Gate, GivesTheSameWeightsToTheSameChoicesWhateverTheBias) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "gate bias"});
    GateShape shape = any_gate_shape(random);
    shape.selection_bias = true;
    const Matrix<float> x = any_matrix<float>(random, 10, 8);
    const GateWeights<float> w{any_matrix<float>(random, shape.experts, 8)};
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const GateResult<float> biased = gate_forward(x, w, any_bias(random, shape.experts), shape, context);
    const GateResult<float> held =
        gate_forward(x, w, SelectionBias(std::size_t(shape.experts), 0.0), shape, context, &biased.expert);
    EXPECT_EQ(held.expert, biased.expert);
    EXPECT_EQ(held.weight, biased.weight) << "seed " << seed;
    EXPECT_EQ(held.score, biased.score);
  }
}

// Softmax of logits ln 1, ln 2, ln 5 is 1/8, 2/8, 5/8. V2: no normalisation, factor 16. Mixtral: the two
// largest of their sum.
TEST(Gate, WeighsLikeV2AndLikeMixtral) {
  const std::vector<double> logits{0, std::log(2.0), std::log(5.0)};
  const GateShape v2{.experts = 3, .per_token = 2, .score = Score::Softmax, .normalised = false, .scale = 16};
  EXPECT_NEAR(gate_of_logits(logits, {}, v2).weight(0, 0), 10, 1e-13);
  EXPECT_NEAR(gate_of_logits(logits, {}, v2).weight(0, 1), 4, 1e-13);
  const GateShape mixtral{.experts = 3, .per_token = 2, .score = Score::Softmax};
  EXPECT_NEAR(gate_of_logits(logits, {}, mixtral).weight(0, 0), 5.0 / 7, 1e-15);
  EXPECT_NEAR(gate_of_logits(logits, {}, mixtral).weight(0, 1), 2.0 / 7, 1e-15);
}

TEST(Gate, StandsLogitsOfAnySize) {
  const GateShape shape{.experts = 3, .per_token = 2, .score = Score::Softmax};
  const GateResult<float> result = gate_of_logits<float>({1e30f, -1e30f, 5}, {}, shape);
  EXPECT_EQ(result.weight(0, 0), 1);
  EXPECT_EQ(result.weight(0, 1), 0);
  const GateResult<float> sigmoid =
      gate_of_logits<float>({1e30f, -1e30f, 5}, {}, {.experts = 3, .per_token = 2});
  EXPECT_EQ(sigmoid.score(0, 0), 1);
  EXPECT_NEAR(sigmoid.score(0, 1), 0, 1e-30);
}

TEST(Gate, ShowsWhatIsNotANumberAndStillChoosesDistinctExperts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const GateShape shape{
      .experts = 12, .per_token = 4, .groups = 4, .groups_per_token = 2, .selection_bias = true};
  const GateResult<float> result = gate_of_logits(std::vector<float>(12, nan), SelectionBias(12, 0.0), shape);
  std::set<int> experts;
  for (const std::int32_t e : result.expert.row(0)) {
    EXPECT_TRUE(e >= 0 && e < 12);
    experts.insert(e);
  }
  EXPECT_EQ(experts.size(), 4u);
  EXPECT_TRUE(result.weight.array().isNaN().all());
}

TEST(Gate, ComputesInFullAndBooksWhatItVisitsAndKeeps) {
  RandomStream random(5, {.owner = "test", .purpose = "gate books"});
  const GateShape shape{.experts = 10, .per_token = 3};
  const Matrix<float> x = any_matrix<float>(random, 7, 20), d_weight = any_matrix<float>(random, 7, 3);
  const GateWeights<float> w{any_matrix<float>(random, 10, 20)};
  GateResult<float> full;
  for (const Numerics& numerics : {full_numerics, bf16_numerics, fp8_numerics}) {
    Ledger ledger;
    const Context context{numerics, {}, ledger};
    const GateResult<float> result = gate_forward(x, w, {}, shape, context);
    GateWeights<float> d_w{Matrix<float>::Zero(10, 20)};
    gate_backward(d_weight, {}, result, x, w, shape, context, d_w);
    if (full.score.size() == 0) full = result;
    EXPECT_EQ(result.score, full.score);
    for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient})
      EXPECT_EQ(ledger.at(Operation::Gate, pass).multiply_adds, 7u * 10 * 20);
    // Product: 7 x 20 and 10 x 20 elements; then 7 x 10 scores made, 7 x 10 chosen from, 7 x 3 weighed.
    EXPECT_EQ(ledger.at(Operation::Gate, Pass::Forward).bytes_read, 4u * (140 + 200 + 70 + 70 + 21));
    // Logits, scores, choices, weights.
    EXPECT_EQ(ledger.at(Operation::Gate, Pass::Forward).bytes_written, 4u * (70 + 70 + 21 + 21));
    EXPECT_EQ(ledger.kept(KeptTensor::GateScores), 4 * 70);
    EXPECT_EQ(ledger.kept(KeptTensor::GateChoice), 8 * 21);
  }
}

}  // namespace
}  // namespace orrery::reference
