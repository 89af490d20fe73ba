#include "models/operation/operation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "sim/random.hpp"

namespace orrery {
namespace {

constexpr double hour = 3600, day = 24 * hour;

OperationRequest blocking(double between, double stall, double interval, double down) {
  OperationRequest r;
  r.work = Seconds(30 * day);
  r.causes = {{"any", FailingPart::Software, false, 1 / between}};
  r.restart = Seconds(down);
  r.checkpoint = {Seconds(interval), Seconds(stall), Seconds(stall), Seconds(0)};
  return r;
}

double mean_wall(const OperationRequest& r, int seeds, double* error = nullptr) {
  double sum = 0, squares = 0;
  for (const OperationOutcome& outcome : operate_often(r, seeds)) {
    sum += outcome.wall.value();
    squares += outcome.wall.value() * outcome.wall.value();
  }
  const double mean = sum / seeds;
  if (error) *error = std::sqrt(std::max(0.0, squares / seeds - mean * mean) / seeds);
  return mean;
}

TEST(Operation, WithoutInterruptionsLastsWorkAndCheckpoints) {
  OperationRequest r = blocking(1, 60, 7200, 0);
  r.causes.clear();
  const OperationOutcome outcome = operate(r);
  // 720 h in pieces of 2 h: a checkpoint after each but the last, at whose end the work is done.
  EXPECT_NEAR(outcome.wall.value(), 30 * day + 359 * 60, 1e-3);
  EXPECT_EQ(outcome.redone, Seconds(0));
}

// Daly 2006: with interruptions every M, restart R and pieces of t + d, the run of work T lasts in the mean
// M exp(R/M) (exp((t+d)/M) - 1) T / t. Our last piece has no checkpoint: less than one in some hundreds.
TEST(Operation, LastsWhatDalyCalculates) {
  for (const auto& [between, stall, interval, down] :
       {std::array{3 * hour, 60., 1200., 600.}, std::array{3 * hour, 300., 2400., 1800.},
        std::array{12 * hour, 120., 3600., 900.}, std::array{0.5 * hour, 30., 300., 300.}}) {
    double error = 0;
    const double mean = mean_wall(blocking(between, stall, interval, down), 400, &error);
    const double daly = between * std::exp(down / between) * (std::exp((interval + stall) / between) - 1) *
                        (30 * day) / interval;
    EXPECT_NEAR(mean, daly, 4 * error + stall + 1e-3 * daly) << between << ' ' << interval;
  }
}

// Where Daly's assumptions hold (blocking, exponential), the waste at his interval and at Young's is within a
// point of the least among thirteen intervals from an eighth to eight times it, on the same draws.
TEST(Operation, YoungsAndDalysIntervalsLoseWithinAPointOfTheLeast) {
  for (const double between : {1 * hour, 3 * hour, 24 * hour}) {
    for (const double stall : {5., 60., 300.}) {
      OperationRequest r = blocking(between, stall, 0, 600);
      const Seconds daly = daly_interval(Seconds(stall), Seconds(between));
      double least = 1;
      const std::vector<IntervalWaste> all = waste_by_interval(r, daly, 60);
      for (const IntervalWaste& one : all) least = std::min(least, one.waste);
      for (const Seconds interval : {daly, young_interval(Seconds(stall), Seconds(between))}) {
        r.checkpoint.interval = interval;
        double waste = 0;
        for (const OperationOutcome& outcome : operate_often(r, 60)) waste += (1 - outcome.goodput()) / 60;
        std::printf("M %5.0f s, d %3.0f s: waste %.2f %% at %.0f s, least %.2f %%\n", between, stall,
                    100 * waste, interval.value(), 100 * least);
        EXPECT_LE(waste, least + 0.01);
      }
    }
  }
}

TEST(Operation, CountsFollowTheTable) {
  FailureTable table{"t",
                     1000,
                     Seconds(10 * day),
                     {{"a", FailingPart::Gpu, 30, false}, {"b", FailingPart::Software, 10, false}},
                     ""};
  EXPECT_NEAR(mean_time_between(interruptions_on(table, 1000)).value(), 10 * day / 40, 1e-6);
  OperationRequest r = blocking(1, 10, 600, 60);
  r.causes = interruptions_on(table, 2000);  // Twice the GPUs: 8 a day.
  double a = 0, b = 0, days = 0;
  for (const OperationOutcome& outcome : operate_often(r, 50)) {
    a += outcome.interruptions[0], b += outcome.interruptions[1];
    days += outcome.wall.value() / day;
  }
  EXPECT_NEAR(a / days, 6, 0.15);
  EXPECT_NEAR(b / days, 2, 0.1);
}

// One spare, repair of a day, a GPU lost every six hours: most of the time is spent waiting; with twenty,
// none.
TEST(Operation, SparesAreWaitedForWhenTheyRunOut) {
  OperationRequest r = blocking(6 * hour, 10, 600, 60);
  r.causes[0].part = FailingPart::Gpu;
  r.repair = Seconds(day);
  r.spares = 1;
  EXPECT_GT(operate(r).waiting, operate(r).work);
  r.spares = 20;
  EXPECT_EQ(operate(r).waiting, Seconds(0));
}

// A GPU at half speed for two hours out of every twelve in the mean: an hour of work is lost each time.
TEST(Operation, SlowGpusHoldUpAllOthersUntilTheyAreFound) {
  OperationRequest r = blocking(1, 10, 3600, 60);
  r.causes.clear();
  r.slow = {1 / (10 * hour), 2, Seconds(2 * hour)};
  double slow = 0, work = 0;
  for (const OperationOutcome& outcome : operate_often(r, 100))
    slow += outcome.slow.value(), work += outcome.work.value();
  // In ten hours of full speed and two of half, eleven of work are done and one is lost.
  EXPECT_NEAR(slow / work, 1.0 / 11, 0.004);
}

TEST(Operation, LossSpikesTakeWorkBack) {
  OperationRequest r = blocking(1, 0, 3600, 0);
  r.causes.clear();
  r.spikes = {1 / (100 * hour), Seconds(5 * hour)};
  double back = 0;
  for (const OperationOutcome& outcome : operate_often(r, 200)) back += outcome.rolled_back.value() / 200;
  // A spike each 100 h of work done, redone work counted: n spikes a run with n = (720 + n (5 + 0.5)) / 100.
  EXPECT_NEAR(back, 720 / (100 - 5.5) * 5 * hour, 0.06 * 720 / 100 * 5 * hour);
}

// The walk checks itself that its parts sum to the wall time; here over whatever may be asked of it.
TEST(Operation, PartsSumToTheWallOverRandomRequests) {
  RandomStream draw(5, {"operation", "requests"});
  for (int round = 0; round < 2000; ++round) {
    const double between = 1000 + 1e5 * draw.uniform();
    OperationRequest r =
        blocking(between, 30 * draw.uniform(), 60 + 3000 * draw.uniform(), 600 * draw.uniform());
    r.work = Seconds(day);
    r.causes.push_back({"planned", FailingPart::Host, true, draw.uniform() / between});
    r.causes.push_back({"gpu", FailingPart::Gpu, false, draw.uniform() / between});
    r.detection = Seconds(300 * draw.uniform());
    r.checkpoint.write = r.checkpoint.stall + Seconds(200 * draw.uniform());
    r.checkpoint.read = Seconds(60 * draw.uniform());
    r.spares = int(draw.below(4));
    r.repair = Seconds(1e5 * draw.uniform());
    r.slow = {draw.uniform() / day, 1 + draw.uniform(), Seconds(3600 * draw.uniform())};
    r.spikes = {draw.uniform() / day, Seconds(3600 * draw.uniform())};
    r.seed = std::uint64_t(round);
    const OperationOutcome outcome = operate(r);
    EXPECT_GT(outcome.goodput(), 0);
    EXPECT_LE(outcome.goodput(), 1);
  }
}

}  // namespace
}  // namespace orrery
