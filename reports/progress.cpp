#include "reports/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "reports/numbers.hpp"
#include "reports/text_layout.hpp"
#include "reports/unicode.hpp"

namespace orrery {
namespace {

constexpr Seconds patience{1.0};  ///< Shorter work needs no line.
constexpr Seconds repaint{0.1};   ///< Ten a second.
constexpr Seconds log_interval{30.0};
constexpr int bar_width = 20;

/// A guess needs no decimals: "8 s", "3 min 20 s", "2 h 05 min".
std::string rough(Seconds time) {
  const auto seconds = std::int64_t(std::min(std::ceil(time.value()), 1e9));
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds % 3600 / 60);
}

}  // namespace

std::optional<Seconds> time_left(const ProgressState& state) {
  if (!(state.share > 0)) return {};
  return Seconds(state.elapsed.value() * (1 - std::min(state.share, 1.0)) / state.share);
}

std::string progress_line(const ProgressState& state, const Style& style) {
  const double share = std::clamp(state.share, 0.0, 1.0);
  const std::string what =
      style.glyphs == Glyphs::Ascii ? to_ascii(one_line(state.what)) : one_line(state.what);
  const auto left = time_left(state);
  // Rounded down: 100 % is said of finished work alone.
  const std::string numbers = fmt::format("{:3} %  {}{}", int(100 * share), rough(state.elapsed),
                                          left ? fmt::format(", about {} left", rough(*left)) : "");
  const std::string stroke = padded(bar(share, bar_width, style.glyphs), bar_width, Align::Left);
  // The last column stays free: a full line would scroll some terminals.
  const int room = style.columns - 1 - display_width(numbers) - 2;
  const int beside_bar = room - bar_width - 2;
  if (beside_bar >= 12) return shortened(what, beside_bar, style.glyphs) + "  " + stroke + "  " + numbers;
  if (room >= 4) return shortened(what, room, style.glyphs) + "  " + numbers;
  return shortened(numbers, style.columns - 1, style.glyphs);
}

ProgressChannel progress_channel(const Surroundings& surroundings) {
  const bool terminal = surroundings.stream == Surroundings::Stream::Terminal && surroundings.term != "dumb";
  return terminal ? ProgressChannel::Terminal : ProgressChannel::Log;
}

Progress::Progress(std::string what, Outlet outlet) : outlet_(std::move(outlet)) {
  state_.what = std::move(what);
  if (outlet_.channel == ProgressChannel::Quiet) return;
  start_ = outlet_.clock();
  next_ = start_ + (outlet_.channel == ProgressChannel::Terminal ? patience : log_interval);
}

Progress::~Progress() {
  if (painted_) outlet_.write("\r\x1b[K");
}

void Progress::update(double share) {
  if (outlet_.channel == ProgressChannel::Quiet) return;
  const Seconds now = outlet_.clock();
  if (now < next_) return;
  state_.share = share;
  state_.elapsed = now - start_;
  if (outlet_.channel == ProgressChannel::Terminal) {
    outlet_.write("\r" + progress_line(state_, outlet_.style) + "\x1b[K");
    painted_ = true;
    next_ = now + repaint;
  } else {
    outlet_.write(progress_line(state_, outlet_.style) + "\n");
    next_ = now + log_interval;
  }
}

}  // namespace orrery
