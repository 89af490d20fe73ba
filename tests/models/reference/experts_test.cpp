#include "models/reference/experts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "models/reference/number_format.hpp"
#include "models/reference/scaling.hpp"
#include "tests/models/reference/experts_sample.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

TEST(Experts, AddUpTokenByTokenAsDefined) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "experts"});
    const MoeLayer<double> layer = any_moe_layer<double>(random, 12, 8);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const MoePasses<double> passes = run_layer(layer, context);
    const GateResult<double> gate =
        gate_forward(layer.x, layer.w.gate, layer.bias, layer.shape.gate, context);
    for (Index token = 0; token < layer.x.rows(); ++token) {
      const Matrix<double> x = layer.x.row(token);
      Matrix<double> y = Matrix<double>::Zero(1, x.cols());
      FfnKept<double> unused;
      for (int slot = 0; slot < layer.shape.gate.per_token; ++slot) {
        const FfnWeights<double>& expert = layer.w.expert[std::size_t(gate.expert(token, slot))];
        y += gate.weight(token, slot) * ffn_forward(x, expert, expert_ffn_names, context, unused);
      }
      if (layer.shape.shared_width > 0)
        y += ffn_forward(x, layer.w.shared, shared_ffn_names, context, unused);
      // At most 5 networks of 8 x 12 x 12 terms below 1: some 1e-16 x 5,000.
      ASSERT_LE((passes.y.row(token) - y).cwiseAbs().maxCoeff(), 1e-12) << "seed " << seed;
    }
  }
}

TEST(Experts, ReceiveEveryTokenPerTokenTimesInTheOrderOfTokens) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "experts rows"});
    const MoeLayer<float> layer = any_moe_layer<float>(random, 6, 4);
    Ledger ledger;
    const MoePasses<float> passes = run_layer(layer, {full_numerics, {}, ledger});
    const MoeKept<float>& kept = passes.kept;
    std::size_t rows = 0;
    for (std::size_t e = 0; e < kept.token.size(); ++e) {
      rows += kept.token[e].size();
      ASSERT_EQ(kept.slot[e].size(), kept.token[e].size());
      ASSERT_EQ(kept.result[e].rows(), Index(kept.token[e].size()));
      ASSERT_TRUE(std::adjacent_find(kept.token[e].begin(), kept.token[e].end(), std::greater_equal<>()) ==
                  kept.token[e].end());
      for (std::size_t row = 0; row < kept.token[e].size(); ++row)
        ASSERT_EQ(kept.gate.expert(kept.token[e][row], kept.slot[e][row]), int(e));
    }
    ASSERT_EQ(rows, std::size_t(layer.x.rows()) * std::size_t(layer.shape.gate.per_token));
  }
}

TEST(Experts, ThatAreNotSampledAddNothingAndNeedNoWeights) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "experts sample"});
    MoeLayer<double> layer = any_moe_layer<double>(random, 8, 6);
    layer.shape.shared_width = 0;
    Ledger whole_ledger, ledger, other_ledger;
    const MoePasses<double> whole = run_layer(layer, {full_numerics, {}, whole_ledger});
    std::vector<bool> sampled, others;
    for (std::size_t e = 0; e < layer.w.expert.size(); ++e) {
      sampled.push_back(random.below(2) == 1);
      others.push_back(!sampled.back());
    }
    MoeLayer<double> part = layer;
    for (std::size_t e = 0; e < sampled.size(); ++e) {
      if (!sampled[e]) part.w.expert[e] = {};
    }
    const MoePasses<double> some = run_layer(part, {full_numerics, {}, ledger}, nullptr, sampled);
    const MoePasses<double> rest = run_layer(layer, {full_numerics, {}, other_ledger}, nullptr, others);
    // Two sums of at most 4 terms of about 100.
    ASSERT_LE((some.y + rest.y - whole.y).cwiseAbs().maxCoeff(), 1e-12) << "seed " << seed;
    ASSERT_EQ(some.kept.token, whole.kept.token);
    ASSERT_EQ(some.kept.slot, whole.kept.slot);
    for (std::size_t e = 0; e < sampled.size(); ++e) {
      if (sampled[e]) {
        ASSERT_EQ(some.d_w.expert[e].gate_up, whole.d_w.expert[e].gate_up);
      } else {
        ASSERT_EQ(some.kept.result[e].size(), 0);
      }
    }
    for (const Operation operation : {Operation::Dispatch, Operation::ExpertUp, Operation::ExpertDown}) {
      const Tally &a = ledger.at(operation, Pass::Forward), &b = other_ledger.at(operation, Pass::Forward),
                  &both = whole_ledger.at(operation, Pass::Forward);
      ASSERT_EQ(a.multiply_adds + b.multiply_adds, both.multiply_adds);
      ASSERT_EQ(a.bytes_read + b.bytes_read, both.bytes_read);
    }
  }
}

// 3 tokens of V3's hidden 7168 with 2 experts each: 6 rows. Out they are 7168 bytes and 56 scales of 4 =
// 7,392 in the FP8 recipe; back, and in BF16 both ways, 2 x 7168 = 14,336. A row out is read and written; of
// those that come back each is read and their 3 sums are written.
TEST(Experts, SendRowsOfSevenThousandBytesAndReturnTwiceThat) {
  RandomStream random(4, {.owner = "test", .purpose = "experts wire"});
  MoeLayer<float> layer{.shape = {.gate = {.experts = 4, .per_token = 2}, .width = 1},
                        .rule = {},
                        .bias = {},
                        .w = {{any_matrix<float>(random, 4, 7168)}, {}, {}},
                        .x = any_matrix<float>(random, 3, 7168),
                        .d_y = any_matrix<float>(random, 3, 7168),
                        .length = 3};
  for (int e = 0; e < 4; ++e) layer.w.expert.push_back(any_network<float>(random, 7168, 1));
  const std::uint64_t out[] = {4 * 7168, 14'336, 7'392}, back[] = {4 * 7168, 14'336, 14'336};
  for (int n = 0; n < 3; ++n) {
    Ledger ledger;
    run_layer(layer, {every_numerics[n], {}, ledger});
    for (const Pass pass : {Pass::Forward, Pass::InputGradient}) {
      EXPECT_EQ(ledger.at(Operation::Dispatch, pass).bytes_read, 6 * out[n] + 6 * back[n]);
      EXPECT_EQ(ledger.at(Operation::Dispatch, pass).bytes_written, 6 * out[n] + 3 * back[n]);
      EXPECT_EQ(ledger.at(Operation::Dispatch, pass).multiply_adds, 0u);
      EXPECT_EQ(ledger.at(Operation::ExpertUp, pass).multiply_adds, 6u * 7168 * 2);
      EXPECT_EQ(ledger.at(Operation::ExpertDown, pass).multiply_adds, 6u * 7168);
    }
    EXPECT_EQ(ledger.at(Operation::ExpertUp, Pass::WeightGradient).multiply_adds, 6u * 7168 * 2);
    // Per token and slot: number and weight of the choice, and where its row came from and which slot it has.
    EXPECT_EQ(ledger.kept(KeptTensor::GateChoice), 6 * (4 + 4 + 4 + 4));
    EXPECT_EQ(ledger.kept(KeptTensor::GateScores), 12 * 4);
    EXPECT_EQ(ledger.kept(KeptTensor::ExpertInput), 6 * double(n == 0 ? 4 * 7168 : n == 1 ? 14'336 : 7'392));
  }
}

TEST(Experts, ReadAndKeepTheRowsThatTravelledInE4M3WithPowersOfTwo) {
  RandomStream random(5, {.owner = "test", .purpose = "experts fp8"});
  MoeLayer<float> layer = any_moe_layer<float>(random, 300, 40);
  Ledger ledger;
  const Context context{fp8_numerics, {}, ledger};
  const MoePasses<float> passes = run_layer(layer, context);
  const Matrix<float> travelled =
      quantised(layer.x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo);
  ASSERT_NE(travelled, layer.x);
  std::size_t rows = 0;
  for (std::size_t e = 0; e < passes.kept.token.size(); ++e) {
    for (std::size_t row = 0; row < passes.kept.token[e].size(); ++row, ++rows)
      EXPECT_EQ(passes.kept.expert[e].x.row(Index(row)), travelled.row(passes.kept.token[e][row]));
    // Rounding once more for the product changes nothing.
    if (passes.kept.expert[e].x.rows() > 0) {
      EXPECT_EQ(
          quantised(passes.kept.expert[e].x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo),
          passes.kept.expert[e].x);
    }
  }
  EXPECT_GT(rows, 0u);
  // The gate's x is not rounded.
  Ledger other;
  EXPECT_EQ(
      gate_forward(layer.x, layer.w.gate, layer.bias, layer.shape.gate, {full_numerics, {}, other}).score,
      passes.kept.gate.score);
}

// One expert for all tokens, so that its rows are the tokens: the gradient that reaches it is the weighted
// d_y as E4M3 carries it, for the weight's gradient too.
TEST(Experts, AreSentTheWeightedGradientInE4M3WithPowersOfTwo) {
  RandomStream random(9, {.owner = "test", .purpose = "experts fp8 gradient"});
  MoeLayer<float> layer{.shape = {.gate = {.experts = 1, .per_token = 1, .normalised = false}, .width = 10},
                        .rule = {},
                        .bias = {},
                        .w = {{any_matrix<float>(random, 1, 200)}, {any_network<float>(random, 200, 10)}, {}},
                        .x = any_matrix<float>(random, 6, 200),
                        .d_y = any_matrix<float>(random, 6, 200),
                        .length = 6};
  Ledger ledger;
  const Context context{fp8_numerics, {}, ledger};
  const MoePasses<float> passes = run_layer(layer, context);
  const Matrix<float> weighted = passes.kept.gate.weight.col(0).asDiagonal() * layer.d_y;
  const Matrix<float> sent = quantised(weighted, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo);
  FfnWeights<float> d_w = zeros_like(layer.w.expert[0]);
  ffn_backward(sent, passes.kept.expert[0], layer.w.expert[0], expert_ffn_names, context, d_w);
  EXPECT_EQ(passes.d_w.expert[0].down, d_w.down);
  EXPECT_EQ(passes.d_w.expert[0].gate_up, d_w.gate_up);
  FfnWeights<float> d_w_unsent = zeros_like(layer.w.expert[0]);
  ffn_backward(weighted, passes.kept.expert[0], layer.w.expert[0], expert_ffn_names, context, d_w_unsent);
  EXPECT_NE(passes.d_w.expert[0].down, d_w_unsent.down);
}

TEST(Experts, StoreTheirSumAndItsGradientAsActivations) {
  for (const Numerics& numerics : {bf16_numerics, fp8_numerics}) {
    RandomStream random(6, {.owner = "test", .purpose = "experts stored"});
    const MoeLayer<float> layer = any_moe_layer<float>(random, 100, 40);
    Ledger ledger;
    const MoePasses<float> passes = run_layer(layer, {numerics, {}, ledger});
    for (const float value : passes.y.reshaped()) ASSERT_EQ(value, rounded(bf16, value));
    for (const float value : passes.d_x.reshaped()) ASSERT_EQ(value, rounded(bf16, value));
  }
}

TEST(Experts, AreBalancedOverEachSequenceOrOverTheWholeBatch) {
  RandomStream random(10, {.owner = "test", .purpose = "experts balance"});
  MoeLayer<double> layer = any_moe_layer<double>(random, 10, 4);
  layer.length = 3;
  layer.x = any_matrix<double>(random, 12, layer.x.cols());
  layer.d_y = layer.x;
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  for (const auto& [kind, length] :
       {std::pair(BalanceLoss::SequenceWise, 3), std::pair(BalanceLoss::Classic, 12)}) {
    layer.rule = {kind, 0.3};
    const MoeKept<double> kept = run_layer(layer, context).kept;
    const BalanceResult<double> wanted = balance_loss(kept.gate, layer.shape.gate, kind, length, 0.3);
    EXPECT_EQ(kept.balance.loss, wanted.loss);
    EXPECT_EQ(kept.balance.d_score, wanted.d_score);
    EXPECT_NE(wanted.loss, balance_loss(kept.gate, layer.shape.gate, kind, 15 - length, 0.3).loss);
  }
  layer.rule = {};
  EXPECT_EQ(run_layer(layer, context).kept.balance.loss, 0);
}

TEST(Experts, LeaveNothingOfAnEarlierPass) {
  RandomStream random(7, {.owner = "test", .purpose = "experts again"});
  const MoeLayer<float> first = any_moe_layer<float>(random, 20, 10),
                        second = any_moe_layer<float>(random, 20, 10);
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  MoeKept<float> kept, fresh;
  moe_forward(first.x, first.w, first.bias, first.shape, first.rule, first.length, context, kept);
  const Matrix<float> y =
      moe_forward(second.x, second.w, second.bias, second.shape, second.rule, second.length, context, kept);
  EXPECT_EQ(y, moe_forward(second.x, second.w, second.bias, second.shape, second.rule, second.length, context,
                           fresh));
  EXPECT_EQ(kept.token, fresh.token);
  EXPECT_EQ(kept.shared.gate_up, fresh.shared.gate_up);
  EXPECT_EQ(kept.balance.d_score, fresh.balance.d_score);
}

TEST(Experts, LetWhatIsNotANumberThrough) {
  RandomStream random(8, {.owner = "test", .purpose = "experts nan"});
  for (const Numerics& numerics : every_numerics) {
    MoeLayer<float> layer = any_moe_layer<float>(random, 20, 10);
    layer.x(1, 0) = std::numeric_limits<float>::quiet_NaN();
    Ledger ledger;
    const MoePasses<float> passes = run_layer(layer, {numerics, {}, ledger});
    EXPECT_TRUE(passes.y.row(1).array().isNaN().any());
    EXPECT_FALSE(passes.y.row(0).array().isNaN().any());
    EXPECT_TRUE(passes.d_x.row(1).array().isNaN().any());
  }
}

}  // namespace
}  // namespace orrery::reference
