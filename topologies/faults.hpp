#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// Something of the network that is down or slow.
struct NetworkFault {
  std::string what;  ///< "plane 3", "nic 5.3", "leaf 0.2", "cable leaf 0.2 - spine 0.1".
  double left = 0;   ///< Of its rate; zero: it is down.
};

/// Reads "plane 3 down; nic 5.3 at 0.5; cable leaf 0.2 - spine 0.1 down". Empty: none.
Checked<std::vector<NetworkFault>> read_faults(std::string_view text);

/// Slows every cable of what is slow, and takes those of what is down out of use: capacity zero, which no
/// route takes. Of cables in parallel one is meant. A plane is its NICs. Findings   a name that the fabric
/// does not have; nodes that are left without a common network, so that no
///            way leads from one to the other, through NVLink neither.
Findings apply_faults(Fabric& fabric, std::span<const NetworkFault> faults);

}  // namespace orrery
