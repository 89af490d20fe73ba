#include "models/reference/number_format.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "sim/random.hpp"

namespace orrery::reference {
namespace {

struct Named {
  const char* name;
  Format format;
};
void PrintTo(const Named& named, std::ostream* stream) { *stream << named.name; }
constexpr Named formats[] = {{"E4M3", e4m3}, {"E5M2", e5m2}, {"E5M6", e5m6}, {"BF16", bf16}};

class OfFormat : public testing::TestWithParam<Named> {};
INSTANTIATE_TEST_SUITE_P(NumberFormat, OfFormat, testing::ValuesIn(formats),
                         [](const auto& of) { return of.param.name; });

std::uint32_t codes_of(const Format& format) {
  return 1u << (1 + format.exponent_bits + format.fraction_bits);
}
float as_float(std::uint64_t bits) { return std::bit_cast<float>(std::uint32_t(bits)); }

/// Equal as numbers and in sign; any NaN is any other of its sign.
bool same(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) && std::isnan(b) && std::signbit(a) == std::signbit(b);
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

TEST_P(OfFormat, EveryCodeComesBackAsItself) {
  const Format& format = GetParam().format;
  std::uint32_t checked = 0;
  for (std::uint32_t code = 0; code < codes_of(format); ++code) {
    const float value = decode(format, code);
    if (std::isinf(value)) continue;  // Never encoded: saturation.
    EXPECT_EQ(encode(format, value), code) << value;
    ++checked;
  }
  EXPECT_EQ(checked, codes_of(format) - (format.finite_only ? 0 : 2));
}

TEST_P(OfFormat, ANumberGoesToTheNearestAndATieToTheEvenCode) {
  const Format& format = GetParam().format;
  const std::uint32_t positive = codes_of(format) / 2;
  for (std::uint32_t code = 0; code + 1 < positive; ++code) {
    const double low = decode(format, code), high = decode(format, code + 1);
    if (!std::isfinite(high)) break;
    const auto middle = float((low + high) / 2);  // Exact: one bit more than the format has.
    EXPECT_EQ(encode(format, middle), code % 2 == 0 ? code : code + 1) << middle;
    EXPECT_EQ(encode(format, std::nextafter(middle, 0.0f)),
              middle > std::numeric_limits<float>::denorm_min() ? code : 0u);
    EXPECT_EQ(encode(format, std::nextafter(middle, std::numeric_limits<float>::infinity())), code + 1);
    EXPECT_EQ(encode(format, -middle), encode(format, middle) + positive) << "the sign is the top bit";
  }
}

TEST(NumberFormat, HasTheValuesOfTheSpecification) {
  // Open Compute Project, OCP 8-bit Floating Point Specification 1.0, table 1.
  EXPECT_EQ(largest(e4m3), 448);
  EXPECT_EQ(largest(e5m2), 57344);
  EXPECT_EQ(decode(e4m3, 0x01), 0x1p-9f) << "smallest subnormal";
  EXPECT_EQ(decode(e4m3, 0x08), 0x1p-6f) << "smallest normal";
  EXPECT_EQ(decode(e5m2, 0x01), 0x1p-16f);
  EXPECT_EQ(decode(e5m2, 0x04), 0x1p-14f);
  EXPECT_TRUE(std::isnan(decode(e4m3, 0x7F)));
  EXPECT_TRUE(std::isinf(decode(e5m2, 0x7C)));
  // 5 exponent bits and 6 of fraction: (2 - 2^-6) 2^15.
  EXPECT_EQ(largest(e5m6), 65024);
  EXPECT_EQ(largest(bf16), (2 - 0x1p-7) * 0x1p127);
}

TEST(NumberFormat, SaturatesInsteadOfOverflowing) {
  for (const Named& named : formats) {
    const auto most = float(largest(named.format));
    for (const float value :
         {most, std::nextafter(most, INFINITY), std::numeric_limits<float>::max(), INFINITY}) {
      EXPECT_EQ(rounded(named.format, value), most) << named.name;
      EXPECT_EQ(rounded(named.format, -value), -most) << named.name;
    }
  }
  EXPECT_EQ(rounded(e4m3, 464), 448) << "half way to 480, which E4M3 does not have";
  EXPECT_TRUE(std::isnan(rounded(e4m3, NAN)));
}

/// Counts where the two converters differ, over `count` floats whose bits begin at `first`.
std::uint64_t mismatches(const Format& format, std::uint64_t first, std::uint64_t count) {
  std::vector<float> from(count), to(count);
  for (std::uint64_t i = 0; i < count; ++i) from[i] = as_float(first + i);
  round_array(format, from.data(), to.data(), count);
  std::uint64_t differ = 0;
  for (std::uint64_t i = 0; i < count; ++i) differ += !same(to[i], decode(format, encode(format, from[i])));
  return differ;
}

// The one in integers, the other in float32 additions or on the bits. Here the neighbourhood of every
// exponent and every 4,093rd float; all 2^32 below.
TEST_P(OfFormat, TwoIndependentConvertersAgree) {
  const Format& format = GetParam().format;
  for (std::uint64_t exponent = 0; exponent < 512; ++exponent)
    EXPECT_EQ(mismatches(format, exponent << 23, 512), 0u) << "exponent field " << exponent;
  std::uint64_t differ = 0;
  for (std::uint64_t bits = 0; bits < 1ull << 32; bits += 4093) {
    const float value = as_float(bits);
    differ += !same(rounded(format, value), decode(format, encode(format, value)));
  }
  EXPECT_EQ(differ, 0u);
}

// `tests/run full` asks for it: a minute a format.
TEST_P(OfFormat, TwoIndependentConvertersAgreeOnAllFloats) {
  if (std::getenv("ORRERY_FULL") == nullptr) GTEST_SKIP() << "set ORRERY_FULL for all 2^32";
  std::uint64_t differ = 0;
  constexpr std::uint64_t at_once = 1 << 16;
  for (std::uint64_t first = 0; first < 1ull << 32; first += at_once)
    differ += mismatches(GetParam().format, first, at_once);
  EXPECT_EQ(differ, 0u);
}

}  // namespace
}  // namespace orrery::reference
