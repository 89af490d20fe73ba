#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "topologies/files/graph_text.hpp"

// The two steps of reading what InfiniBand's tools print, which ibnetdiscover.cpp and opensm_tables.cpp
// share.

namespace orrery {

/// A port that is cabled, as the record of its switch or adapter tells it.
struct IbPort {
  std::uint32_t number = 0, far_number = 0;
  std::string far;
  double bytes_per_s = 0;  ///< Of all its lanes, signalled.
  int line = 0;
};

/// A switch or a host adapter.
struct IbRecord {
  bool is_switch = false;
  std::string id, name;
  std::uint32_t ports_told = 0;
  int line = 0;
  std::vector<IbPort> ports;  ///< Ascending.
  /// A pseudo-adapter of a switch that adds up, which no host has.
  bool aggregates() const { return !is_switch && name.find("Aggregation") != std::string::npos; }
};

/// Every cable is told twice, once from each end, and both agree.
struct IbRecords {
  std::vector<IbRecord> all;
  std::map<std::string, std::size_t> by_id;
};
Checked<IbRecords> read_ib_records(std::string_view text);

/// Records as the boxes of a fabric, and the way back to their ports and names.
struct IbBoxes {
  std::vector<GraphText::Box> of_record;  ///< Without a name: skipped.
  GraphText graph;
  std::map<std::pair<std::size_t, std::uint32_t>, std::size_t> cable_of_port;  ///< Into the graph's cables.
  std::map<std::string, std::uint32_t> nic_by_name;
};
Checked<IbBoxes> place_ib_records(const IbRecords& records, const FabricRequest& request);

}  // namespace orrery
