#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"
#include "sim/units.hpp"

namespace orrery {

/// How far a NIC is from a GPU, nearest first; the words of nvidia-smi.
enum class Nearness : std::uint8_t {
  Pix,   ///< One PCIe bridge at most.
  Pxb,   ///< Several PCIe bridges, no host bridge.
  Phb,   ///< A host bridge: the CPU.
  Node,  ///< Host bridges of one NUMA node.
  Sys,   ///< Between NUMA nodes.
};
std::string_view nearness_word(Nearness nearness);

/// The inside of a server, as its own tools tell it.
struct NodeInside {
  struct Nic {
    std::string name;
    BytesPerSecond line{};  ///< Zero where the file does not say.
  };
  std::uint32_t gpus = 0;
  std::vector<Nic> nics;               ///< Those with a network behind them, in the file's order.
  std::vector<std::uint32_t> nvlinks;  ///< [gpu][gpu]: NVLinks between two, through a switch or not.
  std::vector<Nearness> nearness;      ///< [gpu][nic].

  std::uint32_t nvlinks_between(std::uint32_t a, std::uint32_t b) const { return nvlinks[a * gpus + b]; }
  Nearness near(std::uint32_t gpu, std::size_t nic) const { return nearness[gpu * nics.size() + nic]; }
  /// The nearest NIC; of several equally near ones the one that comes in the GPU's own turn among them, so
  /// that NICs are dealt evenly. Precondition: there are NICs.
  std::size_t nic_of(std::uint32_t gpu) const;
};

/// The matrix that `nvidia-smi topo -m` prints, coloured or not.
/// Findings   with lines: no heading of GPUs, a row cut short, an unknown word, a GPU without a row.
Checked<NodeInside> read_nvidia_smi(std::string_view text);

/// The XML that NCCL writes (NCCL_TOPO_DUMP_FILE): <gpu> and <net> inside <pci> inside <cpu>.
/// Findings   with lines: broken XML, a GPU without a number, no GPU at all.
/// Leaves out C2C, ranks, GPUDirect, what several hosts of one dump share.
Checked<NodeInside> read_nccl_topology(std::string_view text);

/// Either, by how it begins.
Checked<NodeInside> read_node_inside(std::string_view text);

}  // namespace orrery
