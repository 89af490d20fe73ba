#include "scenarios/ablating/ablation.hpp"

#include <algorithm>

namespace orrery {
namespace {

/// One plan to simulate, and where its row goes.
struct Job {
  TrainingPlan plan;
  AblationRow row;
};

bool is_wanted(std::span<const std::string> wanted, std::string_view name) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}

}  // namespace

Ablation ablate(const Assembled& base, const std::shared_ptr<const RoutingTrace>& unbalanced,
                std::span<const std::string> wanted, RoutingPools& pools, const Parallel& parallel) {
  Ablation ablation;
  ablation.capacity = base.plan.gpu.memory;
  std::vector<Job> alone, cumulative;
  TrainingPlan so_far = base.plan;
  for (const Removal& removal : removals()) {
    if (!is_wanted(wanted, removal.name)) continue;
    const std::string name(removal.name);
    if (!removal.has(base.plan)) {
      ablation.left_out.push_back(name + ": the plan has none");
      continue;
    }
    const auto taken_from = [&](TrainingPlan plan) {
      removal.take_out(plan, unbalanced);
      return plan;
    };
    if (removal.needs_trace && !unbalanced) {
      ablation.left_out.push_back(name +
                                  ": needs a measured trace: orrery validate leaves routing-none.h5, then "
                                  "--unbalanced routing-none.h5");
      continue;
    }
    const TrainingPlan one = taken_from(base.plan), all = taken_from(so_far);
    const Findings of_one = check_plan(one), of_all = check_plan(all);
    if (of_one.empty())
      alone.push_back({one, {.name = name, .instead = std::string(removal.instead), .figures = {}}});
    else
      ablation.left_out.push_back(name + ": " + of_one.front().problem);
    if (of_all.empty()) {
      cumulative.push_back({all, {.name = name, .instead = std::string(removal.instead), .figures = {}}});
      so_far = all;
    } else {
      ablation.left_out.push_back(name + ", after those before it: " + of_all.front().problem);
    }
  }
  std::vector<Job> jobs{{base.plan, {.name = "", .instead = "as it is", .figures = {}}}};
  for (const auto* list : {&alone, &cumulative}) jobs.insert(jobs.end(), list->begin(), list->end());
  parallel(int(jobs.size()), [&](int i) {
    Job& job = jobs[std::size_t(i)];
    Assembled assembled = base;
    assembled.plan = job.plan;
    job.row.figures = weigh(assembled, {.too_large = TooLarge::Simulate}, pools);
    if (const RoutingPool* pool = pools.of(job.plan)) job.row.nodes_per_token = pool->domains_per_token;
  });
  ablation.base = jobs.front().row;
  for (std::size_t i = 1; i < jobs.size(); ++i)
    (i <= alone.size() ? ablation.alone : ablation.cumulative).push_back(jobs[i].row);
  return ablation;
}

}  // namespace orrery
