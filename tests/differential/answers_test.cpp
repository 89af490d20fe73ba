#include <gtest/gtest.h>

#include <cstdio>

#include "scenarios/reading/assemble.hpp"

namespace orrery {
namespace {

/// GPU-hours of a scenario's phases.
std::vector<double> phase_hours(const char* scenario, const std::vector<std::string>& sets) {
  const Assembled a = assemble(read_scenario(scenario, sets));
  EXPECT_TRUE(a.ok());
  const auto parallel = [](int count, const std::function<void(int)>& job) {
    for (int i = 0; i < count; ++i) job(i);
  };
  const auto run = simulate_run({.plan = a.plan, .phases = a.phases, .fallback = a.fallback}, parallel);
  EXPECT_TRUE(run.ok());
  std::vector<double> hours;
  for (const PhaseOutcome& phase : run.value) hours.push_back(phase.gpu_hours);
  return hours;
}
double gpu_hours(const char* scenario, const std::vector<std::string>& sets) {
  return phase_hours(scenario, sets).at(0);
}

struct Row {
  const char* scenario;
  const char* law;
  double readme[4];  ///< By 2,000, 4,000, 8,000, 16,000 tokens.
};

// README's table of what answers cost. Published: 101 K GPU-hours (512 H800 for 198 h) and 5 K, of lengths
// that were not: nothing here was fitted to them.
TEST(Answers, CostWhatReadmeSays) {
  const Row rows[] = {{"deepseek-r1-zero", "exponential", {36'800, 58'800, 75'400, 98'600}},
                      {"deepseek-r1-zero", "fixed", {12'700, 19'900, 35'800, 71'900}},
                      {"deepseek-r1-data", "exponential", {373, 1'005, 2'786, 6'479}}};
  constexpr int lengths[] = {2000, 4000, 8000, 16000};
  for (const Row& row : rows) {
    std::printf("%s, %s:", row.scenario, row.law);
    for (std::size_t i = 0; i < 4; ++i) {
      const double hours = gpu_hours(
          row.scenario, {"phase[0].answer_tokens=" + std::to_string(lengths[i]),
                         "phase[0].answer_law=" + std::string(row.law), "simulation.fidelity=lockstep"});
      std::printf(" %.0f", hours);
      EXPECT_NEAR(hours / row.readme[i], 1, 0.01) << row.scenario << " " << row.law << " " << lengths[i];
    }
    std::printf(" GPU-hours\n");
  }
}

// README's three parts of DeepSeek-V3's post-training, published as 5 K together: data, fine-tuning,
// reinforcement.
TEST(Answers, DataFineTuningAndReinforcementComeToWhatReadmeSays) {
  const std::vector<double> hours = phase_hours("deepseek-v3-post-training", {});
  ASSERT_EQ(hours.size(), 3u);
  EXPECT_NEAR(hours[0], 340, 10);
  EXPECT_NEAR(hours[1], 2370, 20);
  EXPECT_NEAR(hours[2], 440, 10);
  std::printf("post-training: %.0f + %.0f + %.0f GPU-hours, published 5,000\n", hours[0], hours[1], hours[2]);
}

// 10,400 steps, 512 answers each, on 512 GPUs: a GPU-hour is 0.676 s of a policy step. 10 ms of host time in
// every step of generation come to some 11 s of it.
TEST(Answers, HostTimeAddsToEveryStepOfGeneration) {
  const double without = gpu_hours("deepseek-r1-zero", {}),
               with = gpu_hours("deepseek-r1-zero", {"generation.host=10 ms"});
  EXPECT_NEAR(with - without, 16'000, 1'000);
}

}  // namespace
}  // namespace orrery
