#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "reports/style.hpp"
#include "sim/units.hpp"

namespace orrery {

/// How far some work has come. `share` is of the whole, 0 to 1.
struct ProgressState {
  std::string what;  ///< "simulating 2,048 ranks".
  double share = 0;
  Seconds elapsed;
};

/// Time still to go if the rest runs as the part so far: elapsed * (1 - share) / share. None before
/// the first part is done.
std::optional<Seconds> time_left(const ProgressState& state);

/// One line without line end: "simulating 2,048 ranks  ████▏      42 %  3.100 s, about 4 s left".
std::string progress_line(const ProgressState& state, const Style& style);

/// When to say it. On a terminal one line that is painted over, at most ten times a second and not in
/// the first second; elsewhere (a log) a whole line each 30 s; with `Quiet` nothing.
enum class ProgressChannel { Terminal, Log, Quiet };
ProgressChannel progress_channel(const Surroundings& surroundings);

/// Reports on one piece of work from one thread. The clock and the place to write are handed in.
class Progress {
 public:
  struct Outlet {
    ProgressChannel channel = ProgressChannel::Quiet;
    Style style;
    std::function<Seconds()> clock;  ///< Any start, never backwards.
    std::function<void(std::string_view)> write;
  };
  Progress(std::string what, Outlet outlet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Wipes the line, if there is one.
  ~Progress();

  /// Cheap enough to be called often: mostly it asks the clock and returns.
  void update(double share);

 private:
  Outlet outlet_;
  ProgressState state_;
  Seconds start_, next_;
  bool painted_ = false;
};

}  // namespace orrery
