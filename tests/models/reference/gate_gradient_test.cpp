#include <gtest/gtest.h>

#include <algorithm>

#include "models/reference/gate.hpp"
#include "tests/models/reference/gate_sample.hpp"
#include "tests/models/reference/gradient_check.hpp"

namespace orrery::reference {
namespace {

TEST(Gate, GradientsAreCentralDifferences) {
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "gate gradient"});
    GateShape shape = any_gate_shape(random);
    // One chosen expert, normalised, has the weight `scale` whatever the scores: nothing to differentiate.
    if (shape.per_token == 1) shape.normalised = false;
    const int tokens = any_size(random, 2, 8), hidden = any_size(random, 1, 10);
    Matrix<double> x = any_matrix<double>(random, tokens, hidden);
    GateWeights<double> w{any_matrix<double>(random, shape.experts, hidden)};
    const SelectionBias bias = any_bias(random, shape.experts);
    const Matrix<double> d_weight = any_matrix<double>(random, tokens, shape.per_token);
    Matrix<double> d_score;
    if (seed % 2 == 0) d_score = any_matrix<double>(random, tokens, shape.experts);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const GateResult<double> result = gate_forward(x, w, bias, shape, context);
    const auto loss = [&] {
      const GateResult<double> again = gate_forward(x, w, bias, shape, context, &result.expert);
      const double of_weights = again.weight.cwiseProduct(d_weight).sum();
      return d_score.size() > 0 ? of_weights + again.score.cwiseProduct(d_score).sum() : of_weights;
    };
    GateWeights<double> d_w{Matrix<double>::Zero(shape.experts, hidden)};
    const Matrix<double> d_x = gate_backward(d_weight, d_score, result, x, w, shape, context, d_w);
    const double of_x = gradient_error(x, d_x, loss), of_w = gradient_error(w.centroid, d_w.centroid, loss);
    ASSERT_LE(of_x, 1e-6) << "seed " << seed;
    ASSERT_LE(of_w, 1e-6) << "seed " << seed;
    worst = std::max({worst, of_x, of_w});
  }
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

TEST(Gate, AddsToTheGradientThatIsThere) {
  RandomStream random(3, {.owner = "test", .purpose = "gate sum"});
  const GateShape shape{.experts = 6, .per_token = 2};
  const Matrix<double> x = any_matrix<double>(random, 5, 4), d_weight = any_matrix<double>(random, 5, 2);
  const GateWeights<double> w{any_matrix<double>(random, 6, 4)};
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  const GateResult<double> result = gate_forward(x, w, {}, shape, context);
  const Matrix<double> before = any_matrix<double>(random, 6, 4);
  GateWeights<double> once{Matrix<double>::Zero(6, 4)}, more{before};
  gate_backward(d_weight, {}, result, x, w, shape, context, once);
  gate_backward(d_weight, {}, result, x, w, shape, context, more);
  // Sums of a few numbers below 1: each rounding is at most 2^-53.
  EXPECT_LE((more.centroid - before - once.centroid).cwiseAbs().maxCoeff(), 0x1p-50);
}

template <class Real>
void expect_renumbering_moves_bits_only() {
  const GateShape v3{
      .experts = 256, .per_token = 8, .groups = 8, .groups_per_token = 4, .selection_bias = true};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "gate renumbering"});
    const GateShape shape = seed == 0 ? v3 : any_gate_shape(random);
    const int tokens = any_size(random, 1, 20), hidden = any_size(random, 2, 40);
    const Matrix<Real> x = any_matrix<Real>(random, tokens, hidden),
                       d_weight = any_matrix<Real>(random, tokens, shape.per_token),
                       d_score = any_matrix<Real>(random, tokens, shape.experts);
    const GateWeights<Real> w{any_matrix<Real>(random, shape.experts, hidden)};
    const SelectionBias bias = any_bias(random, shape.experts);
    const std::vector<int> renumbered = any_renumbering(random, shape);
    const GateWeights<Real> w_other{renumber_rows(w.centroid, renumbered)};
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const GateResult<Real> one = gate_forward(x, w, bias, shape, context);
    const GateResult<Real> other = gate_forward(x, w_other, renumber_all(bias, renumbered), shape, context);
    ASSERT_EQ(other.score, renumber_columns(one.score, renumbered)) << "seed " << seed;
    ASSERT_EQ(other.expert, renumber_choice(one.expert, renumbered)) << "seed " << seed;
    ASSERT_EQ(other.weight, one.weight) << "seed " << seed;
    GateWeights<Real> d_w{Matrix<Real>::Zero(shape.experts, hidden)}, d_w_other = d_w;
    const Matrix<Real> d_x = gate_backward(d_weight, d_score, one, x, w, shape, context, d_w);
    ASSERT_EQ(gate_backward(d_weight, renumber_columns(d_score, renumbered), other, x, w_other, shape,
                            context, d_w_other),
              d_x)
        << "seed " << seed;
    ASSERT_EQ(d_w_other.centroid, renumber_rows(d_w.centroid, renumbered)) << "seed " << seed;
  }
}
TEST(Gate, PermutesExactlyWithItsExperts) {
  expect_renumbering_moves_bits_only<float>();
  expect_renumbering_moves_bits_only<double>();
}

}  // namespace
}  // namespace orrery::reference
