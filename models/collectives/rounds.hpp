#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "models/collectives/collective.hpp"
#include "models/collectives/flow_plan.hpp"
#include "sim/finding.hpp"
#include "topologies/routing.hpp"

namespace orrery {

/// One step of an algorithm: messages that start together; the next step waits for them all. Steps that are
/// alike are one, with a count.
struct Round {
  FlowPlan plan;
  std::int64_t repeats = 1;
};
using RoundSink = std::function<void(Round&&)>;  ///< Takes the rounds in order, so that none need be kept.

/// A collective of all GPUs of the router's fabric. `bytes` as in `collective_bytes`.
struct CollectiveRequest {
  Router& router;
  Bytes bytes{};
  const Fabric& fabric() const { return router.fabric(); }
  int ranks() const { return int(fabric().gpus()); }
};

/// One row of the catalogue: an algorithm is a function that hands over rounds.
struct CollectiveAlgorithm {
  std::string_view name, help;
  Collective kind;
  Findings (*check)(const Fabric&);  ///< What the fabric lacks; empty: it runs.
  void (*rounds)(const CollectiveRequest&, const RoundSink&);
};
std::span<const CollectiveAlgorithm> collective_algorithms();

/// Appends a message from GPU to GPU on the router's path. None where the two are one.
void add_message(FlowPlan& plan, Router& router, GpuIndex from, GpuIndex to, Bytes size);

/// What nccl-tests multiplies algorithm bandwidth with, to compare it with the speed of the hardware:
/// all-reduce 2 (n - 1) / n; all-gather, reduce-scatter, all-to-all (n - 1) / n; else 1.
double bus_factor(Collective kind, int ranks);

/// Time of an algorithm alone on its fabric: over its rounds, repeats times (end of the last of the round's
/// flows, which share links by max-min fairness, and the longest latency of their paths).
///
/// Units      seconds.
/// Checked    tests/models/collectives/rounds_test.cpp: every byte arrives once; on one switch the closed
///            forms of ring, halving-doubling and all-to-all; bus bandwidth below the hardware's.
/// Leaves out launch of kernels, protocols of NCCL, copies in memory, the reduction's arithmetic, skew of
///            ranks; rounds wait for all ranks, where a real ring only waits for its neighbour.
Seconds simulate_collective(const CollectiveAlgorithm& algorithm, const CollectiveRequest& request);

// The algorithms, each in the file of its kind.
void ring_all_reduce(const CollectiveRequest&, const RoundSink&);
void ring_all_gather(const CollectiveRequest&, const RoundSink&);
void ring_reduce_scatter(const CollectiveRequest&, const RoundSink&);
void ring_broadcast(const CollectiveRequest&, const RoundSink&);
void tree_all_reduce(const CollectiveRequest&, const RoundSink&);
Findings check_halving(const Fabric&);
void halving_doubling_all_reduce(const CollectiveRequest&, const RoundSink&);
Findings check_several_nodes(const Fabric&);
void hierarchical_all_reduce(const CollectiveRequest&, const RoundSink&);
void hierarchical_all_gather(const CollectiveRequest&, const RoundSink&);
void hierarchical_reduce_scatter(const CollectiveRequest&, const RoundSink&);
Findings check_in_network(const Fabric&);
void in_network_all_reduce(const CollectiveRequest&, const RoundSink&);
Findings check_flat(const Fabric&);
void flat_all_to_all(const CollectiveRequest&, const RoundSink&);
void pairwise_all_to_all(const CollectiveRequest&, const RoundSink&);
void two_hop_all_to_all(const CollectiveRequest&, const RoundSink&);
void farthest_send(const CollectiveRequest&, const RoundSink&);

}  // namespace orrery
