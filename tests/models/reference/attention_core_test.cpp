#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradient_check.hpp"
#include "models/reference/product.hpp"
#include "plain_core.hpp"

namespace orrery::reference {
namespace {

struct Outcome {
  CoreResult<double> forward;
  CoreGradients<double> d;
};
template <class Real>
Outcome outcome_of(const CoreCase<Real>& given, const Context& context) {
  const auto f = core_forward(given.queries, given.keys, given.values, given.shape, context);
  const auto d = core_backward(given.d_mixed, f.mixed, f.log_sums, given.queries, given.keys, given.values,
                               given.shape, context);
  return {{f.mixed.template cast<double>(), f.log_sums.template cast<double>()},
          {d.d_queries.template cast<double>(), d.d_keys.template cast<double>(),
           d.d_values.template cast<double>()}};
}

/// A length of 1 has gradients of queries and keys that are 0: compared absolutely there.
double miss(const Matrix<double>& found, const Matrix<double>& expected) {
  return (found - expected).norm() / std::max(expected.norm(), 1.0);
}

double largest_miss(const Outcome& found, const PlainCore& plain) {
  const double misses[] = {miss(found.forward.mixed, plain.mixed),
                           miss(found.forward.log_sums, plain.log_sums),
                           miss(found.d.d_queries, plain.d.d_queries), miss(found.d.d_keys, plain.d.d_keys),
                           miss(found.d.d_values, plain.d.d_values)};
  double largest = 0;
  for (const double one : misses) largest = one <= largest ? largest : one;  // Not a number stays.
  return largest;
}

TEST(AttentionCore, IsThePlainQuadraticSoftmaxForwardAndBackward) {
  double worst_double = 0, worst_float = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "core"});
    const CoreShape shape = any_core(random, 150);
    const auto wide = core_case_of<double>(shape, int(1 + random.below(2)), random);
    const auto narrow = core_case_of<float>(shape, 1, random);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const double of_double = largest_miss(outcome_of(wide, context), plain_attention(wide));
    const double of_float = largest_miss(outcome_of(narrow, context), plain_attention(narrow));
    ASSERT_LE(of_double, 1e-13) << "seed " << seed;  // Sums of up to 150 terms at 1e-16.
    ASSERT_LE(of_float, 1e-5) << "seed " << seed;    // The same at 6e-8, exponents up to about 20.
    worst_double = std::max(worst_double, of_double);
    worst_float = std::max(worst_float, of_float);
  }
  RecordProperty("worst_double", std::to_string(worst_double * 1e15) + "e-15");
  RecordProperty("worst_float", std::to_string(worst_float * 1e7) + "e-7");
}

// BF16 has 8 bits: operands, weights and results each move by up to 2^-9 of themselves, 0.2 %.
TEST(AttentionCore, StaysWithinTheRoundingOfItsFormatInBf16AndStoresNothingFiner) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "core bf16"});
    CoreShape shape = any_core(random, 150);
    shape.scale = 1 / std::sqrt(double(shape.key_dim));
    const auto given = core_case_of<float>(shape, 1, random);
    Ledger ledger;
    const Context context{bf16_numerics, {}, ledger};
    const Outcome found = outcome_of(given, context);
    const double off = largest_miss(found, plain_attention(given));
    EXPECT_LE(off, 0.02) << "seed " << seed;
    EXPECT_GE(off, 1e-4) << "seed " << seed << ": nothing was rounded";
    for (const Matrix<double>* stored : {&found.forward.mixed, &found.d.d_queries, &found.d.d_keys}) {
      Matrix<double> again = *stored;
      store_activation(again, context);
      EXPECT_EQ(again, *stored) << "seed " << seed;
    }
  }
}

TEST(AttentionCore, GradientsAreCentralDifferencesForEverySeed) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "core gradient"});
    CoreShape shape = any_core(random, 6);
    if (seed % 20 == 0)
      shape = {.length = 70,
               .heads = 1,
               .key_value_heads = 1,
               .key_dim = 1,
               .value_dim = 1,
               .scale = 0.5};  // Across the edge of a panel.
    auto given = core_case_of<double>(shape, seed % 20 == 0 ? 1 : 2, random);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const auto loss = [&] {
      const auto f = core_forward(given.queries, given.keys, given.values, shape, context);
      return f.mixed.cwiseProduct(given.d_mixed).sum();
    };
    const CoreGradients<double> d = outcome_of(given, context).d;
    if (shape.length > 1) {  // A single key has weight 1 whatever the query says.
      ASSERT_LE(gradient_error(given.queries, d.d_queries, loss), 1e-6) << "seed " << seed;
      ASSERT_LE(gradient_error(given.keys, d.d_keys, loss), 1e-6) << "seed " << seed;
    }
    ASSERT_LE(gradient_error(given.values, d.d_values, loss), 1e-6) << "seed " << seed;
  }
}

template <class Real>
void expect_causal(const Numerics& numerics) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "causal"});
    const CoreShape shape = any_core(random, 150);
    const auto before = core_case_of<Real>(shape, 2, random);
    auto after = before;
    const int changed = int(random.below(std::uint32_t(shape.length)));  // In the first sequence.
    after.queries.row(changed).array() += Real(1);
    after.keys.row(changed).array() += Real(3);
    after.values.row(changed).array() -= Real(2);
    Ledger ledger;
    const Context context{numerics, {}, ledger};
    const auto a = core_forward(before.queries, before.keys, before.values, shape, context);
    const auto b = core_forward(after.queries, after.keys, after.values, shape, context);
    EXPECT_EQ(a.mixed.topRows(changed), b.mixed.topRows(changed)) << "seed " << seed;
    EXPECT_EQ(a.log_sums.topRows(changed), b.log_sums.topRows(changed)) << "seed " << seed;
    EXPECT_EQ(a.mixed.bottomRows(shape.length), b.mixed.bottomRows(shape.length)) << "seed " << seed;
    EXPECT_NE(a.mixed.row(changed), b.mixed.row(changed)) << "seed " << seed;
  }
}

TEST(AttentionCore, ALaterTokenMovesNoBitOfAnEarlierRowNorOfAnotherSequence) {
  expect_causal<double>(full_numerics);
  expect_causal<float>(full_numerics);
  expect_causal<float>(bf16_numerics);
}

// Entries at or below the diagonal of one sequence: 1 + 2 + ... + length.
TEST(AttentionCore, CountsTheEntriesAtOrBelowTheDiagonalAndNoOthers) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "count"});
    const CoreShape shape = any_core(random, 150);
    const int sequences = int(1 + random.below(3));
    Ledger ledger;
    outcome_of(core_case_of<float>(shape, sequences, random), {full_numerics, {}, ledger});
    const auto length = std::uint64_t(shape.length);
    const std::uint64_t entries = length * (length + 1) / 2 * std::uint64_t(shape.heads * sequences);
    const auto count = [&](Operation operation, Pass pass) {
      return ledger.at(operation, pass).multiply_adds;
    };
    EXPECT_EQ(count(Operation::AttentionScores, Pass::Forward), entries * std::uint64_t(shape.key_dim));
    EXPECT_EQ(count(Operation::AttentionMix, Pass::Forward), entries * std::uint64_t(shape.value_dim));
    EXPECT_EQ(count(Operation::AttentionScores, Pass::Recompute), entries * std::uint64_t(shape.key_dim));
    EXPECT_EQ(count(Operation::AttentionScores, Pass::InputGradient),
              2 * entries * std::uint64_t(shape.key_dim));
    EXPECT_EQ(count(Operation::AttentionMix, Pass::InputGradient),
              2 * entries * std::uint64_t(shape.value_dim));
  }
}

// Forward: Q, K, V read once, O written, in BF16; a row of statistics in FP32 for each query head.
TEST(AttentionCore, CountsOperandsOnceInTheBytesOfTheirFormat) {
  RandomStream random(3, {.owner = "test", .purpose = "bytes"});
  const CoreShape shape{
      .length = 100, .heads = 6, .key_value_heads = 2, .key_dim = 24, .value_dim = 16, .scale = 0.2};
  const auto given = core_case_of<float>(shape, 2, random);
  Ledger ledger;
  outcome_of(given, {bf16_numerics, {}, ledger});
  const auto two = [](const Matrix<float>& x) { return 2 * std::uint64_t(x.size()); };
  const std::uint64_t q = two(given.queries), k = two(given.keys), v = two(given.values),
                      o = two(given.d_mixed);
  EXPECT_EQ(ledger.at(Operation::AttentionScores, Pass::Forward).bytes_read, q + k);
  EXPECT_EQ(ledger.at(Operation::AttentionMix, Pass::Forward).bytes_read, v);
  EXPECT_EQ(ledger.at(Operation::AttentionMix, Pass::Forward).bytes_written, o);
  EXPECT_EQ(ledger.at(Operation::Softmax, Pass::Forward).bytes_written, 200u * 6u * 4u);
  EXPECT_EQ(ledger.at(Operation::AttentionScores, Pass::Recompute).bytes_read, q + k);
  EXPECT_EQ(ledger.at(Operation::AttentionMix, Pass::InputGradient).bytes_read, 2 * o + v);
  EXPECT_EQ(ledger.at(Operation::AttentionMix, Pass::InputGradient).bytes_written, v);
  EXPECT_EQ(ledger.at(Operation::AttentionScores, Pass::InputGradient).bytes_written, q + k);
  EXPECT_EQ(ledger.at(Operation::Softmax, Pass::InputGradient).bytes_read, 200u * 6u * 4u);
}

TEST(AttentionCore, HeadsThatShareAKeyValueHeadAreHeadsWithCopiesOfIt) {
  RandomStream random(5, {.owner = "test", .purpose = "shared"});
  const CoreShape shape{
      .length = 90, .heads = 4, .key_value_heads = 2, .key_dim = 6, .value_dim = 5, .scale = 0.4};
  const auto shared = core_case_of<double>(shape, 1, random);
  auto copied = shared;
  copied.shape.key_value_heads = 4;
  copied.keys.resize(90, 24);
  copied.values.resize(90, 20);
  for (int head = 0; head < 4; ++head) {
    copied.keys.middleCols(head * 6, 6) = shared.keys.middleCols(head / 2 * 6, 6);
    copied.values.middleCols(head * 5, 5) = shared.values.middleCols(head / 2 * 5, 5);
  }
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  const Outcome a = outcome_of(shared, context), b = outcome_of(copied, context);
  EXPECT_EQ(a.forward.mixed, b.forward.mixed);
  EXPECT_EQ(a.d.d_queries, b.d.d_queries);
  for (int head = 0; head < 2; ++head) {
    const Matrix<double> sum = b.d.d_keys.middleCols(head * 12, 6) + b.d.d_keys.middleCols(head * 12 + 6, 6);
    EXPECT_LE((a.d.d_keys.middleCols(head * 6, 6) - sum).norm(), 1e-14 * sum.norm());
  }
}

TEST(AttentionCore, ScoresFarApartNeitherOverflowNorVanish) {
  RandomStream random(6, {.owner = "test", .purpose = "large"});
  CoreShape shape{.length = 80, .heads = 1, .key_value_heads = 1, .key_dim = 4, .value_dim = 3, .scale = 1};
  auto given = core_case_of<float>(shape, 1, random);
  given.queries *= 1000;  // Scores of some thousands: exp of one of them is infinite in float and in double.
  Ledger ledger;
  const Outcome found = outcome_of(given, {full_numerics, {}, ledger});
  EXPECT_TRUE(found.forward.mixed.allFinite() && found.forward.log_sums.allFinite());
  EXPECT_TRUE(found.d.d_queries.allFinite() && found.d.d_keys.allFinite() && found.d.d_values.allFinite());
  EXPECT_LE(found.forward.mixed.cwiseAbs().maxCoeff(),
            double(given.values.cwiseAbs().maxCoeff()) * (1 + 1e-6));
}

TEST(AttentionCore, NotANumberComesOutWhereItGoesIn) {
  RandomStream random(7, {.owner = "test", .purpose = "nan"});
  CoreShape shape{.length = 20, .heads = 1, .key_value_heads = 1, .key_dim = 4, .value_dim = 3, .scale = 1};
  for (const int at : {0, 7, 19}) {
    auto given = core_case_of<float>(shape, 1, random);
    given.keys(at, 2) = std::numeric_limits<float>::quiet_NaN();
    Ledger ledger;
    const Outcome found = outcome_of(given, {full_numerics, {}, ledger});
    EXPECT_TRUE(found.forward.mixed.row(19).hasNaN()) << at;
    EXPECT_TRUE(found.d.d_queries.row(19).hasNaN()) << at;
  }
}

}  // namespace
}  // namespace orrery::reference
