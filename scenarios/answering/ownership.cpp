#include "scenarios/answering/ownership.hpp"

#include <fmt/format.h>

#include "reports/numbers.hpp"
#include "topologies/bill.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

constexpr double year_hours = 365.25 * 24;

/// Watt-hours of `watts` for so many hours, in joules.
Joules drawn(double hours, Watts watts) { return Joules(hours * 3600 * watts.value()); }

std::string energy_text(Joules energy) {
  const double kwh = energy.value() / 3.6e6;
  if (kwh >= 1e6) return fmt::format("{} GWh", four_digits(kwh / 1e6));
  return kwh >= 1e3 ? fmt::format("{} MWh", four_digits(kwh / 1e3)) : fmt::format("{} kWh", four_digits(kwh));
}

}  // namespace

DollarsPerHour OwnershipAnswer::owned_hour() const {
  DollarsPerHour sum{};
  for (const Part& part : owned) sum += part.price;
  return sum;
}

OwnershipAnswer own_or_rent(const Scenario::Ownership& ownership, const Assembled& assembled,
                            const TrainingStep& step, double gpu_hours) {
  const TrainingPlan& plan = assembled.plan;
  OwnershipAnswer answer;
  answer.gpu_hours = gpu_hours;
  answer.rent = assembled.price;
  const double whole = to_seconds(step.time).value() * double(step.outcome.ranks.size());
  double waiting = 0;
  for (const RankTime& rank : step.outcome.ranks)
    waiting += (to_seconds(rank.bubble) + to_seconds(rank.exposed)).value() / whole;
  answer.computing_share = 1 - waiting;

  const Fabric fabric = cluster_fabric(plan);
  const Bill bill = network_bill(fabric, assembled.network_switch, plan.nic, assembled.prices);
  const Watts design = plan.gpu.power;
  answer.idle_is_known = ownership.gpu_idle.has_value() && !assembled.answers();
  const Watts idle = answer.idle_is_known ? *ownership.gpu_idle : design;
  const Watts gpu = answer.computing_share * design + (1 - answer.computing_share) * idle;
  const Watts host = (1.0 / plan.node.gpus) * plan.node.host_power,
              network = (1.0 / plan.gpus()) * bill.power();
  answer.gpus = drawn(gpu_hours, gpu);
  answer.hosts = drawn(gpu_hours, host);
  answer.network = drawn(gpu_hours, network);
  const Joules together = answer.gpus + answer.hosts + answer.network;
  if (ownership.pue) answer.facility = *ownership.pue * together;
  const double kwh = answer.facility.value_or(together).value() / 3.6e6;
  if (ownership.electricity) answer.electricity = Dollars(kwh * ownership.electricity->value());
  if (ownership.carbon) answer.carbon_kg = kwh * ownership.carbon->value();

  const Dollars gpu_price = ownership.gpu_price.value_or(plan.gpu.price),
                host_price = ownership.host_price.value_or(plan.node.host_price);
  const auto need = [&](bool missing, const char* key) {
    if (missing) answer.missing += (answer.missing.empty() ? "" : ", ") + std::string(key);
  };
  need(gpu_price.value() <= 0, "ownership.gpu_price");
  need(host_price.value() <= 0, "ownership.host_price");
  need(!ownership.life, "ownership.life");
  need(!ownership.electricity, "ownership.electricity");
  if (!answer.missing.empty()) return answer;
  const double hours = ownership.life->value() / 3600 * ownership.used;
  const auto over_life = [&](double dollars) { return DollarsPerHour(dollars / hours); };
  const double bought =
      gpu_price.value() + host_price.value() / plan.node.gpus + bill.cost().value() / plan.gpus();
  const double kilowatts = (gpu + host + network).value() / 1000 * ownership.pue.value_or(1);
  answer.owned = {{"GPU", over_life(gpu_price.value())},
                  {"host", over_life(host_price.value() / plan.node.gpus)},
                  {"network", over_life(bill.cost().value() / plan.gpus())},
                  {"upkeep", DollarsPerHour(bought * ownership.upkeep / (year_hours * ownership.used))},
                  {"electricity", DollarsPerHour(kilowatts * ownership.electricity->value())}};
  return answer;
}

std::vector<Section> ownership_sections(const OwnershipAnswer& a) {
  const Joules together = a.gpus + a.hosts + a.network;
  Facts energy;
  energy.rows.push_back(
      {"GPUs", energy_text(a.gpus) +
                   (a.idle_is_known ? fmt::format(", computing {} of the time", percent(a.computing_share))
                                    : std::string(" at design power"))});
  energy.rows.push_back({"hosts", energy_text(a.hosts) + " at their maximum"});
  energy.rows.push_back({"network", energy_text(a.network) + ", of the parts that have a number"});
  energy.rows.push_back(
      {"together",
       energy_text(together) +
           (a.facility ? fmt::format("; {} with cooling and losses", energy_text(*a.facility)) : "")});
  if (a.electricity) energy.rows.push_back({"electricity", human(*a.electricity)});
  if (a.carbon_kg)
    energy.rows.push_back({"carbon", fmt::format("{} t CO2", four_digits(*a.carbon_kg / 1000))});
  std::vector<Section> sections{{"Energy of the run", {energy}}};
  if (!a.missing.empty()) {
    sections.push_back(
        {"Rent or buy", {Paragraph{"What owning costs is not known without " + a.missing + "."}}});
    return sections;
  }
  Bars parts;
  for (const OwnershipAnswer::Part& part : a.owned)
    if (part.price.value() > 0)
      parts.rows.push_back(
          {part.name, part.price / a.owned_hour(), fmt::format("{:.3f} USD/h", part.price.value())});
  Facts sum;
  const double owned = a.owned_hour().value(), rent = a.rent.value();
  sum.rows = {{"owned", fmt::format("{:.3f} USD a GPU-hour, {} for the run", owned,
                                    human(Dollars(owned * a.gpu_hours)))},
              {"rented", fmt::format("{:.3f} USD a GPU-hour, {} for the run", rent,
                                     human(Dollars(rent * a.gpu_hours)))}};
  sections.push_back({"Rent or buy: a GPU-hour", {parts, sum}});
  return sections;
}

nlohmann::ordered_json ownership_summary(const OwnershipAnswer& a) {
  nlohmann::ordered_json summary{{"computing_share", a.computing_share},
                                 {"gpu_energy_j", a.gpus.value()},
                                 {"host_energy_j", a.hosts.value()},
                                 {"network_energy_j", a.network.value()}};
  if (a.facility) summary["facility_energy_j"] = a.facility->value();
  if (a.electricity) summary["electricity_usd"] = a.electricity->value();
  if (a.carbon_kg) summary["carbon_kg"] = *a.carbon_kg;
  if (a.missing.empty()) {
    summary["owned_gpu_hour_usd"] = a.owned_hour().value();
    for (const OwnershipAnswer::Part& part : a.owned)
      summary["owned_parts_usd"][part.name] = part.price.value();
    summary["owned_run_usd"] = a.owned_hour().value() * a.gpu_hours;
  }
  return summary;
}

}  // namespace orrery
