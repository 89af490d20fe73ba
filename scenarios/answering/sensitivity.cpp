#include "scenarios/answering/sensitivity.hpp"

#include <fmt/format.h>

#include "reports/numbers.hpp"

namespace orrery {
namespace {

struct Variant {
  std::string what;
  TrainingPlan plan;
  double time_s = 0;
};

std::vector<Variant> variants(const TrainingPlan& base) {
  std::vector<Variant> all;
  const auto add = [&](std::string what, auto change) {
    Variant v{std::move(what), base};
    v.plan.fidelity = Fidelity::Folded;
    v.plan.traced.clear();
    change(v.plan);
    if (check_plan(v.plan).empty()) all.push_back(std::move(v));
  };
  add("layer map ends_short", [](TrainingPlan& p) { p.blocks.clear(), p.layer_map = LayerMap::EndsShort; });
  add("layer map front_heavy", [](TrainingPlan& p) { p.blocks.clear(), p.layer_map = LayerMap::FrontHeavy; });
  add("layer map back_heavy", [](TrainingPlan& p) { p.blocks.clear(), p.layer_map = LayerMap::BackHeavy; });
  if (base.model.experts && base.expert > 1) {
    for (const double spread : {0.0, 0.038, 0.076, 0.15}) {
      if (base.trace) break;  // It has its own spread.
      add(fmt::format("row spread {:.1f} %", spread * 100),
          [spread](TrainingPlan& p) { p.row_spread = spread; });
    }
    add("all-to-alls exposed", [](TrainingPlan& p) { p.overlap = Overlap::Exposed; });
  }
  if (base.pipeline > 1) {
    add("pipeline messages batched",
        [](TrainingPlan& p) { p.pipeline_messages = PipelineMessages::Batched; });
    add("pipeline messages eager", [](TrainingPlan& p) { p.pipeline_messages = PipelineMessages::Eager; });
  }
  add("another seed", [](TrainingPlan& p) { ++p.seed; });
  return all;
}

}  // namespace

SensitivityTable sensitivity_of(const TrainingPlan& plan, const TrainingStep& step,
                                const Parallel& parallel) {
  std::vector<Variant> all = variants(plan);
  parallel(int(all.size()), [&](int i) {
    Variant& v = all[std::size_t(i)];
    v.time_s = to_seconds(simulate_step(v.plan, nullptr).time).value();
  });
  const double base = to_seconds(step.time).value();
  Grid grid;
  grid.headings = {{"choice", Align::Left}, {"step"}, {"against this run"}};
  SensitivityTable result{{"Sensitivity to what is not published", {}},
                          {"sensitivity", "the step under other choices", {}}};
  std::vector<std::string> names;
  std::vector<double> times, changes;
  for (const Variant& v : all) {
    grid.rows.push_back({v.what, human(Seconds(v.time_s)), signed_percent(100 * (v.time_s / base - 1))});
    names.push_back(v.what), times.push_back(v.time_s), changes.push_back(100 * (v.time_s / base - 1));
  }
  result.section.blocks.push_back(grid);
  result.table.columns = {{"choice", "", "what was changed", names},
                          {"time_s", "s", "of a step", times},
                          {"change_percent", "percent", "against this run", changes}};
  return result;
}

}  // namespace orrery
