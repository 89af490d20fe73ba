#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/finding.hpp"
#include "topologies/fabric.hpp"

namespace orrery {

/// One row of the table of formats that a fabric is written in.
struct FabricWriter {
  std::string_view name, help;
  std::string (*write)(const Fabric&);
};
std::span<const FabricWriter> fabric_writers();

/// One row of the table of formats that a fabric is read from.
struct FabricReader {
  std::string_view name, help;
  bool (*fits)(std::string_view text);  ///< By how the text begins.
  /// The request says what the file cannot: what is inside a node, and what NICs achieve.
  Checked<Fabric> (*read)(std::string_view text, const FabricRequest& request);
};
std::span<const FabricReader> fabric_readers();

/// The fabric of a text in whichever format it is. Findings name lines.
Checked<Fabric> read_fabric(std::string_view text, const FabricRequest& request);

std::string to_graphml(const Fabric& fabric);
std::string to_dot(const Fabric& fabric);
std::string to_json(const Fabric& fabric);
/// Switches and host adapters as `ibsim` of Debian's ibsim-utils takes them: each NIC is a one-port adapter
/// "node0003 mlx5_2"; bonds are left out.
std::string to_ibsim(const Fabric& fabric);

Checked<Fabric> read_graphml(std::string_view text, const FabricRequest& request);
Checked<Fabric> read_dot(std::string_view text, const FabricRequest& request);

/// What `ibnetdiscover` prints: switches, adapters, their ports, rates.
///
///   node and NIC   of an adapter's name: what comes before its last word or its last '/' is the host, and
///                  hosts are numbered in the order of their names; the NICs of a host by their own names
///   layer          a switch with adapters is a leaf; the layers above by how far they are from one
///   rate           lanes times the lane's data rate, times what a NIC achieves of its line rate
///
/// Units      4xNDR = 400 Gb/s.
/// Findings   records cut short, one GUID in two records, unknown rates, a cable that its two ends tell
///            differently, adapters without a cable, hosts that differ in their adapters.
/// Checked    tests/topologies/files_test.cpp: by hand; tests/opensm_test.sh: the real tool on 2,048 hosts.
/// Leaves out routers; adapters of switches that aggregate ("Aggregation Node") are skipped.
Checked<Fabric> read_ibnetdiscover(std::string_view text, const FabricRequest& request);

/// The same, with the forwarding tables that OpenSM dumps of it (`opensm-lfts.dump`).
///
/// Findings   of the dump: a line that is cut short, a switch or a port that the fabric does not have, a
///            destination without an entry, a way that leads in a circle or ends at another NIC.
/// Checked    tests/opensm_test.sh: the real OpenSM on a fabric of 2,048 hosts.
Checked<Fabric> read_routed_fabric(std::string_view ibnetdiscover, std::string_view tables,
                                   const FabricRequest& request);

}  // namespace orrery
