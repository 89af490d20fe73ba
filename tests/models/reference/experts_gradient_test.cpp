#include <gtest/gtest.h>

#include <algorithm>

#include "tests/models/reference/experts_sample.hpp"
#include "tests/models/reference/gradient_check.hpp"

namespace orrery::reference {
namespace {

TEST(Experts, GradientsAreCentralDifferencesWithRoutingHeld) {
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "experts gradient"});
    MoeLayer<double> layer = any_moe_layer<double>(random, 6, 4);
    // The weight of a single expert, normalised, does not depend on the gate: its gradient is 0 but for
    // rounding.
    if (layer.shape.gate.per_token == 1) layer.shape.gate.normalised = false;
    Ledger ledger;
    const Context context{full_numerics, {.activation = seed % 2 == 1}, ledger};
    const MoePasses<double> passes = run_layer(layer, context);
    const auto loss = [&] {
      MoeKept<double> kept;
      const Matrix<double> y = moe_forward(layer.x, layer.w, layer.bias, layer.shape, layer.rule,
                                           layer.length, context, kept, &passes.kept.gate.expert);
      return y.cwiseProduct(layer.d_y).sum() + kept.balance.loss;
    };
    const auto check = [&](Matrix<double>& values, const Matrix<double>& analytic) {
      const double error = gradient_error(values, analytic, loss);
      EXPECT_LE(error, 1e-6) << "seed " << seed;
      worst = std::max(worst, error);
    };
    check(layer.x, passes.d_x);
    check(layer.w.gate.centroid, passes.d_w.gate.centroid);
    for (std::size_t e = 0; e < layer.w.expert.size(); ++e) {
      check(layer.w.expert[e].gate_up, passes.d_w.expert[e].gate_up);
      check(layer.w.expert[e].down, passes.d_w.expert[e].down);
    }
    check(layer.w.shared.gate_up, passes.d_w.shared.gate_up);
    check(layer.w.shared.down, passes.d_w.shared.down);
    ASSERT_FALSE(HasFailure());
  }
  RecordProperty("worst", std::to_string(worst * 1e9) + "e-9");
}

template <class Real>
void expect_renumbering_moves_bits_only(const Numerics& numerics) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "experts renumbering"});
    const MoeLayer<Real> layer = any_moe_layer<Real>(random, 40, 20);
    const std::vector<int> renumbered = any_renumbering(random, layer.shape.gate);
    MoeLayer<Real> other = layer;
    other.bias = renumber_all(layer.bias, renumbered);
    other.w.gate.centroid = renumber_rows(layer.w.gate.centroid, renumbered);
    other.w.expert = renumber_all(layer.w.expert, renumbered);
    Ledger ledger;
    const Context context{numerics, {}, ledger};
    const MoePasses<Real> a = run_layer(layer, context), b = run_layer(other, context);
    ASSERT_EQ(b.kept.gate.expert, renumber_choice(a.kept.gate.expert, renumbered)) << "seed " << seed;
    ASSERT_EQ(b.y, a.y) << "seed " << seed;
    ASSERT_EQ(b.kept.balance.loss, a.kept.balance.loss) << "seed " << seed;
    ASSERT_EQ(b.d_x, a.d_x) << "seed " << seed;
    ASSERT_EQ(b.d_w.gate.centroid, renumber_rows(a.d_w.gate.centroid, renumbered)) << "seed " << seed;
    ASSERT_EQ(b.d_w.shared.gate_up, a.d_w.shared.gate_up);
    for (std::size_t e = 0; e < renumbered.size(); ++e) {
      const auto there = std::size_t(renumbered[e]);
      ASSERT_EQ(b.d_w.expert[there].gate_up, a.d_w.expert[e].gate_up) << "seed " << seed;
      ASSERT_EQ(b.d_w.expert[there].down, a.d_w.expert[e].down) << "seed " << seed;
    }
    ASSERT_FALSE(a.d_x.hasNaN());
  }
}
TEST(Experts, PermutedPermuteEveryResultBitByBit) {
  expect_renumbering_moves_bits_only<double>(full_numerics);
  for (const Numerics& numerics : every_numerics) expect_renumbering_moves_bits_only<float>(numerics);
}

TEST(Experts, RecomputedHaveTheSameBits) {
  for (const Numerics& numerics : every_numerics) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RandomStream random(seed, {.owner = "test", .purpose = "experts recompute"});
      const MoeLayer<float> layer = any_moe_layer<float>(random, 150, 140);
      Ledger ledger, less;
      const MoePasses<float> a = run_layer(layer, {numerics, {}, ledger});
      const MoePasses<float> b = run_layer(layer, {numerics, {.activation = true}, less});
      ASSERT_EQ(a.y, b.y);
      ASSERT_EQ(a.d_x, b.d_x);
      ASSERT_EQ(a.d_w.gate.centroid, b.d_w.gate.centroid);
      ASSERT_EQ(a.d_w.shared.down, b.d_w.shared.down);
      for (std::size_t e = 0; e < a.d_w.expert.size(); ++e) {
        ASSERT_EQ(a.d_w.expert[e].gate_up, b.d_w.expert[e].gate_up);
        ASSERT_EQ(a.d_w.expert[e].down, b.d_w.expert[e].down);
      }
      EXPECT_GT(ledger.kept(KeptTensor::ExpertActivated), 0);
      EXPECT_EQ(less.kept(KeptTensor::ExpertActivated), 0);
    }
  }
}

TEST(Experts, WithoutRowsKeepTheGradientTheyHad) {
  RandomStream random(3, {.owner = "test", .purpose = "experts idle"});
  MoeLayer<float> layer{.shape = {.gate = {.experts = 4, .per_token = 1, .selection_bias = true}, .width = 3},
                        .rule = {},
                        .bias = {0, 0, 9, 0},  // All tokens choose expert 2.
                        .w = {{any_matrix<float>(random, 4, 5)}, {}, {}},
                        .x = any_matrix<float>(random, 6, 5),
                        .d_y = any_matrix<float>(random, 6, 5),
                        .length = 6};
  for (int e = 0; e < 4; ++e) layer.w.expert.push_back(any_network<float>(random, 5, 3));
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  MoeKept<float> kept;
  moe_forward(layer.x, layer.w, layer.bias, layer.shape, layer.rule, 6, context, kept);
  kept.x = layer.x;
  MoeWeights<float> d_w = layer.w;
  moe_backward(layer.d_y, kept, layer.w, layer.shape, context, d_w);
  EXPECT_EQ(kept.token[2].size(), 6u);
  for (const std::size_t e : {0u, 1u, 3u}) {
    EXPECT_EQ(d_w.expert[e].gate_up, layer.w.expert[e].gate_up);
    EXPECT_EQ(d_w.expert[e].down, layer.w.expert[e].down);
  }
  EXPECT_NE(d_w.expert[2].down, layer.w.expert[2].down);
}

}  // namespace
}  // namespace orrery::reference
