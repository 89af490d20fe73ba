#include "sim/units.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace orrery {
namespace {

using namespace literals;

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};

static_assert(Addable<Bytes, Bytes>);
static_assert(!Addable<Bytes, Flops>);
static_assert(!Addable<Seconds, double>);
static_assert(!Comparable<Bytes, std::int64_t>);
static_assert(!std::is_convertible_v<std::int64_t, Bytes>);
static_assert(!std::is_convertible_v<Bytes, std::int64_t>);
static_assert(sizeof(Bytes) == sizeof(std::int64_t));

TEST(Units, DecimalAndBinaryMultiplesDiffer) {
  EXPECT_EQ(1_MB, Bytes(1'000'000));
  EXPECT_EQ(1_MiB, Bytes(1'048'576));  // 2^20.
  EXPECT_EQ(1_GB, Bytes(1'000'000'000));
  EXPECT_EQ(1_GiB, Bytes(1'073'741'824));  // 2^30.
}

TEST(Units, BytesOverARateAreATime) {
  EXPECT_EQ((1_MB / 50_GBps).value(), 2e-5);  // 1e6 / 50e9.
  EXPECT_EQ((10_GB / 2.0_s).value(), 5e9);    // B/s.
  EXPECT_EQ((1_GB / 4_GB), 0.25);             // Like over like is a bare number.
  EXPECT_EQ((1_GB / 4_GBps).value(), 0.25);
}

TEST(Units, FlopsOverARateAreATime) {
  EXPECT_EQ((Flops(3e12) / 1.5_TFLOPps).value(), 2.0);
  EXPECT_EQ((Flops(3e12) / 2.0_s).value(), 1.5e12);
}

TEST(Units, ABareNumberOnlyScales) {
  EXPECT_EQ(3 * 2_MB, 6_MB);
  EXPECT_EQ(2_MB * 3, 6_MB);
  EXPECT_EQ(6_MB / 3, 2_MB);
  EXPECT_EQ(7_B / 2, 3_B);  // Whole bytes.
  EXPECT_EQ((0.5 * 50_GBps).value(), 25e9);
}

TEST(Units, EqualKindsAddSubtractAndCompare) {
  Bytes sum = 1_MB;
  sum += 2_MB;
  sum -= 1_B;
  EXPECT_EQ(sum, Bytes(2'999'999));
  EXPECT_EQ(2_MB - 1_MB, 1_MB);
  EXPECT_LT(1_MB, 1_MiB);
  EXPECT_GT(1_GiB, 1_GB);
  EXPECT_EQ(Bytes(), 0_B);
}

TEST(Units, TimesInSmallUnitsAreSeconds) {
  EXPECT_DOUBLE_EQ((20_us).value(), 2e-5);
  EXPECT_DOUBLE_EQ((1.5_ms).value(), 1.5e-3);
}

}  // namespace
}  // namespace orrery
