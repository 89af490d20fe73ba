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

}  // namespace orrery
