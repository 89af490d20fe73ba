#include "sim/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace orrery {
namespace {

RandomStream stream(std::uint64_t seed, std::string_view owner, std::string_view purpose,
                    std::uint64_t index = 0) {
  return RandomStream(seed, {.owner = owner, .purpose = purpose, .index = index});
}

// SplitMix64 as its authors publish it: a counter in steps of the golden ratio, mixed. The same finaliser
// and step make ours; only the first state (the key) comes from the names.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

std::uint64_t mix(std::uint64_t z) { return SplitMix64(z - 0x9e3779b97f4a7c15ull).next(); }

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) {
    hash ^= std::uint8_t(c);
    hash *= 0x100000001b3ull;
  }
  return hash;
}

TEST(Random, TheWitnessGivesThePublishedValuesOfSplitMix64) {
  // The five first outputs for state 1234567, as in the test vectors of several published libraries.
  SplitMix64 known(1234567);
  EXPECT_EQ(known.next(), 6457827717110365317ull);
  EXPECT_EQ(known.next(), 3203168211198807973ull);
  EXPECT_EQ(known.next(), 9817491932198370423ull);
  EXPECT_EQ(known.next(), 4593380528125082431ull);
  EXPECT_EQ(known.next(), 16408922859458223821ull);
}

TEST(Random, TheWitnessGivesThePublishedValuesOfFnv1a) {
  // Fowler, Noll, Vo: 64-bit FNV-1a test vectors.
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ull);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cull);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8ull);
}

TEST(Random, DrawsAreSplitMix64FromAKeyOfSeedAndNames) {
  for (std::uint64_t seed : {0ull, 1ull, 0xffffffffffffffffull}) {
    RandomStream random = stream(seed, "rank", "skew", 17);
    SplitMix64 witness(mix(seed ^ mix(fnv1a("rank") ^ mix(fnv1a("skew") ^ mix(17)))));
    for (int n = 0; n < 100; ++n) ASSERT_EQ(random.bits(), witness.next());
  }
}

TEST(Random, AddingAnOwnerMovesNobodyElsesDraws) {
  std::vector<std::uint64_t> alone, in_company;
  RandomStream first = stream(7, "rank", "skew", 3);
  for (int n = 0; n < 50; ++n) alone.push_back(first.bits());
  RandomStream again = stream(7, "rank", "skew", 3), other = stream(7, "rank", "skew", 4);
  for (int n = 0; n < 50; ++n) {
    other.bits();
    in_company.push_back(again.bits());
    other.normal();
  }
  EXPECT_EQ(alone, in_company);
}

TEST(Random, EveryPartOfTheNameMatters) {
  const std::uint64_t first = stream(1, "a", "b", 0).bits();
  EXPECT_NE(first, stream(2, "a", "b", 0).bits());
  EXPECT_NE(first, stream(1, "c", "b", 0).bits());
  EXPECT_NE(first, stream(1, "a", "c", 0).bits());
  EXPECT_NE(first, stream(1, "a", "b", 1).bits());
  EXPECT_NE(first, stream(1, "b", "a", 0).bits());  // Owner and purpose do not swap.
}

TEST(Random, UniformIsInRangeAndEven) {
  RandomStream random = stream(1, "test", "uniform");
  constexpr int draws = 1'000'000;
  double sum = 0, squares = 0;
  for (int n = 0; n < draws; ++n) {
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  // Mean 1/2 with standard error sqrt(1/12/n) = 0.00029; mean square 1/3 with sqrt(4/45/n) = 0.0003.
  EXPECT_NEAR(sum / draws, 0.5, 5 * 0.00029);
  EXPECT_NEAR(squares / draws, 1.0 / 3, 5 * 0.0003);
}

TEST(Random, BelowMeetsEveryValueEquallyOften) {
  RandomStream random = stream(1, "test", "below");
  std::array<int, 7> count{};
  for (int n = 0; n < 70'000; ++n) {
    const std::uint32_t value = random.below(7);
    ASSERT_LT(value, 7u);
    ++count[value];
  }
  // Binomial: standard deviation sqrt(70'000 * 1/7 * 6/7) = 93.
  for (const int c : count) EXPECT_NEAR(c, 10'000, 5 * 93);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, NormalHasMeanZeroVarianceOneAndTheKurtosisOfTwelveUniforms) {
  RandomStream random = stream(1, "test", "normal");
  constexpr int draws = 500'000;
  double sum = 0, squares = 0, fourths = 0;
  for (int n = 0; n < draws; ++n) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  // Standard errors: 1/sqrt(n) = 0.0014; sqrt((2.9 - 1)/n) = 0.0020. Fourth moment of Irwin-Hall of twelve:
  // 3 - 6/5/12 = 2.9, standard error below sqrt(96/n) = 0.014.
  EXPECT_NEAR(sum / draws, 0.0, 5 * 0.0014);
  EXPECT_NEAR(squares / draws, 1.0, 5 * 0.0020);
  EXPECT_NEAR(fourths / draws, 2.9, 5 * 0.014);
}

// Mean and variance 1, the part above x is exp(-x): within four standard errors of a million draws.
TEST(RandomStream, ExponentialHasTheMomentsAndTheTailsOfOne) {
  RandomStream random = stream(1, "test", "exponential");
  constexpr int n = 1'000'000;
  double sum = 0, squares = 0;
  int above_one = 0, above_four = 0;
  for (int i = 0; i < n; ++i) {
    const double x = random.exponential();
    sum += x, squares += x * x;
    above_one += x > 1, above_four += x > 4;
  }
  EXPECT_NEAR(sum / n, 1, 4 * 1e-3);
  EXPECT_NEAR(squares / n, 2, 4 * 4.5e-3);
  EXPECT_NEAR(double(above_one) / n, 0.367879, 4 * 4.8e-4);
  EXPECT_NEAR(double(above_four) / n, 0.018316, 4 * 1.4e-4);
}

}  // namespace
}  // namespace orrery
