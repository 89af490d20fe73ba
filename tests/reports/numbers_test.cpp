#include "reports/numbers.hpp"

#include <gtest/gtest.h>

namespace orrery {
namespace {

TEST(Numbers, AreGroupedByThousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(2048), "2,048");
  EXPECT_EQ(grouped(-123456), "-123,456");
  EXPECT_EQ(grouped(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(Numbers, HaveFourSignificantDigits) {
  EXPECT_EQ(four_digits(19.9263), "19.93");
  EXPECT_EQ(four_digits(0.129), "0.1290");
  EXPECT_EQ(four_digits(-2664.2), "-2,664");
  EXPECT_EQ(four_digits(9.9996), "10.00");  // Rounds up to the next power of ten and still has four.
  EXPECT_EQ(four_digits(123456), "123,456");
  EXPECT_EQ(four_digits(0), "0");
  EXPECT_EQ(four_digits(1.5e-12), "1.500e-12");
}

TEST(Numbers, TimesChooseTheUnitThatReadsBest) {
  EXPECT_EQ(human(Seconds(0.129)), "129.0 ms");
  EXPECT_EQ(human(Seconds(19.926)), "19.93 s");
  EXPECT_EQ(human(Seconds(0.99996)), "1.000 s");  // Not "1000 ms".
  EXPECT_EQ(human(Seconds(59.999)), "1.000 min");
  EXPECT_EQ(human(Seconds(54.2 * 86'400)), "54.20 d");
  EXPECT_EQ(human(Seconds(2.5e-6)), "2.500 us");
  EXPECT_EQ(human(Seconds(0)), "0 ns");
  EXPECT_EQ(human(Seconds(-0.5)), "-500.0 ms");
}

// 84,943,110,144 B / 2^30 = 79.109; / 10^9 = 84.943.
TEST(Numbers, BytesComeInBothKinds) {
  EXPECT_EQ(binary_bytes(Bytes(84'943'110'144)), "79.11 GiB");
  EXPECT_EQ(decimal_bytes(Bytes(84'943'110'144)), "84.94 GB");
  EXPECT_EQ(binary_bytes(Bytes(1000)), "1,000 B");
  EXPECT_EQ(binary_bytes(Bytes(1024)), "1.000 KiB");
  EXPECT_EQ(decimal_bytes(Bytes(0)), "0 B");
}

TEST(Numbers, RatesCountsAndMoneyReadAsInPrint) {
  EXPECT_EQ(human(BytesPerSecond(160e9)), "160.0 GB/s");
  EXPECT_EQ(human(FlopsPerSecond(989.4e12)), "989.4 TFLOP/s");
  EXPECT_EQ(human(Watts(1.4e6)), "1.400 MW");
  EXPECT_EQ(human(Dollars(5.576e6)), "5.576 M USD");
  EXPECT_EQ(human(Dollars(238'000)), "238,000 USD");
  EXPECT_EQ(human(Dollars(999'999)), "1.000 M USD");
  EXPECT_EQ(human(Dollars(0.275)), "0.28 USD");
  EXPECT_EQ(human_count(671.02e9), "671.0 B");
  EXPECT_EQ(human_count(14.8e12), "14.80 T");
  EXPECT_EQ(human_count(2048), "2,048");
  EXPECT_EQ(in_thousands(2'664'000, "GPU-hours"), "2,664 K GPU-hours");
  EXPECT_EQ(percent(0.4237), "42.4 %");
  EXPECT_EQ(signed_percent(-1.234), "-1.2 %");
  EXPECT_EQ(signed_percent(3), "+3.0 %");
}

}  // namespace
}  // namespace orrery
