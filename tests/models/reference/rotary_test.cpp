#include "models/reference/rotary.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "sim/random.hpp"

namespace orrery::reference {
namespace {

Matrix<double> random_matrix(RandomStream& random, int rows, int columns) {
  return Matrix<double>::NullaryExpr(rows, columns, [&] { return random.normal(); });
}

constexpr RotaryShape deepseek_v3{
    .base = 10'000, .factor = 40, .original_positions = 4096, .beta_fast = 32, .beta_slow = 1, .mscale = 1};

TEST(Rotary, TurnsEveryPairByPositionTimesItsFrequency) {
  // dim 4: frequencies 10000^0 = 1 and 10000^(-2/4) = 0.01.
  const RotaryTable<double> table = rotary_table<double>({}, 8, 4);
  ASSERT_EQ(table.cosine.rows(), 8);
  ASSERT_EQ(table.cosine.cols(), 2);
  for (int position = 0; position < 8; ++position) {
    EXPECT_NEAR(table.cosine(position, 0), std::cos(position), 1e-15);
    EXPECT_NEAR(table.sine(position, 0), std::sin(position), 1e-15);
    EXPECT_NEAR(table.cosine(position, 1), std::cos(0.01 * position), 1e-15);
    EXPECT_NEAR(table.sine(position, 1), std::sin(0.01 * position), 1e-15);
  }
  // (1, 0) at position 1 becomes (cos 1, sin 1); the second pair (0, 1) becomes (-sin 0.01, cos 0.01).
  Matrix<double> x = Matrix<double>::Zero(2, 4);
  x(1, 0) = 1;
  x(1, 3) = 1;
  rotate(x, 0, 4, 2, table, Direction::Forth);
  EXPECT_NEAR(x(1, 0), std::cos(1.0), 1e-15);
  EXPECT_NEAR(x(1, 1), std::sin(1.0), 1e-15);
  EXPECT_NEAR(x(1, 2), -std::sin(0.01), 1e-15);
  EXPECT_NEAR(x(1, 3), std::cos(0.01), 1e-15);
}

TEST(Rotary, TouchesOnlyTheColumnsItIsGivenAndStartsAgainInEverySequence) {
  RandomStream random(1, {.owner = "test", .purpose = "rotary"});
  const RotaryTable<double> table = rotary_table<double>({}, 5, 6);
  const Matrix<double> before = random_matrix(random, 10, 11);
  Matrix<double> x = before;
  x.bottomRows(5) = before.topRows(5);
  rotate(x, 3, 6, 5, table, Direction::Forth);
  EXPECT_EQ(x.topLeftCorner(5, 3), before.topLeftCorner(5, 3));
  EXPECT_EQ(x.topRightCorner(5, 2), before.topRightCorner(5, 2));
  EXPECT_EQ(x.topRows(5), x.bottomRows(5));
  EXPECT_EQ(x.row(0), before.row(0));  // Position 0 turns by 0.
  EXPECT_NE(x.row(1), before.row(1));
}

// The law that positions are encoded by: what a query and a key say to each other depends on how far apart
// they are, not on where. Rounding: 8 products of size ~1 and angles below 100 with 1e-16 each.
TEST(Rotary, ADotProductDependsOnTheDifferenceOfPositionsAlone) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "rotary"});
    const int dim = 2 * int(1 + random.below(8)), positions = 64;
    RotaryShape shape = deepseek_v3;
    if (random.below(2) == 0) shape.factor = 1;
    const RotaryTable<double> table = rotary_table<double>(shape, positions, dim);
    const Matrix<double> query = random_matrix(random, 1, dim), key = random_matrix(random, 1, dim);
    Matrix<double> queries = query.replicate(positions, 1), keys = key.replicate(positions, 1);
    rotate(queries, 0, dim, positions, table, Direction::Forth);
    rotate(keys, 0, dim, positions, table, Direction::Forth);
    const int apart = int(random.below(positions));
    const double expected = queries.row(apart).dot(keys.row(0));
    for (int at = 0; at + apart < positions; ++at) {
      EXPECT_NEAR(queries.row(at + apart).dot(keys.row(at)), expected, 1e-12) << "seed " << seed;
    }
  }
}

// Two roundings of a rotation by an exact angle: some 1e-16 of each number.
TEST(Rotary, BackUndoesForthAndKeepsLengths) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "back"});
    const int dim = 2 * int(1 + random.below(8)), length = int(1 + random.below(20));
    const RotaryTable<double> table = rotary_table<double>(deepseek_v3, length, dim);
    const Matrix<double> before = random_matrix(random, 3 * length, dim);
    Matrix<double> x = before;
    rotate(x, 0, dim, length, table, Direction::Forth);
    EXPECT_NEAR(x.norm(), before.norm(), 1e-13 * before.norm());
    rotate(x, 0, dim, length, table, Direction::Back);
    EXPECT_LE((x - before).norm(), 1e-14 * before.norm()) << "seed " << seed;
  }
}

TEST(Rotary, YarnWithFactorOneIsPlainRotation) {
  RotaryShape one = deepseek_v3;
  one.factor = 1;
  const RotaryTable<double> yarn = rotary_table<double>(one, 100, 64),
                            plain = rotary_table<double>({}, 100, 64);
  EXPECT_EQ(yarn.cosine, plain.cosine);
  EXPECT_EQ(yarn.sine, plain.sine);
  EXPECT_EQ(yarn_softmax_factor(one), 1);
}

// The arithmetic of precompute_freqs_cis a second time, for V3's numbers: the pair that turns b times over
// 4096 positions is 64 ln(4096 / (2 pi b)) / (2 ln 10000): 10.47 for b = 32 (floor 10), 22.51 for b = 1
// (ceiling 23).
TEST(Rotary, FrequenciesOfDeepSeekV3AreThoseOfItsInferenceCode) {
  const double turns32 = 32 * std::log(4096 / (2 * std::numbers::pi * 32)) / std::log(10'000);
  const double turns1 = 32 * std::log(4096 / (2 * std::numbers::pi)) / std::log(10'000);
  EXPECT_EQ(std::floor(turns32), 10);
  EXPECT_EQ(std::ceil(turns1), 23);
  const RotaryTable<double> table = rotary_table<double>(deepseek_v3, 2, 64);
  for (int pair = 0; pair < 32; ++pair) {
    const double frequency = 1 / std::pow(10'000, 2 * pair / 64.0);
    const double smooth = 1 - std::min(1.0, std::max(0.0, (pair - 10) / 13.0));
    const double expected = frequency / 40 * (1 - smooth) + frequency * smooth;
    EXPECT_NEAR(std::atan2(table.sine(1, pair), table.cosine(1, pair)), expected, 1e-15) << pair;
  }
}

// 0.1 ln 40 + 1 = 1.368888, squared 1.873854 (facts of the model's own code: 192^-0.5 times this).
TEST(Rotary, TheSoftmaxFactorOfDeepSeekV3IsThatOfItsInferenceCode) {
  EXPECT_NEAR(yarn_softmax_factor(deepseek_v3), 1.8738543, 1e-7);
  RotaryShape lite = deepseek_v3;  // V2-Lite: mscale 0.707, (0.0707 ln 40 + 1)^2 = 1.260804^2.
  lite.mscale = 0.707;
  EXPECT_NEAR(yarn_softmax_factor(lite), 1.5896261, 1e-6);
}

TEST(Rotary, FloatTablesAreRoundedDoubleTables) {
  const RotaryTable<float> narrow = rotary_table<float>(deepseek_v3, 50, 16);
  const RotaryTable<double> wide = rotary_table<double>(deepseek_v3, 50, 16);
  EXPECT_EQ(narrow.cosine, wide.cosine.cast<float>());
  EXPECT_EQ(narrow.sine, wide.sine.cast<float>());
}

}  // namespace
}  // namespace orrery::reference
