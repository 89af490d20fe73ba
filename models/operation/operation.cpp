#include "models/operation/operation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/check.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

/// One run under way. Times are seconds; `done` is work.
class Run {
 public:
  explicit Run(const OperationRequest& request)
      : r_(request),
        when_(request.seed, {.owner = "operation", .purpose = "interruptions"}),
        which_(request.seed, {.owner = "operation", .purpose = "causes"}),
        slow_(request.seed, {.owner = "operation", .purpose = "slow GPUs"}),
        spike_(request.seed, {.owner = "operation", .purpose = "loss spikes"}),
        between_(mean_time_between(request.causes).value()) {
    out_.interruptions.resize(r_.causes.size());
    next_interruption_ = after(between_, when_);
    next_slow_ = after(1 / r_.slow.per_second, slow_);
    next_spike_ = after(1 / r_.spikes.per_second, spike_);
    checkpoint_at_ = r_.checkpoint.interval.value();
  }

  OperationOutcome finish() {
    while (done_ < r_.work.value()) go_on();
    out_.wall = Seconds(now_);
    out_.work = r_.work;
    const double parts = (out_.work + out_.checkpoints + out_.redone + out_.detection + out_.restart +
                          out_.reading + out_.waiting + out_.slow + out_.rolled_back)
                             .value();
    ORRERY_CHECK(std::abs(parts - now_) <= 1e-6 * now_);
    return out_;
  }

 private:
  static double after(double mean, RandomStream& draw) {
    return std::isfinite(mean) ? mean * draw.exponential() : never;
  }

  /// To whatever happens next.
  void go_on() {
    const double pace = is_slow_ ? 1 / r_.slow.factor : 1;  // Work a second.
    const double steps[] = {(r_.work.value() - done_) / pace,
                            writing_ ? never : (checkpoint_at_ - done_) / pace,
                            writing_ ? written_at_ - now_ : never,
                            next_interruption_ - now_,
                            next_slow_ - now_,
                            (next_spike_ - done_) / pace};
    const auto first = std::min_element(std::begin(steps), std::end(steps));
    const double step = std::max(0.0, *first);
    now_ += step;
    done_ += pace * step;
    out_.slow += Seconds(step * (1 - pace));
    switch (first - std::begin(steps)) {
      case 0:
        done_ = r_.work.value();
        break;
      case 1:
        take_checkpoint();
        break;
      case 2:
        safe_ = being_written_;
        writing_ = false;
        break;
      case 3:
        interrupted();
        break;
      case 4:
        change_pace();
        break;
      default:
        roll_back();
        break;
    }
  }

  /// Stands still for `length`, into `account`; false: an interruption comes first, and only that much was
  /// spent.
  bool stand(double length, Seconds& account) {
    const double spent = std::clamp(next_interruption_ - now_, 0.0, length);
    now_ += spent;
    account += Seconds(spent);
    return spent == length;
  }

  void take_checkpoint() {
    const double start = now_;
    if (!stand(r_.checkpoint.stall.value(), out_.checkpoints)) return interrupted();
    being_written_ = done_;
    writing_ = true;
    written_at_ = std::max(now_, start + r_.checkpoint.write.value());
    checkpoint_at_ = done_ + r_.checkpoint.interval.value();
  }

  /// Before the job is stopped on purpose: all of it is waited for. False: interrupted.
  bool save() {
    if (!stand(r_.checkpoint.write.value(), out_.checkpoints)) return false;
    safe_ = done_;
    writing_ = false;
    return true;
  }

  void lose_since_checkpoint() {
    out_.redone += Seconds(done_ - safe_);
    done_ = safe_;
    writing_ = false;
  }

  /// One interruption, and those that come while the job is brought back.
  void interrupted() {
    bool running = false;
    while (!running) {
      std::size_t cause = 0;
      double at = which_.uniform() / between_;
      while (cause + 1 < r_.causes.size() && at >= r_.causes[cause].per_second)
        at -= r_.causes[cause++].per_second;
      ++out_.interruptions[cause];
      next_interruption_ = now_ + after(between_, when_);
      const Interruption& what = r_.causes[cause];
      const bool saved = what.planned && save();
      if (!saved) lose_since_checkpoint();
      running = come_back(what.planned ? 0 : r_.detection.value(), what.part != FailingPart::Software);
    }
  }

  /// Detection, a node, start and reading. False: interrupted on the way.
  bool come_back(double detection, bool needs_node) {
    if (!stand(detection, out_.detection)) return false;
    if (needs_node) wait_for_node();
    if (!stand(r_.restart.value(), out_.restart)) return false;
    if (!stand(r_.checkpoint.read.value(), out_.reading)) return false;
    if (is_slow_ && needs_node) end_slowness();
    checkpoint_at_ = safe_ + r_.checkpoint.interval.value();
    return true;
  }

  /// Until a spare is there; the node that failed goes to repair. Nothing runs meanwhile, and nothing fails.
  void wait_for_node() {
    std::erase_if(in_repair_, [&](double back) { return back <= now_; });
    in_repair_.push_back(now_ + r_.repair.value());
    std::sort(in_repair_.begin(), in_repair_.end());
    const int missing = int(in_repair_.size()) - r_.spares;
    const double wait = missing > 0 ? in_repair_[std::size_t(missing - 1)] - now_ : 0;
    now_ += wait;
    next_interruption_ += wait;
    next_slow_ += wait;
    out_.waiting += Seconds(wait);
  }

  void end_slowness() {
    is_slow_ = false;
    next_slow_ = now_ + after(1 / r_.slow.per_second, slow_);
  }

  /// A GPU turns slow, or is found.
  void change_pace() {
    if (!is_slow_) {
      is_slow_ = true;
      next_slow_ = now_ + r_.slow.until_found.value();
      return;
    }
    end_slowness();
    if (!save() || !come_back(0, true)) interrupted();
  }

  void roll_back() {
    next_spike_ = done_ + after(1 / r_.spikes.per_second, spike_);
    lose_since_checkpoint();
    const double back = std::min(done_, r_.spikes.back.value());
    out_.rolled_back += Seconds(back);
    done_ = safe_ = done_ - back;
    if (!come_back(0, false)) interrupted();
  }

  const OperationRequest& r_;
  RandomStream when_, which_, slow_, spike_;
  double between_;
  double now_ = 0, done_ = 0, safe_ = 0;
  double checkpoint_at_ = 0, being_written_ = 0, written_at_ = 0;
  double next_interruption_ = never;
  double next_slow_ = never;   ///< When a GPU turns slow, or the slow one is found.
  double next_spike_ = never;  ///< In work.
  bool writing_ = false, is_slow_ = false;
  std::vector<double> in_repair_;  ///< When each is back.
  OperationOutcome out_;
};

}  // namespace

OperationOutcome operate(const OperationRequest& request) { return Run(request).finish(); }

bool hopeless(const OperationRequest& request) {
  const double down = (request.detection + request.restart + request.checkpoint.read).value();
  const double around = request.checkpoint.write.value() + request.checkpoint.interval.value();
  return (down + around) / mean_time_between(request.causes).value() > 6.9;  // exp(-6.9) = 0.001.
}

Seconds young_interval(Seconds stall, Seconds between) {
  return Seconds(std::sqrt(2 * stall.value() * between.value()));
}

Seconds daly_interval(Seconds stall, Seconds between) {
  const double d = stall.value(), m = between.value();
  if (d >= 2 * m) return between;
  return Seconds(std::sqrt(2 * d * m) * (1 + std::sqrt(d / (2 * m)) / 3 + d / (18 * m)) - d);
}

std::vector<OperationOutcome> operate_often(const OperationRequest& request, int seeds) {
  std::vector<OperationOutcome> outcomes;
  OperationRequest one = request;
  for (int i = 0; i < seeds; ++i) {
    one.seed = request.seed + std::uint64_t(i);
    outcomes.push_back(operate(one));
  }
  return outcomes;
}

std::vector<IntervalWaste> waste_by_interval(const OperationRequest& request, Seconds around, int seeds) {
  std::vector<IntervalWaste> all;
  OperationRequest one = request;
  double times = 0.125;
  for (int i = 0; i < 13; ++i, times *= std::sqrt(2.0)) {
    one.checkpoint.interval = times * around;
    if (hopeless(one)) break;
    double waste = 0;
    for (const OperationOutcome& outcome : operate_often(one, seeds))
      waste += (1 - outcome.goodput()) / seeds;
    all.push_back({one.checkpoint.interval, waste});
  }
  return all;
}

}  // namespace orrery
