#include "models/collectives/collective.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/check.hpp"

namespace orrery {
namespace {

/// Between nodes, all-reduce (least relative squares on every second row from 4 KiB of the A100 table).
constexpr double latency_start = 3.38e-6, latency_start_a_doubling = 26.38e-6, latency_rate = 0.22e9;
constexpr double bulk_start = 55.76e-6, bulk_start_a_doubling = 22.93e-6, ramp_a_doubling = 14.64e-9;
constexpr double measured_nic = 16.42e9;

/// log2 at powers of two, straight lines between: exact arithmetic alone.
double doublings(int nodes) {
  const int whole = int(std::bit_width(unsigned(nodes))) - 1;
  return whole + double(nodes) / double(1u << whole) - 1;
}

/// `slower` is measured rate over actual rate. A ramp comes from latency times 1 / rate: its root scales.
double law_time(const CollectiveLaw& law, double bytes, double slower) {
  const double low_latency = law.start.value() + bytes / law.rate.value() * slower;
  const double bulk = law.bulk_start.value() + law.ramp_s_per_sqrt_byte * std::sqrt(bytes * slower) +
                      bytes / law.bulk_rate.value() * slower;
  return std::min(low_latency, bulk);
}

std::size_t law_row(Collective kind) {
  switch (kind) {
    case Collective::AllReduce:
      return 0;
    case Collective::AllGather:
    case Collective::Broadcast:
      return 1;
    case Collective::ReduceScatter:
      return 2;
    case Collective::AllToAll:
    case Collective::PointToPoint:
      return 3;
  }
  return 0;
}

double in_node_time(const CollectiveConstants& constants, Collective kind, double bytes, int ranks,
                    double slower) {
  const auto& laws = constants.in_node[law_row(kind)];
  if (ranks <= 2) return law_time(laws[0], bytes, slower);
  if (ranks >= 8) return law_time(laws[2], bytes, slower);
  const int low = ranks < 4 ? 0 : 1;
  const double into = ranks < 4 ? (ranks - 2) / 2.0 : (ranks - 4) / 4.0;
  return law_time(laws[low], bytes, slower) * (1 - into) + law_time(laws[low + 1], bytes, slower) * into;
}

double between_nodes_time(Collective kind, double bytes, int nodes, BytesPerSecond nic) {
  const double d = doublings(nodes), part = kind == Collective::AllReduce ? 1 : 0.5;
  const double slower = measured_nic / nic.value();
  const double low_latency =
      part * (latency_start + latency_start_a_doubling * d) + bytes / latency_rate * slower;
  const double bulk = part * (bulk_start + bulk_start_a_doubling * d) +
                      part * ramp_a_doubling * d * std::sqrt(bytes * slower) + bytes / nic.value();
  return std::min(low_latency, bulk);
}

}  // namespace

std::string_view collective_name(Collective kind) {
  switch (kind) {
    case Collective::AllReduce:
      return "all-reduce";
    case Collective::AllGather:
      return "all-gather";
    case Collective::ReduceScatter:
      return "reduce-scatter";
    case Collective::AllToAll:
      return "all-to-all";
    case Collective::Broadcast:
      return "broadcast";
    case Collective::PointToPoint:
      return "point-to-point";
  }
  return "";
}

CollectiveBytes collective_bytes(Collective kind, Bytes bytes, int ranks_in_node, int nodes) {
  const double size = double(bytes.value()), local = ranks_in_node, all = local * nodes;
  if (ranks_in_node * nodes <= 1) return {};
  const auto ring = [&](double wire) {  // Every GPU passes `wire` on; a ring leaves each node by one NIC.
    return CollectiveBytes{ranks_in_node > 1 ? wire : 0, nodes > 1 ? wire / local : 0};
  };
  switch (kind) {
    case Collective::AllReduce:
      return ring(2 * (all - 1) / all * size);
    case Collective::AllGather:
    case Collective::ReduceScatter:
      return ring((all - 1) / all * size);
    case Collective::AllToAll:
      return {size * (local - 1) / all, size * (all - local) / all};
    case Collective::Broadcast:
      return ring(size);
    case Collective::PointToPoint:
      return nodes > 1 ? CollectiveBytes{0, size} : CollectiveBytes{size, 0};
  }
  return {};
}

Seconds collective_time(const CollectiveConstants& constants, Collective kind, Bytes bytes, int ranks_in_node,
                        int nodes, BytesPerSecond nvlink_line, BytesPerSecond nic) {
  ORRERY_CHECK(ranks_in_node >= 1 && nodes >= 1 && bytes.value() >= 0);
  if (ranks_in_node * nodes == 1) return {};
  const CollectiveBytes wire = collective_bytes(kind, bytes, ranks_in_node, nodes);
  double time = 0;
  if (ranks_in_node > 1 && !(kind == Collective::PointToPoint && nodes > 1)) {
    const double slower = constants.nvlink_line / nvlink_line;
    time = in_node_time(constants, kind, wire.nvlink, ranks_in_node, slower);
  }
  if (nodes > 1) time = std::max(time, between_nodes_time(kind, wire.nic, nodes, nic));
  return Seconds(time);
}

}  // namespace orrery
