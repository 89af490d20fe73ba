#include "models/reference/accumulator.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "models/reference/number_format.hpp"
#include "models/reference/precision_experiments.hpp"
#include "sim/random.hpp"

namespace orrery::reference {
namespace {

using Wide = __int128;

/// Products of E4M3 are whole numbers of 2^-18, and so is all that is cut from them: the same sum in whole
/// numbers.
constexpr int unit_exponent = -18;

int top_bit(Wide size) {
  int bit = -1;
  for (; size != 0; size >>= 1) ++bit;
  return bit;
}
Wide cut(Wide value, int bits) {
  if (bits <= 0) return value;
  const Wide size = value < 0 ? -value : value, kept = size >> bits << bits;
  return value < 0 ? -kept : kept;
}

float twin(const std::vector<float>& a, const std::vector<float>& b, const AccumulatorRule& rule) {
  float promoted = 0;
  Wide sum = 0;
  int since = 0;
  for (std::size_t first = 0; first < a.size(); first += std::size_t(rule.group)) {
    const std::size_t end = std::min(a.size(), first + std::size_t(rule.group));
    std::vector<Wide> addends{sum};
    for (std::size_t i = first; i < end; ++i)
      addends.push_back(Wide(double(a[i]) * double(b[i]) * std::exp2(-unit_exponent)));
    int top = -1;
    for (const Wide addend : addends) top = std::max(top, top_bit(addend < 0 ? -addend : addend));
    sum = 0;
    for (const Wide addend : addends)
      sum += rule.truncation == Truncation::EveryAddend ? cut(addend, top - rule.fraction_bits) : addend;
    sum = cut(sum, top_bit(sum < 0 ? -sum : sum) - rule.fraction_bits);
    since += int(end - first);
    if (rule.promotion > 0 && since >= rule.promotion) {
      promoted += float(double(sum) * std::exp2(unit_exponent));
      sum = 0;
      since = 0;
    }
  }
  return promoted + float(double(sum) * std::exp2(unit_exponent));
}

std::vector<float> in_e4m3(RandomStream& random, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values)
    value = rounded(e4m3, float(random.normal() * std::exp2(double(random.below(12)) - 6)));
  return values;
}

TEST(Accumulator, IsTheSameSumAsInWholeNumbers) {
  RandomStream random(1, {.owner = "test", .purpose = "accumulator"});
  for (int run = 0; run < 1000; ++run) {
    const std::size_t depth = 1 + random.below(600);
    const std::vector<float> a = in_e4m3(random, depth), b = in_e4m3(random, depth);
    const AccumulatorRule rule{.truncation = random.below(2) == 0 ? Truncation::EveryAddend : Truncation::Sum,
                               .promotion = random.below(2) == 0 ? 0 : 128,
                               .group = 1 << (2 + random.below(4)),
                               .fraction_bits = 8 + int(random.below(12))};
    EXPECT_EQ(accumulated_dot(a, b, rule), twin(a, b, rule)) << run;
  }
}

TEST(Accumulator, IsExactWhereNothingIsCut) {
  // 32 products of 1.5 x 0.5: 24 = 11000b fits in 14 bits at every step.
  const std::vector<float> a(128, 1.5f), b(128, 0.5f);
  for (const Truncation truncation : {Truncation::EveryAddend, Truncation::Sum})
    EXPECT_EQ(accumulated_dot(a, b, {.truncation = truncation}), 96.0f);
}

TEST(Accumulator, LosesAnAddendBelowItsLastPlaceAndPromotionSavesIt) {
  // 2^8, then 2^-6: one place below the last of 2^8's 13 bits of fraction (2^-5). Cut alone it is lost,
  // however often.
  std::vector<float> a(256, 0.0f), b(256, 1.0f);
  a[0] = 256;
  for (std::size_t i = 128; i < 256; i += 32) a[i] = 0x1p-6f;
  EXPECT_EQ(accumulated_dot(a, b, {.truncation = Truncation::EveryAddend}), 256.0f);
  EXPECT_EQ(accumulated_dot(a, b, {.truncation = Truncation::EveryAddend, .promotion = 128}),
            256.0f + 4 * 0x1p-6f);
  // In one group their exact sum 4 x 2^-6 = 2^-4 is above the last place.
  for (std::size_t i = 0; i < 4; ++i) a[1 + i] = 0x1p-6f;
  EXPECT_EQ(accumulated_dot(a, b, {.truncation = Truncation::Sum, .promotion = 128}), 256.0f + 8 * 0x1p-6f);
}

TEST(Accumulator, CutsTowardsZeroOnEitherSide) {
  RandomStream random(2, {.owner = "test", .purpose = "accumulator"});
  for (int run = 0; run < 100; ++run) {
    std::vector<float> a = in_e4m3(random, 256);
    const std::vector<float> b = in_e4m3(random, 256);
    const float sum = accumulated_dot(a, b, {});
    for (float& value : a) value = -value;
    EXPECT_EQ(accumulated_dot(a, b, {}), -sum);
  }
}

TEST(Accumulator, MoreBitsNeverLoseMoreOfPositiveSums) {
  RandomStream random(3, {.owner = "test", .purpose = "accumulator"});
  for (int run = 0; run < 50; ++run) {
    std::vector<float> a(512), b(512);
    for (float& value : a) value = rounded(e4m3, float(random.uniform()));
    for (float& value : b) value = rounded(e4m3, float(random.uniform()));
    float last = 0;
    for (int bits = 6; bits <= 24; ++bits) {
      const float sum = accumulated_dot(a, b, {.fraction_bits = bits});
      EXPECT_GE(sum, last) << bits;
      last = sum;
    }
  }
}

// arXiv 2412.19437, section 3.3.2, at K = 4096: "nearly 2 %" without promotion, which lies between the two
// readings.
TEST(PrecisionExperiment, PromotionBringsTheErrorBelowATenthOfAPercentAndTwentyTimesDown) {
  for (const Truncation truncation : {Truncation::EveryAddend, Truncation::Sum}) {
    const ProductSize size{16, 16, 4096};
    const double alone = accumulator_errors(size, Inputs::Positive, {truncation, 0}, 1).largest;
    const double promoted = accumulator_errors(size, Inputs::Positive, {truncation, 128}, 1).largest;
    EXPECT_LE(promoted, 0.001);
    EXPECT_GE(alone / promoted, 20);
    if (truncation == Truncation::EveryAddend) {
      EXPECT_GT(alone, 0.02);
    } else {
      EXPECT_LT(alone, 0.02);
    }
  }
}

TEST(PrecisionExperiment, TilesFollowOutliersThatTensorsAndBlocksCannot) {
  const ProductSize size{128, 32, 1024};
  EXPECT_LT(activation_scaling_errors(size, Scaling::Tile, 1000, 1).product.frobenius,
            activation_scaling_errors(size, Scaling::Tensor, 1000, 1).product.frobenius / 2);
  const ScalingErrors tile = gradient_scaling_errors(size, Scaling::Tile, 6, 1);
  const ScalingErrors block = gradient_scaling_errors(size, Scaling::Block, 6, 1);
  EXPECT_LT(tile.flushed, 1e-4) << "but for a draw near 0";
  EXPECT_GT(block.flushed, 0.05) << "small tokens of a block vanish";
  EXPECT_LT(tile.worst_token, 0.06) << "half of E4M3's last place is 2^-4";
  EXPECT_GT(block.worst_token, 0.5);
}

TEST(PrecisionExperiment, ErrorsAreThoseOfTheDefinition) {
  Matrix<float> y(1, 2);
  y << 1.1f, 2.0f;
  Matrix<double> exact(1, 2);
  exact << 1.0, 2.0;
  const ProductErrors errors = product_errors(y, exact);
  EXPECT_NEAR(errors.largest, 0.1, 1e-7);
  EXPECT_NEAR(errors.frobenius, 0.1 / std::sqrt(5.0), 1e-7);
}

}  // namespace
}  // namespace orrery::reference
