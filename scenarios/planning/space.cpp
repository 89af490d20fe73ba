#include "scenarios/planning/space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "reports/numbers.hpp"
#include "scenarios/reading/recompute_choices.hpp"

namespace orrery {
namespace {

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

bool same_plan(const TrainingPlan& a, const TrainingPlan& b) {
  const auto key = [](const TrainingPlan& p) {
    return std::tuple(p.pipeline, p.expert, p.tensor, p.context, p.micro_batch, p.virtual_stages, p.schedule,
                      p.precision, p.blocks);
  };
  return key(a) == key(b) && a.recompute == b.recompute;
}

/// Collects the space, cluster by cluster.
class Enumeration {
 public:
  explicit Enumeration(const std::vector<PlanCluster>& clusters) : clusters_(clusters) {
    for (std::size_t c = 0; c < clusters_.size(); ++c) enumerate(int(c));
  }
  PlanSpace take() { return std::move(space_); }

 private:
  void consider(Candidate candidate) {
    ++space_.considered;
    if (may_divide(candidate.plan) && check_plan(candidate.plan).empty())
      space_.candidates.push_back(std::move(candidate));
  }

  void enumerate(int cluster) {
    const Assembled& base = clusters_[std::size_t(cluster)].base;
    const TrainingPlan& asked = base.plan;
    if (base.ok())
      consider({.cluster = cluster,
                .plan = asked,
                .recompute_set = "",
                .recompute_words = "recompute as asked",
                .asked = true});
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
    const std::vector<RecomputeChoice> recomputes = recompute_choices(plan.attention);
    for (const ScheduleKind& kind : schedule_kinds()) {
      plan.schedule = kind.name;
      for (const int virtual_stages : plan.schedule == "interleaved" ? std::vector{2, 4} : std::vector{1}) {
        plan.virtual_stages = virtual_stages;
        const int choices = int(precisions.size() * recomputes.size());
        // What does not divide does so in each of them, and a plan is checked once for all.
        if (!divides || !check_plan(plan).empty()) {
          space_.considered += choices;
          continue;
        }
        for (const Precision precision : precisions) {
          for (const RecomputeChoice& recompute : recomputes) {
            Candidate candidate{.cluster = cluster,
                                .plan = plan,
                                .recompute_set = recompute.set,
                                .recompute_words = recompute.words};
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

  const std::vector<PlanCluster>& clusters_;
  PlanSpace space_;
};

}  // namespace

PlanSpace plan_space(const std::vector<PlanCluster>& clusters) { return Enumeration(clusters).take(); }

std::vector<std::string> sets_of(const Candidate& c) {
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
          fmt::format("plan.recompute={}", c.recompute_set),
          fmt::format("plan.layer_map={}", rule_of(p.layer_map))};
}

std::string words_of(const Candidate& c, NameGpus gpus) {
  const TrainingPlan& p = c.plan;
  std::string words = gpus == NameGpus::Yes ? grouped(p.gpus()) + " GPUs, " : "";
  words += fmt::format("PP{}", p.pipeline);
  if (p.expert > 1) words += fmt::format(" EP{}", p.expert);
  if (p.tensor > 1) words += fmt::format(" TP{}", p.tensor);
  if (p.context > 1) words += fmt::format(" CP{}", p.context);
  words += fmt::format(" {}{}, micro-batch {}, {}, {}", p.schedule,
                       p.virtual_stages > 1 ? fmt::format(" x{}", p.virtual_stages) : "", p.micro_batch,
                       p.precision == Precision::Fp8 ? "FP8" : "BF16", c.recompute_words);
  return words;
}

}  // namespace orrery
