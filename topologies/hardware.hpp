#pragma once

#include <string>
#include <vector>

#include "sim/time.hpp"
#include "sim/units.hpp"

namespace orrery {

/// Where one number of a catalogue entry was read: every number of a hardware file has one.
struct Source {
  std::string key, text;
};

/// A GPU as sourced numbers. Rates are per direction and dense (no sparsity).
struct GpuSpec {
  std::string name;
  int multiprocessors = 0;
  FlopsPerSecond bf16{}, fp8{};  ///< Tensor-core peaks; fp8 zero where the chip has none.
  Bytes memory{};                ///< As the driver reports it, not the name on the box.
  BytesPerSecond hbm{};
  BytesPerSecond nvlink_line{};      ///< Data sheet, one direction.
  BytesPerSecond nvlink_achieved{};  ///< What bulk copies reach, one direction.
  Watts power{};
  Dollars price{};
  DollarsPerHour rent{};
  std::vector<Source> sources;
};

/// A network adapter.
struct NicSpec {
  std::string name;
  BytesPerSecond line{};      ///< Signalling rate of the port, one direction.
  BytesPerSecond achieved{};  ///< What bulk RDMA traffic of a collective reaches.
  Seconds latency{};          ///< End to end under one leaf switch, small message.
  Watts power{};
  Dollars price{};
  std::vector<Source> sources;
};

struct SwitchSpec {
  std::string name;
  int ports = 0;
  BytesPerSecond port_rate{};
  Seconds hop_latency{};  ///< What one more switch on the path adds.
  Watts power{};
  Dollars price{};
  std::vector<Source> sources;
};

/// The inside of a server: GPUs on an NVLink switch, one NIC a GPU or fewer.
struct NodeSpec {
  std::string name;
  int gpus = 8;
  int nics = 8;
  std::string gpu, nic;  ///< Names in the catalogue.
  Watts host_power{};
  Dollars host_price{};
  std::vector<Source> sources;
};

/// One make of cable: a price for its ends and one for its length.
struct CablePrice {
  Dollars each{}, a_meter{};
  Dollars of(Meters length) const { return each + a_meter * length.value(); }
};

/// What the parts of a network cost, where they stand, and how long they are paid for. A zero is a part
/// that the list leaves out of the bill.
struct PriceList {
  std::string name;
  Dollars network_switch{};            ///< Zero: the switch's own price.
  Dollars nic{};                       ///< Zero: the NIC's own price.
  CablePrice copper, optical;          ///< Between switches; optical without its transceivers.
  CablePrice end_copper, end_optical;  ///< From NICs to their leaves.
  Meters copper_reach{};               ///< Longer cables are optical.
  Dollars transceiver{};               ///< Two on every optical cable.
  Watts transceiver_power{};
  int nodes_of_a_rack = 4;
  Meters rack_pitch{}, slack{};  ///< Between racks that are neighbours; of every cable, on top of the way.
  Seconds paid_over{};           ///< Life of the network in use.
  std::vector<Source> sources;
};

}  // namespace orrery
