#pragma once

#include <cstdint>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// Switches that cables join, those that are down left out, are one network. Networks are numbered by their
/// first NIC; `cut_off` is who has none: a switch that no NIC reaches, a NIC whose own cable is down.
constexpr std::uint32_t cut_off = UINT32_MAX;
std::vector<std::uint32_t> networks_of_switches(const Fabric& fabric);  ///< [vertex - first_switch()].
std::vector<std::uint32_t> networks_of_nics(const Fabric& fabric);

}  // namespace orrery
