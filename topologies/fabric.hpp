#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/flow_network.hpp"
#include "sim/units.hpp"
#include "topologies/hardware.hpp"

namespace orrery {

using VertexIndex = std::uint32_t;
using GpuIndex = std::uint32_t;  ///< node * gpus_per_node + place in the node.

/// Layers from the bottom to the top; within a fabric the vertices lie in this order. A leaf is a switch
/// that has NICs below it; a bond is no box but the two ports of one NIC, which lead to two leaves.
enum class VertexKind : std::uint8_t { Gpu, NvlinkSwitch, Nic, Bond, Leaf, Spine, Core };

/// "gpu", "nvlink", "nic", "bond", "leaf", "spine", "core": in names and in files.
std::string_view kind_word(VertexKind kind);
std::optional<VertexKind> find_kind(std::string_view word);

struct Vertex {
  VertexKind kind;
  std::uint32_t group;  ///< Node of a GPU, NVLink switch or NIC; plane or zone of a switch.
  std::uint32_t index;  ///< Within the group and kind.
};

/// One direction of one cable (of an NVLink bundle for a GPU).
struct Link {
  VertexIndex from, to;
  BytesPerSecond capacity;  ///< What bulk traffic achieves, not the signalling rate.
  Seconds latency;          ///< Summed over a path it gives the end-to-end time of a small message.
};

/// Everything a builder needs to know, as numbers of the hardware catalogue.
struct FabricRequest {
  int nodes = 1;
  int gpus_per_node = 8;
  int nics_per_node = 8;  ///< Each serves gpus_per_node / nics_per_node neighbours.
  int switch_ports = 64;
  int planes = 0;               ///< Networks without a cable between them; 0: as the topology has it.
  double oversubscription = 1;  ///< Of a leaf: what comes up from its NICs over what can go on upwards.
  std::vector<int> shape{};     ///< Sizes of the topology, as its row names them; empty: the smallest that
                                ///< holds the nodes.
  BytesPerSecond nvlink{};      ///< Of one GPU, achieved.
  BytesPerSecond nic{};         ///< Achieved.
  BytesPerSecond
      nic_line{};  ///< Signalled: what a cable of a file achieves is its line rate times nic / nic_line.
  BytesPerSecond trunk{};           ///< Between switches, achieved.
  Seconds nvlink_latency{3.33e-6};  ///< End to end; ISCA 2025 (arXiv 2505.09343) Table 5.
  Seconds nic_latency{};            ///< End to end under one leaf.
  Seconds hop_latency{};            ///< Of one more switch.
};
/// A trunk cable achieves the same share of its port rate as the NIC does of its line rate.
FabricRequest fabric_request(const NodeSpec&, const GpuSpec&, const NicSpec&, const SwitchSpec&, int nodes);

/// Who is wired to whom, as a value.
///
/// A NIC hangs on its GPU by PCIe (63 GB/s against 50): that hop cannot saturate and is no link. Links
/// are dense: NVLink out of every GPU, NVLink into every GPU, NIC out, NIC in, then both directions of
/// every cable between switches; `capacities` is what a FlowNetwork takes.
struct Fabric {
  std::string topology;  ///< Name in the catalogue.
  std::uint32_t nodes = 0, gpus_per_node = 0, nics_per_node = 0;
  std::uint32_t planes = 1;  ///< Networks that no cable connects; NIC i of a node is on plane i % planes.
  std::vector<Vertex> vertices;
  std::vector<Link> links;
  std::vector<VertexIndex> leaf_of_nic;
  /// Links from switch to switch that leave vertex v: trunk_begin[v - first_switch()] up to the next
  /// entry, ordered by their far end.
  std::vector<LinkIndex> trunk_begin;
  /// Forwarding tables, where a file brought them: the link that switch v sends on to NIC n by is
  /// forwarding[(v - first_switch()) * nics() + n]; `no_link` where the NIC hangs on v itself.
  std::vector<LinkIndex> forwarding;

  std::uint32_t gpus() const { return nodes * gpus_per_node; }
  std::uint32_t nics() const { return nodes * nics_per_node; }
  std::uint32_t node_of(GpuIndex gpu) const { return gpu / gpus_per_node; }
  std::uint32_t local_of(GpuIndex gpu) const { return gpu % gpus_per_node; }
  GpuIndex gpu(std::uint32_t node, std::uint32_t local) const { return node * gpus_per_node + local; }

  /// Precondition of everything about NICs: the fabric has some.
  std::uint32_t rail_of(GpuIndex gpu) const { return local_of(gpu) * nics_per_node / gpus_per_node; }
  std::uint32_t plane_of(GpuIndex gpu) const { return rail_of(gpu) % planes; }
  std::uint32_t nic_of(GpuIndex gpu) const { return node_of(gpu) * nics_per_node + rail_of(gpu); }

  LinkIndex nvlink_out(GpuIndex gpu) const { return gpu; }
  LinkIndex nvlink_in(GpuIndex gpu) const { return gpus() + gpu; }
  LinkIndex nic_out(GpuIndex gpu) const { return 2 * gpus() + nic_of(gpu); }
  LinkIndex nic_in(GpuIndex gpu) const { return 2 * gpus() + nics() + nic_of(gpu); }
  LinkIndex first_trunk() const { return 2 * gpus() + 2 * nics(); }

  VertexIndex first_nic() const { return gpus() + nodes; }
  VertexIndex first_switch() const { return gpus() + nodes + nics(); }
};

std::vector<BytesPerSecond> capacities(const Fabric& fabric);

/// "gpu 5.3", "nvlink 5", "nic 5.3", "leaf 2.7" (plane or zone, then number), "spine 2.1", "core 0.9".
std::string vertex_name(const Fabric& fabric, VertexIndex vertex);
/// "nic 5.3 -> leaf 3.0".
std::string link_name(const Fabric& fabric, LinkIndex link);

/// What a bill counts. A cable is counted once, not once a direction.
struct FabricCounts {
  std::int64_t gpus = 0, nics = 0, nvlink_switches = 0;
  std::int64_t leaves = 0, spines = 0, cores = 0;  ///< Bonds are no boxes and not counted.
  std::int64_t endpoint_cables = 0, trunk_cables = 0;
  std::int64_t switches() const { return leaves + spines + cores; }
};
FabricCounts count(const Fabric& fabric);

}  // namespace orrery
