#include "sim/time.hpp"

#include <gtest/gtest.h>

#include "sim/random.hpp"

namespace orrery {
namespace {

TEST(Time, RoundsUpToWholePicoseconds) {
  EXPECT_EQ(to_picoseconds(Seconds(0)), Picoseconds(0));
  EXPECT_EQ(to_picoseconds(Seconds(1)), Picoseconds(1'000'000'000'000));
  EXPECT_EQ(to_picoseconds(Seconds(0x1p-40)), Picoseconds(1));  // 0.909 ps.
  EXPECT_EQ(to_picoseconds(Seconds(0x1p-39)), Picoseconds(2));  // 1.819 ps.
  EXPECT_EQ(to_picoseconds(Seconds(1e-30)), Picoseconds(1));    // Nothing but zero takes no time.
}

TEST(Time, NeverFinishesEarlyAndNeverMoreThanAPicosecondLate) {
  RandomStream random(3, {.owner = "test", .purpose = "time"});
  for (int i = 0; i < 100'000; ++i) {
    const double exact = random.uniform() * 1e-3 * 1e12;  // Below a millisecond: exact to 1e-7 ps.
    const double rounded = double(to_picoseconds(Seconds(exact * 1e-12)).value());
    ASSERT_GE(rounded, exact - 1e-6);
    ASSERT_LT(rounded, exact + 1 + 1e-6);
  }
}

TEST(Time, GoesToSecondsAndBackWithinAPicosecond) {
  for (std::int64_t time = 1; time < 1'000'000'000'000'000; time = time * 7 + 3) {
    const std::int64_t back = to_picoseconds(to_seconds(Picoseconds(time))).value();
    EXPECT_GE(back, time - 1) << time;
    EXPECT_LE(back, time + 1) << time;
  }
}

TEST(Time, HoldsAHundredDays) {
  const Seconds days(100 * 86'400.0);
  EXPECT_EQ(to_picoseconds(days).value(), 8'640'000'000'000'000'000);  // 8.64e6 s * 1e12.
  EXPECT_LT(to_picoseconds(days), never);
}

}  // namespace
}  // namespace orrery
