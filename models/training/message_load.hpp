#pragma once

#include <cstdint>
#include <vector>

#include "models/pipeline/schedule.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// How many pipeline messages share the fullest trunk on each one's way when all ranks send at once, as they
/// do at the end of their ops: the folded stand-in for what flows do to each other on the fabric. Static ECMP
/// lays some messages between leaves on one trunk while others stay empty.
struct MessageLoad {
  int ranks = 0, lanes = 0;
  std::vector<float>
      load;  ///< [sender pipeline rank][receiver][lane]; 1 where no trunk is shared, 0 where no message goes.
  bool empty() const { return load.empty(); }
  float at(int sender, int receiver, int lane) const {
    return load[(std::size_t(sender) * std::size_t(ranks) + std::size_t(receiver)) * std::size_t(lanes) +
                std::size_t(lane)];
  }
};

/// Lane l of pipeline rank p is GPU (p lanes + l) gpus_per_lane. Every neighbour in a path sends both ways.
/// Loads are in units of one NIC's rate: a trunk of twice the rate counts half. Checked tests/differential:
/// the folded step against every flow simulated. Leaves out  messages that do not leave together; all-to-alls
/// on the same links. Precondition: the fabric has NICs.
MessageLoad message_load(const PipelineSchedule& schedule, const Fabric& fabric, int lanes,
                         int gpus_per_lane);

/// One lane in place of every `together` neighbours, with the largest load of theirs.
MessageLoad slowest_lanes(const MessageLoad& of_all, int together);

}  // namespace orrery
