#include "reports/progress.hpp"

#include <gtest/gtest.h>

#include "reports/unicode.hpp"

namespace orrery {
namespace {

// A quarter took 3 s, so the other three take 9 s.
TEST(ProgressLine, GuessesTheTimeLeftFromThePartDone) {
  const ProgressState state{.what = "simulating", .share = 0.25, .elapsed = Seconds(3)};
  EXPECT_DOUBLE_EQ(time_left(state)->value(), 9.0);
  EXPECT_EQ(progress_line(state, Style{}), "simulating  █████                  25 %  3 s, about 9 s left");
}

TEST(ProgressLine, GuessesNothingBeforeAPartIsDone) {
  const ProgressState state{.what = "simulating", .share = 0, .elapsed = Seconds(3)};
  EXPECT_FALSE(time_left(state));
  EXPECT_EQ(progress_line(state, Style{}).find("left"), std::string::npos);
}

TEST(ProgressLine, SaysLongTimesInMinutesAndHours) {
  const ProgressState state{.what = "x", .share = 0.01, .elapsed = Seconds(100)};
  EXPECT_NE(progress_line(state, Style{}).find("1 min 40 s, about 2 h 45 min left"), std::string::npos);
}

TEST(ProgressLine, FitsTheTerminalAndSaysHundredPercentOnlyWhenDone) {
  for (int columns = 40; columns <= 100; ++columns) {
    for (const double share : {0.0, 1e-9, 0.5, 0.999999, 1.0, 1.5}) {
      const ProgressState state{
          .what = "simulating 2,048 ranks of 層層層 for long", .share = share, .elapsed = Seconds(1e5)};
      const std::string line = progress_line(state, Style{.columns = columns});
      EXPECT_LT(display_width(line), columns);
      EXPECT_EQ(line.find("100 %") != std::string::npos, share >= 1) << line;
    }
  }
}

/// What is written about work of so many seconds that reports each millisecond.
std::vector<std::string> said(ProgressChannel channel, double seconds) {
  std::vector<std::string> texts;
  double now = 1000;
  {
    Progress progress("work", {.channel = channel,
                               .style = {},
                               .clock = [&] { return Seconds(now); },
                               .write = [&](std::string_view text) { texts.emplace_back(text); }});
    for (int i = 0; i <= int(seconds * 1000); ++i) {
      now = 1000 + i / 1000.0;
      progress.update(i / (seconds * 1000));
    }
  }
  return texts;
}

TEST(Progress, IsSilentAboutWorkUnderASecond) { EXPECT_TRUE(said(ProgressChannel::Terminal, 0.99).empty()); }

// From 1 s to 10 s at ten a second: 91 lines and the wiping, somewhat fewer where a call comes a millisecond
// late.
TEST(Progress, PaintsAtMostTenTimesASecondAndWipesAtTheEnd) {
  const auto texts = said(ProgressChannel::Terminal, 10);
  EXPECT_LE(texts.size(), 92u);
  EXPECT_GE(texts.size(), 85u);
  EXPECT_EQ(texts.back(), "\r\x1b[K");
  for (const std::string& text : texts) EXPECT_EQ(text.front(), '\r');
}

TEST(Progress, WritesALineEachHalfMinuteIntoALog) {
  const auto texts = said(ProgressChannel::Log, 100);  // At 30, 60 and 90 s.
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[0], "work  ██████                 30 %  30 s, about 1 min 10 s left\n");
}

TEST(Progress, SaysNothingWhenQuietAndAsksNoClock) {
  Progress progress("work", {});  // No clock, no outlet: a call of either would throw.
  progress.update(0.5);
  EXPECT_TRUE(said(ProgressChannel::Quiet, 100).empty());
}

TEST(Progress, ADumbTerminalIsALog) {
  Surroundings surroundings{.stream = Surroundings::Stream::Terminal,
                            .columns = {},
                            .term = "xterm",
                            .language = {},
                            .no_color = {},
                            .force_color = {}};
  EXPECT_EQ(progress_channel(surroundings), ProgressChannel::Terminal);
  surroundings.term = "dumb";
  EXPECT_EQ(progress_channel(surroundings), ProgressChannel::Log);
  EXPECT_EQ(progress_channel(Surroundings{}), ProgressChannel::Log);
}

}  // namespace
}  // namespace orrery
