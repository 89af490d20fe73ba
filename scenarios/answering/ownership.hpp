#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/training/step.hpp"
#include "reports/terminal.hpp"
#include "scenarios/reading/assemble.hpp"

namespace orrery {

/// What a run draws and what owning its cluster costs, beside renting it.
struct OwnershipAnswer {
  double gpu_hours = 0;
  double computing_share = 0;  ///< Of a step, mean over ranks: neither a bubble nor a wait for an all-to-all.
  Joules gpus{}, hosts{}, network{};
  bool idle_is_known = false;      ///< Else GPUs draw their design power all the time.
  std::optional<Joules> facility;  ///< With cooling and losses.
  std::optional<Dollars> electricity;
  std::optional<double> carbon_kg;
  DollarsPerHour rent{};
  /// An hour of an owned GPU by what it is for; empty where a price is not known, and `missing` says which.
  struct Part {
    std::string name;
    DollarsPerHour price{};
  };
  std::vector<Part> owned;
  std::string missing;
  DollarsPerHour owned_hour() const;
};

/// Energy and ownership of a run of `gpu_hours` with steps like this one.
///
///   GPU energy   gpu_hours * (computing * design power + (1 - computing) * idle power), the computing share
///   from the
///                simulation; without a known idle power, or where the model answers in a phase (which
///                has no such share), all at design power, as model cards count
///   hosts        gpu_hours / GPUs of a node * host power, at its maximum
///   network      gpu_hours * power of switches, transceivers and NICs that the price list has, a GPU
///   facility     their sum * PUE
///   owned hour   (GPU + host + network) / (life * share used) + upkeep + facility power * price of
///   electricity
///
/// Source      GPU and node files for power and prices; model cards of Llama 3 for energy at design power.
/// Checked     tests/end_to_end/ownership_test.cpp, with its arithmetic. An eight-H100 node was measured at
/// up to 8.4 kW
///             while training (Latif et al., IEEE Access 13, 2025), where design power and our host's maximum
///             come to 10.2 kW: the sum here is an upper one.
/// Leaves out  power that follows the kernels, storage, staff, interest, resale.
OwnershipAnswer own_or_rent(const Scenario::Ownership& ownership, const Assembled& assembled,
                            const TrainingStep& step, double gpu_hours);

std::vector<Section> ownership_sections(const OwnershipAnswer& answer);
nlohmann::ordered_json ownership_summary(const OwnershipAnswer& answer);

}  // namespace orrery
