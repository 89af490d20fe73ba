#include "scenarios/planning/search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "models/training/lower_bound.hpp"
#include "reports/numbers.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr int batch = 32;      ///< Plans simulated between two looks at the best.
constexpr int finalists = 12;  ///< Simulated again, folded.

struct RecomputeWords {
  const char* set;
  const char* words;
  Recompute recompute;
};
constexpr RecomputeWords recomputes[] = {
    {"none", "no recompute", {}},
    {"[\"norm\", \"up_projection\", \"swiglu\"]",
     "recompute parts",
     {.norm = true, .up_projection = true, .activation = true}},
    {"attention", "recompute attention", {.attention = true}},
    {"[\"norm\", \"up_projection\", \"swiglu\", \"attention\"]",
     "recompute parts and attention",
     {.norm = true, .up_projection = true, .activation = true, .attention = true}},
    {"full", "recompute all", {.layer = true}}};

/// A plan of the space.
struct Candidate {
  int cluster = 0;
  TrainingPlan plan;
  const RecomputeWords* recompute = nullptr;  ///< None: as the scenario has it.
  bool asked = false;
  Seconds bound{};   ///< Of the step; zero until known.
  Bytes over{};      ///< What the fullest rank lacks.
  Figures at_bound;  ///< Cost and time if the step took no longer.
};

const char* rule_of(LayerMap map) {
  switch (map) {
    case LayerMap::FrontHeavy:
      return "front_heavy";
    case LayerMap::BackHeavy:
      return "back_heavy";
    case LayerMap::EndsShort:
      break;
  }
  return "ends_short";
}

/// Powers of two up to `most`.
std::vector<int> powers(int most) {
  std::vector<int> all;
  for (int p = 1; p <= most; p *= 2) all.push_back(p);
  return all;
}

/// The sizes that divide, without the schedules: what is quick to see comes first.
bool may_divide(const TrainingPlan& p) {
  const int layout = p.pipeline * p.tensor * p.context;
  if (p.gpus() % layout != 0 || p.tensor > p.node.gpus || p.model.heads % p.tensor != 0) return false;
  if (p.model.experts &&
      (p.gpus_per_pipeline_rank() % p.expert != 0 || p.model.experts->routed % p.expert != 0))
    return false;
  return p.global_batch % (p.data() * p.micro_batch) == 0;
}

/// The plan with so few micro-batches that its schedule is short, and enough to fill every rank.
TrainingPlan first_micro_batches(TrainingPlan plan) {
  const int each = plan.data() * plan.micro_batch;
  plan.global_batch = std::min(plan.global_batch, 4 * plan.pipeline * each);
  return plan;
}

Bytes lacking(const TrainingPlan& plan) {
  return fullest_rank(memory_request(plan)).peak.total() - plan.gpu.memory;
}

bool same_plan(const TrainingPlan& a, const TrainingPlan& b) {
  const auto key = [](const TrainingPlan& p) {
    return std::tuple(p.pipeline, p.expert, p.tensor, p.context, p.micro_batch, p.virtual_stages, p.schedule,
                      p.precision, p.recompute.norm, p.recompute.up_projection, p.recompute.activation,
                      p.recompute.attention, p.recompute.layer, p.blocks);
  };
  return key(a) == key(b);
}

class Search {
 public:
  Search(const std::vector<PlanCluster>& clusters, const PlanLimits& limits, RoutingPools& pools,
         const Parallel& parallel)
      : clusters_(clusters), limits_(limits), pools_(pools), parallel_(parallel) {}

  PlanAnswer run() {
    answer_.limits = limits_;
    for (std::size_t c = 0; c < clusters_.size(); ++c) enumerate(int(c));
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

  void consider(Candidate candidate) {
    ++answer_.considered;
    if (!may_divide(candidate.plan) || !check_plan(candidate.plan).empty()) return prune(Pruned::Sizes);
    candidates_.push_back(std::move(candidate));
  }

  void enumerate(int cluster) {
    const Assembled& base = clusters_[std::size_t(cluster)].base;
    const TrainingPlan& asked = base.plan;
    if (base.ok()) consider({.cluster = cluster, .plan = asked, .asked = true});
    const int blocks = asked.model.layers + asked.model.predict_layers;
    TrainingPlan plan = asked;
    plan.fidelity = Fidelity::Lockstep;
    plan.traced.clear();
    plan.blocks.clear();
    std::vector<Precision> precisions{Precision::Bf16};
    if (asked.gpu.fp8.value() > 0 && asked.precision == Precision::Fp8)
      precisions.insert(precisions.begin(), Precision::Fp8);
    for (const int pipeline : powers(std::min(blocks, 64))) {
      for (const int expert : powers(asked.model.experts ? asked.model.experts->routed : 1)) {
        for (const int tensor : powers(asked.node.gpus)) {
          for (const int context : powers(8)) {
            for (const int micro_batch : powers(8)) {
              plan.pipeline = pipeline, plan.expert = expert, plan.tensor = tensor, plan.context = context;
              plan.micro_batch = micro_batch;
              enumerate_schedules(cluster, plan, precisions);
            }
          }
        }
      }
    }
  }

  void enumerate_schedules(int cluster, TrainingPlan plan, const std::vector<Precision>& precisions) {
    const bool divides = may_divide(plan);
    for (const ScheduleKind& kind : schedule_kinds()) {
      plan.schedule = kind.name;
      for (const int virtual_stages : plan.schedule == "interleaved" ? std::vector{2, 4} : std::vector{1}) {
        plan.virtual_stages = virtual_stages;
        // Fused attention keeps no scores: to recompute it would change nothing.
        const auto useful = [&](const RecomputeWords& r) {
          return !r.recompute.attention || plan.attention == AttentionKernel::Unfused;
        };
        const int choices =
            int(precisions.size()) * int(std::count_if(std::begin(recomputes), std::end(recomputes), useful));
        // What does not divide does so in each of them, and a plan is checked once for all.
        if (!divides || !check_plan(plan).empty()) {
          answer_.considered += choices;
          answer_.pruned[std::size_t(Pruned::Sizes)] += choices;
          continue;
        }
        for (const Precision precision : precisions) {
          for (const RecomputeWords& recompute : recomputes) {
            if (!useful(recompute)) continue;
            Candidate candidate{.cluster = cluster, .plan = plan, .recompute = &recompute};
            candidate.plan.precision = precision;
            candidate.plan.recompute = recompute.recompute;
            if (same_plan(candidate.plan, clusters_[std::size_t(cluster)].base.plan))
              continue;  // It is there already.
            consider(std::move(candidate));
          }
        }
      }
    }
  }

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

  struct Done {
    std::size_t candidate;
    Figures figures;
    bool folded = false;
  };

  RankedPlan told(const Done& d) const {
    const Candidate& c = candidates_[d.candidate];
    return {.sets = sets_of(c),
            .words = words_of(c),
            .figures = d.figures,
            .bound = c.bound,
            .folded = d.folded,
            .asked = c.asked,
            .meets = meets(c, d.figures)};
  }

  std::vector<std::string> sets_of(const Candidate& c) const {
    const TrainingPlan& p = c.plan;
    if (c.asked) return {fmt::format("cluster.nodes={}", p.nodes)};
    return {fmt::format("cluster.nodes={}", p.nodes),
            fmt::format("plan.pipeline={}", p.pipeline),
            fmt::format("plan.expert={}", p.expert),
            fmt::format("plan.tensor={}", p.tensor),
            fmt::format("plan.context={}", p.context),
            fmt::format("plan.micro_batch={}", p.micro_batch),
            fmt::format("plan.schedule={}", p.schedule),
            fmt::format("plan.virtual_stages={}", p.virtual_stages),
            fmt::format("plan.precision={}", p.precision == Precision::Fp8 ? "fp8" : "bf16"),
            fmt::format("plan.recompute={}", c.recompute->set),
            fmt::format("plan.layer_map={}", rule_of(p.layer_map))};
  }

  std::string words_of(const Candidate& c) const {
    const TrainingPlan& p = c.plan;
    std::string words = clusters_.size() > 1 ? grouped(p.gpus()) + " GPUs, " : "";
    words += fmt::format("PP{}", p.pipeline);
    if (p.expert > 1) words += fmt::format(" EP{}", p.expert);
    if (p.tensor > 1) words += fmt::format(" TP{}", p.tensor);
    if (p.context > 1) words += fmt::format(" CP{}", p.context);
    words += fmt::format(" {}{}, micro-batch {}, {}, {}", p.schedule,
                         p.virtual_stages > 1 ? fmt::format(" x{}", p.virtual_stages) : "", p.micro_batch,
                         p.precision == Precision::Fp8 ? "FP8" : "BF16",
                         c.recompute ? c.recompute->words : "recompute as asked");
    return words;
  }

  void tell_near_misses() {
    if (nearest_memory_) {
      const Candidate& c = candidates_[*nearest_memory_];
      answer_.near.push_back({"memory", fmt::format("{} needs {} more than {} has", words_of(c),
                                                    binary_bytes(c.over), c.plan.gpu.name)});
    }
    // Of those that fit, simulated or only bounded, the one that comes nearest to each limit.
    const auto nearest = [&](auto value, std::optional<std::size_t> bounded) {
      std::optional<std::pair<double, std::string>> best;
      if (bounded)
        best = {value(candidates_[*bounded].at_bound), words_of(candidates_[*bounded]) + " at the least"};
      for (const Done& d : done_) {
        const Candidate& c = candidates_[d.candidate];
        if (c.over <= Bytes(0) && (!best || value(d.figures) < best->first))
          best = {value(d.figures), words_of(c)};
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
