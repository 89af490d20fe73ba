#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;

Json run_small(const ScratchFolder& scratch, const std::string& sets) {
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome outcome = orrery(scratch.path(), "run small.toml --json -o r " + sets);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return Json::parse(outcome.out);
}

// 700 W a GPU and 4,600 W a host of eight, for every GPU-hour.
TEST(Ownership, EnergyIsDesignPowerUntilTheIdlePowerIsKnown) {
  const ScratchFolder scratch;
  const Json run = run_small(scratch, "");
  const double seconds = run.at("run").at("gpu_hours").get<double>() * 3600;
  const Json& energy = run.at("energy");
  EXPECT_NEAR(energy.at("gpu_energy_j").get<double>(), 700 * seconds, 1e-6 * 700 * seconds);
  EXPECT_NEAR(energy.at("host_energy_j").get<double>(), 575 * seconds, 1e-6 * 575 * seconds);
  EXPECT_FALSE(energy.contains("owned_gpu_hour_usd")) << "no sourced price of an H800";
  const double computing = energy.at("computing_share").get<double>();
  EXPECT_GT(computing, 0.3);
  EXPECT_LT(computing, 1);
  const Json idle = run_small(scratch, "--set ownership.gpu_idle='100 W'").at("energy");
  const double watts = 700 * computing + 100 * (1 - computing);
  EXPECT_NEAR(idle.at("gpu_energy_j").get<double>(), watts * seconds, 1e-6 * watts * seconds);
}

// Four years of which 80 % are used are 28,051 h. A GPU for 30,000 USD, an eighth of a host for 80,000 USD,
// two planes' eight switches of 83,000 USD over 32 GPUs; 5 % of that a year; and electricity for what is
// drawn, times 1.2.
TEST(Ownership, AnOwnedHourIsThePriceOverItsLifeUpkeepAndElectricity) {
  const ScratchFolder scratch;
  const Json energy =
      run_small(scratch,
                "--set ownership.gpu_price='30000 USD' --set ownership.host_price='80000 USD' "
                "--set ownership.life='1461 d' --set ownership.used='80 %' --set ownership.upkeep='5 %' "
                "--set ownership.pue=1.2 --set ownership.electricity='0.1 USD/kWh' "
                "--set ownership.carbon='400 g/kWh'")
          .at("energy");
  const Json& parts = energy.at("owned_parts_usd");
  const double hours = 1461 * 24 * 0.8;
  EXPECT_NEAR(parts.at("GPU").get<double>(), 30000 / hours, 1e-9);
  EXPECT_NEAR(parts.at("host").get<double>(), 10000 / hours, 1e-9);
  EXPECT_NEAR(parts.at("network").get<double>(), 8 * 83'000 / 32. / hours, 1e-9);
  EXPECT_NEAR(parts.at("upkeep").get<double>(), (40'000 + 8 * 83'000 / 32.) * 0.05 / (365.25 * 24 * 0.8),
              1e-9);
  const double machines = energy.at("gpu_energy_j").get<double>() + energy.at("host_energy_j").get<double>() +
                          energy.at("network_energy_j").get<double>();
  EXPECT_NEAR(energy.at("facility_energy_j").get<double>(), 1.2 * machines, 1e-6 * machines);
  EXPECT_NEAR(energy.at("electricity_usd").get<double>(), 0.1 * 1.2 * machines / 3.6e6, 1e-6 * machines);
  EXPECT_NEAR(energy.at("carbon_kg").get<double>(), 0.4 * 1.2 * machines / 3.6e6, 1e-6 * machines);
  double sum = 0;
  for (const auto& [name, price] : parts.items()) sum += price.get<double>();
  EXPECT_NEAR(energy.at("owned_gpu_hour_usd").get<double>(), sum, 1e-12);
}

}  // namespace
}  // namespace orrery
