#include "scenarios/planning/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "models/training/lower_bound.hpp"
#include "reports/numbers.hpp"
#include "scenarios/planning/space.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr int batch = 32;      ///< Plans simulated between two looks at the best.
constexpr int finalists = 12;  ///< Simulated again, folded.

/// The plan with so few micro-batches that its schedule is short, and enough to fill every rank.
TrainingPlan first_micro_batches(TrainingPlan plan) {
  const int each = plan.data() * plan.micro_batch;
  plan.global_batch = std::min(plan.global_batch, 4 * plan.pipeline * each);
  return plan;
}

Bytes lacking(const TrainingPlan& plan) {
  return fullest_rank(memory_request(plan)).peak.total() - plan.gpu.memory;
}

class Search {
 public:
  Search(const std::vector<PlanCluster>& clusters, const PlanLimits& limits, RoutingPools& pools,
         const Parallel& parallel)
      : clusters_(clusters), limits_(limits), pools_(pools), parallel_(parallel) {}

  PlanAnswer run() {
    answer_.limits = limits_;
    PlanSpace space = plan_space(clusters_);
    candidates_ = std::move(space.candidates);
    answer_.considered = space.considered;
    answer_.pruned[std::size_t(Pruned::Sizes)] = space.considered - std::int64_t(candidates_.size());
    simulate_asked();
    prune_by_compute();
    fit_and_bound();
    prune_by_limits();
    simulate();
    rank();
    return std::move(answer_);
  }

 private:
  void prune(Pruned reason) { ++answer_.pruned[std::size_t(reason)]; }

  /// The scenario's own plans first: whatever they cost, others need not be looked at that cannot cost less.
  void simulate_asked() {
    for (Candidate& c : candidates_) {
      if (!c.asked) continue;
      c.over = lacking(c.plan);
      const Figures figures = simulated(c, Fidelity::Lockstep);
      if (meets(c, figures)) best_ = std::min(best_, figures.cost.value());
    }
  }

  /// Those whose kernels alone are too much, before anything is built of them.
  void prune_by_compute() {
    std::vector<Figures> at_least(candidates_.size());
    parallel_(int(candidates_.size()), [&](int i) {
      const Candidate& c = candidates_[std::size_t(i)];
      at_least[std::size_t(i)] = full_batch_run(clusters_[std::size_t(c.cluster)].base, c.plan,
                                                step_compute_bound(c.plan, pools_.of(c.plan)));
    });
    std::vector<Candidate> left;
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (!candidates_[i].asked && at_least[i].cost.value() >= best_)
        prune(Pruned::Bound);
      else
        left.push_back(std::move(candidates_[i]));
    }
    candidates_ = std::move(left);
  }

  /// Memory of every candidate, and the bound of those that fit.
  void fit_and_bound() {
    parallel_(int(candidates_.size()), [&](int i) {
      Candidate& c = candidates_[std::size_t(i)];
      // The first micro-batches fill the memory; what a thousand more do is asked of plans that hold those.
      c.over = lacking(first_micro_batches(c.plan));
      if (c.over <= Bytes(0)) c.over = lacking(c.plan);
      if (c.over > Bytes(0) && !c.asked) return;
      c.bound = step_lower_bound(c.plan, pools_.of(c.plan));
      c.at_bound = full_batch_run(clusters_[std::size_t(c.cluster)].base, c.plan, c.bound);
    });
  }

  bool over_deadline(const Figures& f) const { return limits_.deadline && f.wall > *limits_.deadline; }
  bool over_budget(const Figures& f) const { return limits_.budget && f.cost > *limits_.budget; }

  void prune_by_limits() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& c = candidates_[i];
      if (c.asked) {
        order_.push_back(i);  // Simulated in any case: it is what the others are held against.
      } else if (c.over > Bytes(0)) {
        prune(Pruned::Memory);
        if (!nearest_memory_ || c.over < candidates_[*nearest_memory_].over) nearest_memory_ = i;
      } else if (over_deadline(c.at_bound)) {
        prune(Pruned::Deadline);
        if (!nearest_deadline_ || c.at_bound.wall < candidates_[*nearest_deadline_].at_bound.wall)
          nearest_deadline_ = i;
      } else if (over_budget(c.at_bound)) {
        prune(Pruned::Budget);
        if (!nearest_budget_ || c.at_bound.cost < candidates_[*nearest_budget_].at_bound.cost)
          nearest_budget_ = i;
      } else {
        order_.push_back(i);
      }
    }
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      const Candidate &x = candidates_[a], &y = candidates_[b];
      return x.asked != y.asked ? x.asked : x.at_bound.cost < y.at_bound.cost;
    });
  }

  bool meets(const Candidate& c, const Figures& f) const {
    return c.over <= Bytes(0) && !over_deadline(f) && !over_budget(f);
  }

  /// The lowest bounds first, a batch at a time, until the best simulated cost lies below all that are left.
  void simulate() {
    double tightness = 0;
    std::size_t next = 0;
    while (next < order_.size()) {
      std::vector<std::size_t> now;
      for (; next < order_.size() && now.size() < batch; ++next) {
        const Candidate& c = candidates_[order_[next]];
        if (!c.asked && c.at_bound.cost.value() >= best_) break;
        now.push_back(order_[next]);
      }
      if (now.empty()) break;
      std::vector<Figures> figures(now.size());
      parallel_(int(now.size()), [&](int i) {
        figures[std::size_t(i)] = simulated(candidates_[now[std::size_t(i)]], Fidelity::Lockstep);
      });
      for (std::size_t i = 0; i < now.size(); ++i) {
        const Candidate& c = candidates_[now[i]];
        ORRERY_CHECK(c.bound <= figures[i].step * (1 + 1e-12));  // What the pruning stands on.
        tightness += c.bound / figures[i].step;
        if (meets(c, figures[i])) best_ = std::min(best_, figures[i].cost.value());
        done_.push_back({now[i], figures[i]});
      }
    }
    answer_.simulated = std::int64_t(done_.size());
    answer_.tightest = done_.empty() ? 0 : tightness / double(done_.size());
    answer_.pruned[std::size_t(Pruned::Bound)] += std::int64_t(order_.size() - done_.size());
  }

  Figures simulated(const Candidate& c, Fidelity fidelity) {
    Assembled assembled = clusters_[std::size_t(c.cluster)].base;
    assembled.plan = c.plan;
    assembled.plan.fidelity = fidelity;
    return weigh(assembled, {.too_large = TooLarge::Simulate}, pools_);
  }

  void rank() {
    const auto better = [&](const Done& a, const Done& b) {
      const bool x = meets(candidates_[a.candidate], a.figures),
                 y = meets(candidates_[b.candidate], b.figures);
      return x != y ? x : a.figures.cost < b.figures.cost;
    };
    std::stable_sort(done_.begin(), done_.end(), better);
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < done_.size(); ++i)
      if (again.size() < finalists || candidates_[done_[i].candidate].asked) again.push_back(i);
    parallel_(int(again.size()), [&](int i) {
      Done& d = done_[again[std::size_t(i)]];
      d.figures = simulated(candidates_[d.candidate], Fidelity::Folded);
      d.folded = true;
    });
    std::vector<Done> first;
    for (const std::size_t i : again) first.push_back(done_[i]);
    std::stable_sort(first.begin(), first.end(), better);
    for (const Done& d : done_)
      if (!d.folded) first.push_back(d);
    for (const Done& d : first) answer_.plans.push_back(told(d));
    if (!answer_.found()) tell_near_misses();
  }

  std::string named(const Candidate& c) const {
    return words_of(c, clusters_.size() > 1 ? NameGpus::Yes : NameGpus::No);
  }

  struct Done {
    std::size_t candidate;
    Figures figures;
    bool folded = false;
  };

  RankedPlan told(const Done& d) const {
    const Candidate& c = candidates_[d.candidate];
    return {.sets = sets_of(c),
            .words = named(c),
            .figures = d.figures,
            .bound = c.bound,
            .folded = d.folded,
            .asked = c.asked,
            .meets = meets(c, d.figures)};
  }

  void tell_near_misses() {
    if (nearest_memory_) {
      const Candidate& c = candidates_[*nearest_memory_];
      answer_.near.push_back({"memory", fmt::format("{} needs {} more than {} has", named(c),
                                                    binary_bytes(c.over), c.plan.gpu.name)});
    }
    // Of those that fit, simulated or only bounded, the one that comes nearest to each limit.
    const auto nearest = [&](auto value, std::optional<std::size_t> bounded) {
      std::optional<std::pair<double, std::string>> best;
      if (bounded)
        best = {value(candidates_[*bounded].at_bound), named(candidates_[*bounded]) + " at the least"};
      for (const Done& d : done_) {
        const Candidate& c = candidates_[d.candidate];
        if (c.over <= Bytes(0) && (!best || value(d.figures) < best->first))
          best = {value(d.figures), named(c)};
      }
      return best;
    };
    if (limits_.deadline) {
      if (const auto n = nearest([](const Figures& f) { return f.wall.value(); }, nearest_deadline_))
        answer_.near.push_back({"deadline", fmt::format("{} takes {}, {} is allowed", n->second,
                                                        human(Seconds(n->first)), human(*limits_.deadline))});
    }
    if (limits_.budget) {
      if (const auto n = nearest([](const Figures& f) { return f.cost.value(); }, nearest_budget_))
        answer_.near.push_back({"budget", fmt::format("{} costs {}, {} is allowed", n->second,
                                                      human(Dollars(n->first)), human(*limits_.budget))});
    }
  }

  const std::vector<PlanCluster>& clusters_;
  const PlanLimits& limits_;
  RoutingPools& pools_;
  const Parallel& parallel_;
  std::vector<Candidate> candidates_;
  std::vector<std::size_t> order_;
  std::vector<Done> done_;
  std::optional<std::size_t> nearest_memory_, nearest_deadline_, nearest_budget_;
  double best_ = std::numeric_limits<double>::infinity();  ///< Cost of the best that was simulated.
  PlanAnswer answer_;
};

}  // namespace

std::string_view pruned_name(Pruned reason) {
  constexpr std::array<std::string_view, std::size_t(Pruned::Count)> names = {
      "sizes that do not divide or no such schedule", "do not fit the memory", "cannot meet the deadline",
      "cannot meet the budget", "cannot beat the best simulated one"};
  return names[std::size_t(reason)];
}

PlanAnswer search_plans(const std::vector<PlanCluster>& clusters, const PlanLimits& limits,
                        RoutingPools& pools, const Parallel& parallel) {
  return Search(clusters, limits, pools, parallel).run();
}

}  // namespace orrery
