#include "scenarios/answering/operation_answer.hpp"

#include <algorithm>
#include <cmath>

namespace orrery {
namespace {

constexpr double down_minutes[] = {0, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120};
constexpr double year = 365.25 * 86400;

DownTime at_down_time(OperationRequest request, Seconds down, int seeds) {
  request.detection = Seconds(0);
  request.restart = down;
  DownTime point{.down = down};
  std::vector<double> goodputs;
  for (const OperationOutcome& run : operate_often(request, seeds)) goodputs.push_back(run.goodput());
  std::sort(goodputs.begin(), goodputs.end());
  for (const double g : goodputs) point.goodput += g / double(seeds);
  point.low = goodputs[goodputs.size() / 20];
  point.high = goodputs[goodputs.size() - 1 - goodputs.size() / 20];
  return point;
}

std::optional<Seconds> crossing(const std::vector<DownTime>& curve, double goodput) {
  for (std::size_t i = 1; i < curve.size(); ++i) {
    const DownTime &before = curve[i - 1], &after = curve[i];
    if (before.goodput < goodput || after.goodput >= goodput) continue;
    const double share = (before.goodput - goodput) / (before.goodput - after.goodput);
    return before.down + share * (after.down - before.down);
  }
  return std::nullopt;
}

}  // namespace

Bytes checkpoint_bytes(const TrainingPlan& plan) {
  const MemoryRequest request = memory_request(plan);
  double parameters = 0;
  for (int rank = 0; rank < plan.pipeline; ++rank) {
    const RankParameters held =
        rank_parameters(request.shape, stages_on_rank(request.schedule, request.stages, rank));
    parameters += double(held.dense) * plan.tensor + double(held.expert) * plan.expert;
  }
  parameters /= double(request.schedule.paths.size());  // DualPipe's mirrored stages hold the same.
  return Bytes(std::int64_t(parameters * (request.state.master + 2 * request.state.moment)));
}

OperationAnswer operate_run(const Scenario::Operation& operation, const FailureTable& table,
                            const Assembled& assembled, Seconds work, Seconds step,
                            const Parallel& parallel) {
  const TrainingPlan& plan = assembled.plan;
  OperationAnswer answer;
  answer.table = table;
  answer.price = assembled.price;
  answer.job_gpus = plan.gpus();
  answer.gpus = plan.gpus() + operation.spares * plan.node.gpus;
  answer.checkpoint = checkpoint_bytes(plan);
  answer.down_is_known = operation.restart.has_value();
  OperationRequest& r = answer.request;
  r.work = work;
  r.causes = interruptions_on(table, plan.gpus());
  answer.between = mean_time_between(r.causes);
  r.detection = operation.detection.value_or(Seconds(0));
  r.restart = operation.restart.value_or(Seconds(0));
  const Seconds write = answer.checkpoint / *operation.storage;
  const Bytes each(answer.checkpoint.value() / plan.gpus());
  r.checkpoint.write = write;
  r.checkpoint.read = write;
  r.checkpoint.stall = operation.checkpoint == "blocking" ? write : each / *operation.host_copy;
  r.checkpoint.write = std::max(write, r.checkpoint.stall);
  answer.young = young_interval(r.checkpoint.stall, answer.between);
  answer.daly = daly_interval(r.checkpoint.stall, answer.between);
  // Not before the one before is written, and not within a step.
  r.checkpoint.interval =
      operation.checkpoint_every.value_or(std::max({answer.daly, r.checkpoint.write, step}));
  r.spares = operation.spares;
  r.repair = operation.repair.value_or(Seconds(0));
  if (operation.slow_gpus > 0)
    r.slow = {operation.slow_gpus / 1000 * plan.gpus() / year, operation.slow_factor, *operation.slow_found};
  if (operation.loss_spikes > 0) {
    const double tokens_per_second = double(plan.tokens()) / step.value();
    r.spikes = {operation.loss_spikes * tokens_per_second / 1e12, *operation.rollback};
  }
  r.seed = plan.seed;

  const int points = int(std::size(down_minutes));
  answer.curve.resize(std::size_t(points));
  if (answer.down_is_known && !hopeless(r)) answer.runs.resize(std::size_t(operation.seeds));
  parallel(points + int(answer.runs.size()), [&](int i) {
    if (i < points) {
      OperationRequest one = r;
      one.restart = Seconds(60 * down_minutes[i]);
      if (!hopeless(one)) answer.curve[std::size_t(i)] = at_down_time(r, one.restart, 100);
    } else {
      OperationRequest one = r;
      one.seed = r.seed + std::uint64_t(i - points);
      answer.runs[std::size_t(i - points)] = operate(one);
    }
  });
  std::erase_if(answer.curve, [](const DownTime& point) { return point.goodput == 0; });
  answer.down_at_90 = crossing(answer.curve, 0.9);
  if (answer.down_is_known) answer.by_interval = waste_by_interval(r, r.checkpoint.interval, 40);
  return answer;
}

}  // namespace orrery
