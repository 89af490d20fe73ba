#pragma once

#include <cstdint>
#include <vector>

#include "models/operation/failures.hpp"

namespace orrery {

/// How the state of the job is saved.
struct Checkpointing {
  Seconds interval{};  ///< Work between the starts of two.
  Seconds stall{};     ///< The job stands still.
  Seconds write{};     ///< Until it is safe, from its start; at least `stall`.
  Seconds read{};      ///< Back into the GPUs after an interruption.
};

/// GPUs that run slower than their neighbours until somebody notices: the whole job waits for them.
struct SlowGpus {
  double per_second = 0;  ///< Of the whole job.
  double factor = 1;      ///< A step takes this many times as long.
  Seconds until_found{};  ///< Then the node is swapped, with a checkpoint first.
};

/// Loss spikes after which training goes back.
struct LossSpikes {
  double per_second = 0;  ///< Of work.
  Seconds back{};         ///< Work that is done again, counted from the last safe checkpoint on.
};

/// A run of weeks, as values.
struct OperationRequest {
  Seconds work{};  ///< That the run takes when nothing goes wrong.
  std::vector<Interruption> causes;
  Seconds detection{};  ///< From an unplanned interruption until it is known and its node found.
  Seconds restart{};    ///< From there to the first step, reading the checkpoint apart.
  Checkpointing checkpoint;
  int spares = 0;    ///< Nodes that stand by.
  Seconds repair{};  ///< Until a node that failed stands by again.
  SlowGpus slow;
  LossSpikes spikes;
  std::uint64_t seed = 1;
};

/// Where the time of a run went; everything but `work` is loss, and all of it is `wall`.
struct OperationOutcome {
  Seconds wall{}, work{};
  Seconds checkpoints{};  ///< Standing still for them.
  Seconds redone{};       ///< Work since the last safe checkpoint, done again.
  Seconds detection{}, restart{}, reading{};
  Seconds waiting{};  ///< For a node, when no spare is left.
  Seconds slow{};     ///< More than the same work would have taken.
  Seconds rolled_back{};
  std::vector<int> interruptions;  ///< [cause]
  double goodput() const { return work / wall; }
};

/// Walks through the run, interruption by interruption.
///
///   Interruptions of each cause come as a Poisson process, also while the job restarts (which then begins
///   anew). An unplanned one costs the work since the last safe checkpoint, `detection`, a node (a spare, or
///   waiting until one is repaired; not for software), `restart` and `read`. A checkpoint is safe when it is
///   written; the next one begins no sooner. A planned one takes a checkpoint first and costs no detection.
///
/// Units       seconds.
/// Source      the process of J. T. Daly, "A higher order estimate of the optimum checkpoint interval for
/// restart
///             dumps", Future Generation Computer Systems 22 (2006).
/// Checked     tests/models/operation: Daly's exact expectation for blocking checkpoints within the error of
/// the mean;
///             parts sum to the wall time; counts follow the rates.
/// Leaves out  interruptions that come in groups, checkpoints that are found to be bad, shrinking the job
/// instead of
///             waiting for a node.
/// Precondition: work, interval and their sum are finite and positive; a job whose restart takes many times
/// the mean time between interruptions does not end in any useful time: see `hopeless`.
OperationOutcome operate(const OperationRequest& request);

/// Whether restarting takes so long, against the mean time between interruptions, that fewer than one restart
/// in a thousand would succeed.
bool hopeless(const OperationRequest& request);

/// The interval between checkpoints that loses least.
///
///   Young   sqrt(2 d M)
///   Daly    sqrt(2 d M) (1 + sqrt(d / (2 M)) / 3 + d / (18 M)) - d   for d < 2 M, else M
///
/// with d a checkpoint's stall and M the mean time between interruptions.
/// Source      J. W. Young, CACM 17 (1974); Daly, as above, equation 37.
/// Checked     tests/models/operation: its waste lies within one point of the simulated minimum.
Seconds young_interval(Seconds stall, Seconds between);
Seconds daly_interval(Seconds stall, Seconds between);

/// One interval and what the run loses with it, the mean over seeds.
struct IntervalWaste {
  Seconds interval{};
  double waste = 0;  ///< 1 - goodput.
};
/// Intervals from an eighth of `around` to eight times it, in steps of the square root of two, on the same
/// draws.
std::vector<IntervalWaste> waste_by_interval(const OperationRequest& request, Seconds around, int seeds);

/// Runs with seeds `seed`, `seed` + 1, ...
std::vector<OperationOutcome> operate_often(const OperationRequest& request, int seeds);

}  // namespace orrery
