#include <fmt/format.h>

#include "reports/numbers.hpp"
#include "scenarios/surveying/surveying.hpp"
#include "topologies/bill.hpp"

namespace orrery {

Survey survey_cost(const SurveyedCluster& cluster) {
  const Assembled& a = cluster.assembled;
  const Bill bill = network_bill(cluster.fabric, a.network_switch, a.plan.nic, a.prices);
  const std::int64_t gpus = cluster.fabric.gpus();
  const Dollars cost = bill.cost();
  const DollarsPerHour hour = bill.per_gpu_hour(gpus, a.prices.paid_over);
  Survey survey;
  survey.page.title = "orrery topology cost: " + cluster.fabric.topology;
  Facts facts;
  facts.rows.push_back({"network", fmt::format("{}, by the prices of {}", human(cost), a.prices.name)});
  facts.rows.push_back(
      {"a GPU", fmt::format("{} for each of {}", human(cost / double(gpus)), grouped(gpus))});
  facts.rows.push_back(
      {"a GPU-hour", fmt::format("{:.4f} USD over {}", hour.value(), human(a.prices.paid_over))});
  facts.rows.push_back({"power", bill.power().value() > 0 ? fmt::format("{}, {} a GPU", human(bill.power()),
                                                                        human(bill.power() / double(gpus)))
                                                          : "no part has a number"});
  Grid grid{{{"part", Align::Left}, {"count"}, {"length"}, {"cost"}, {"of all"}, {"power"}}, {}};
  for (const BillLine& line : bill.lines) {
    grid.rows.push_back({line.part, grouped(line.count),
                         line.length.value() > 0
                             ? fmt::format("{} m", grouped(std::int64_t(line.length.value() + 0.5)))
                             : "-",
                         line.cost.value() > 0 ? human(line.cost) : "no price",
                         cost.value() > 0 ? percent(line.cost / cost) : "-",
                         line.power.value() > 0 ? human(line.power) : "-"});
    survey.summary["lines"].push_back({{"part", line.part},
                                       {"count", line.count},
                                       {"length_m", line.length.value()},
                                       {"cost_usd", line.cost.value()},
                                       {"power_w", line.power.value()}});
  }
  survey.page.sections.push_back({"Bill", {facts, grid}});
  nlohmann::ordered_json head{{"schema", "orrery-bill-1"},
                              {"topology", cluster.fabric.topology},
                              {"gpus", gpus},
                              {"prices", a.prices.name},
                              {"cost_usd", cost.value()},
                              {"gpu_hour_usd", hour.value()},
                              {"power_w", bill.power().value()}};
  head.update(survey.summary);
  survey.summary = std::move(head);
  return survey;
}

}  // namespace orrery
