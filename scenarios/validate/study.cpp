#include "scenarios/validate/study.hpp"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

namespace orrery {

using reference::Balancing;
using reference::TrainingRequest;
using reference::TrainingRun;

std::string_view variant_name(Variant variant) {
  constexpr std::array<std::string_view, std::size_t(Variant::Count)> names{"bias, BF16",
                                                                            "auxiliary loss, BF16",
                                                                            "none, BF16",
                                                                            "bias, FP32",
                                                                            "bias, FP8",
                                                                            "bias, BF16, one ulp off",
                                                                            "bias, FP8, one ulp off"};
  return names[std::size_t(variant)];
}

namespace {

TrainingRequest request_of(TrainingRequest request, Variant variant, std::uint64_t seed) {
  request.seed += seed;
  request.numerics = reference::bf16_numerics;
  request.adam.moments = reference::AdamRule::Moments::Bf16;
  request.balancing = Balancing::Bias;
  switch (variant) {
    case Variant::AuxiliaryLoss:
      request.balancing = Balancing::AuxiliaryLoss;
      break;
    case Variant::NoBalancing:
      request.balancing = Balancing::None;
      break;
    case Variant::Float32:
      request.numerics = reference::full_numerics;
      request.adam.moments = reference::AdamRule::Moments::Full;
      break;
    case Variant::Fp8:
      request.numerics = reference::fp8_numerics;
      break;
    case Variant::Perturbed:
      request.start = TrainingRequest::Start::Perturbed;
      break;
    case Variant::Fp8Perturbed:
      request.numerics = reference::fp8_numerics;
      request.start = TrainingRequest::Start::Perturbed;
      break;
    case Variant::Bf16:
    case Variant::Count:
      break;
  }
  return request;
}

}  // namespace

Study run_study(const StudyRequest& request, const reference::Corpus& corpus, const ShareDone& share) {
  Study study;
  for (int seed = 0; seed < request.seeds; ++seed) {
    for (const Variant variant : request.variants) study.runs.push_back({variant, std::uint64_t(seed), {}});
  }
  if (request.own_gate) {
    for (const Variant variant : {Variant::Bf16, Variant::AuxiliaryLoss, Variant::NoBalancing})
      study.own_gate.push_back({variant, 0, {}});
  }
  struct Task {
    const TrainingRequest* base;
    StudyRun* run;
  };
  std::vector<Task> tasks;
  for (StudyRun& run : study.own_gate) tasks.push_back({&*request.own_gate, &run});
  for (StudyRun& run : study.runs) tasks.push_back({&request.base, &run});
  // FP8 trainings take longest and start first, so that none of them runs alone at the end.
  std::stable_partition(tasks.begin(), tasks.end(), [](const Task& task) {
    return task.run->variant == Variant::Fp8 || task.run->variant == Variant::Fp8Perturbed;
  });
  double all_steps = 0;
  for (const Task& task : tasks) all_steps += task.base->steps;
  std::mutex one;
  double finished_steps = 0;
  const auto tick = [&](int) {
    const std::lock_guard lock(one);
    share(++finished_steps / all_steps);
  };
  std::atomic<std::size_t> next{0};
  tbb::parallel_for(std::size_t(0), tasks.size(), [&](std::size_t) {
    const Task& task = tasks[next++];
    StudyRun& run = *task.run;
    run.run = reference::train(request_of(*task.base, run.variant, run.seed), corpus, tick);
    if (run.variant != Variant::Bf16) run.run.weights = {};
  });
  return study;
}

std::vector<const TrainingRun*> runs_of(const std::vector<StudyRun>& runs, Variant variant) {
  std::vector<const TrainingRun*> found;
  for (const StudyRun& run : runs) {
    if (run.variant == variant) found.push_back(&run.run);
  }
  return found;
}

Mean mean_of(const std::vector<double>& values) {
  Mean mean;
  const double count = double(values.size());
  mean.count = values.size();
  for (const double value : values) mean.value += value / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean.value) * (value - mean.value);
  if (values.size() > 1) mean.error = std::sqrt(squares / (count - 1) / count);
  return mean;
}

std::string in_words(const Mean& mean, int digits, double scale) {
  const std::string value = fmt::format("{:.{}f}", scale * mean.value, digits);
  return mean.count > 1 ? value + fmt::format(" ± {:.{}f}", scale * mean.error, digits) : value;
}

Mean held_out_loss(const std::vector<StudyRun>& runs, Variant variant) {
  std::vector<double> losses;
  for (const TrainingRun* run : runs_of(runs, variant)) losses.push_back(run->held_out_loss);
  return mean_of(losses);
}

}  // namespace orrery
