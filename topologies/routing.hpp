#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "topologies/fabric.hpp"

namespace orrery {

/// How a flow finds its way where several cables lead on.
enum class RoutingPolicy : std::uint8_t {
  Ecmp,      ///< A minimal path by a hash of the flow.
  Static,    ///< A minimal path by the destination alone, as forwarding tables have it.
  Adaptive,  ///< The least loaded minimal path when the flow starts.
  Valiant,   ///< Minimal to a switch drawn by the flow's hash, and minimal from there.
  Ugal,      ///< The minimal path, or Valiant's if that one's load times its length is less.
  Tables,    ///< As the fabric's forwarding tables say.
};
struct RoutingKind {
  std::string_view name, help;
  RoutingPolicy policy;
};
std::span<const RoutingKind> routing_kinds();
const RoutingKind* find_routing(std::string_view name);

/// Finds the links of flows through a fabric, whatever its shape.
///
///   distance    d(v, t): fewest cables from switch v to switch t, by breadth-first search back from t;
///               a row for each destination leaf, made when the first flow asks for it
///   minimal     from v take a cable to a switch w with d(w, t) = d(v, t) - 1
///   choice      ecmp      SplitMix64 over (source NIC, destination NIC, flow), mixed anew with every
///                         switch, so that one choice does not decide the next
///               static    the destination's number (leaf by leaf) modulo the cables that lead on, and its
///                         quotient at the next choice of switches (d-mod-k: Zahavi, 2010)
///               adaptive  of all minimal paths one whose fullest cable carries the fewest flows for its
///                         rate; ties as by ecmp. Known of the whole path, as no real switch knows it
///               valiant   through a drawn leaf (Valiant, 1982)
///               ugal      both are looked at; load is that of the fullest cable (UGAL-G: Singh, 2005)
///               tables    the fabric's forwarding tables, which a subnet manager wrote
///
/// A path holds no link twice. Routes are static for the life of a flow, and the same in every run.
/// Units      load: flows under way that cross a cable, over its rate.
/// Checked    tests/topologies/routing_test.cpp, against Boost.Graph: length of minimal paths on nine
///            topologies, and how many different ones there are on the trees.
/// Leaves out deadlock freedom and virtual lanes, re-routing of a flow under way, packet spraying.
class Router {
 public:
  /// `network` tells the policies that look at loads what is under way; none: nothing is. The fabric, and the
  /// network, stay where they are as long as the router lives.
  explicit Router(const Fabric& fabric, RoutingPolicy policy = RoutingPolicy::Ecmp,
                  const FlowNetwork* network = nullptr);

  /// Links from one GPU to another, in order; none from a GPU to itself:
  ///   same node         NVLink out, NVLink in;
  ///   same plane        NIC out, from switch to switch, NIC in;
  ///   another plane     NVLink to the node's GPU with the wanted plane's NIC first, then as above.
  std::vector<LinkIndex> route(GpuIndex source, GpuIndex destination, std::uint64_t flow);

  /// The same, appended: for callers that lay out many paths in one row.
  void append_route(GpuIndex source, GpuIndex destination, std::uint64_t flow, std::vector<LinkIndex>& path);

  /// Between the NICs of two GPUs alone, from NIC out to NIC in. Precondition: on the same plane.
  void append_network_route(GpuIndex source, GpuIndex destination, std::uint64_t flow,
                            std::vector<LinkIndex>& path);

  /// From the memory of a GPU to that of one in the same place of another node: over their own NICs or, where
  /// faults have parted those, over NVLink to a GPU of the node whose NIC still leads there, drawn by the
  /// flow's hash among all that do, and over NVLink again. Precondition: every two nodes have one.
  void append_rail_route(GpuIndex source, GpuIndex destination, std::uint64_t flow,
                         std::vector<LinkIndex>& path);

  const Fabric& fabric() const { return *fabric_; }

  /// Fewest cables from every switch ([vertex - first_switch()]) to this one.
  std::span<const std::uint16_t> distances_to(VertexIndex destination);

  static constexpr std::uint16_t no_way = UINT16_MAX;

 private:
  struct Trip {
    VertexIndex from, to;
    std::uint64_t hash;    ///< Of the flow.
    std::uint32_t number;  ///< Of the destination NIC, leaf by leaf.
    std::uint32_t nic;     ///< The destination.
  };

  void append_trunk(const Trip& trip, std::vector<LinkIndex>& path);
  void append_minimal(const Trip& trip, std::vector<LinkIndex>& path);
  void append_by_tables(const Trip& trip, std::vector<LinkIndex>& path);
  void append_least_loaded(const Trip& trip, std::vector<LinkIndex>& path);
  void append_through(const Trip& trip, VertexIndex middle, std::vector<LinkIndex>& path);
  VertexIndex drawn_middle(const Trip& trip);
  bool connected(GpuIndex a, GpuIndex b) const;
  /// Cables of `at` that lead on towards `to`, in `choices_`.
  void gather(VertexIndex at, std::span<const std::uint16_t> toward);
  double load(LinkIndex link) const;
  double fullest(std::span<const LinkIndex> links) const;

  const Fabric* fabric_;
  RoutingPolicy policy_;
  const FlowNetwork* network_;
  std::vector<std::vector<std::uint16_t>> toward_;  ///< [destination switch][switch].
  std::vector<std::uint32_t> number_of_nic_;
  std::vector<VertexIndex> leaves_;      ///< That have NICs, ascending.
  std::vector<std::uint32_t> networks_;  ///< Of each NIC; empty: nothing is down.

  // Kept between calls for their memory alone.
  std::vector<LinkIndex> choices_, minimal_, valiant_;
  std::vector<VertexIndex> queue_;
  struct Best {
    std::uint64_t seen = 0;
    double load = 0;
    LinkIndex arrived_by = 0;
  };
  std::vector<Best> best_;  ///< [switch], of the search under way.
  std::uint64_t searches_ = 0;
};

/// End-to-end time of a small message.
Seconds path_latency(const Fabric& fabric, const std::vector<LinkIndex>& path);

}  // namespace orrery
