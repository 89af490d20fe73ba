#include <algorithm>
#include <string>

#include "models/pipeline/walk.hpp"

namespace orrery {
namespace {

std::string in_words(Chunk chunk) {
  return "micro-batch " + std::to_string(chunk.micro_batch) + " at stage " + std::to_string(chunk.stage);
}

void report(Findings& findings, const PipelineSchedule& schedule, const std::string& problem) {
  findings.push_back({"plan.schedule", schedule.name + ": " + problem, ""});
}

bool within(int value, std::size_t end) { return value >= 0 && std::size_t(value) < end; }

/// The tables that tell a chunk's rank. Nothing else can be looked up before they are whole.
Findings check_tables(const PipelineSchedule& schedule) {
  Findings findings;
  if (schedule.ranks < 1 || schedule.stages < 1 || schedule.micro_batches < 1) {
    report(findings, schedule, "there must be a rank, a stage and a micro-batch");
  } else if (schedule.order.size() != std::size_t(schedule.ranks)) {
    report(findings, schedule, "one row a rank is needed; found " + std::to_string(schedule.order.size()));
  } else if (schedule.path_of.size() != std::size_t(schedule.micro_batches)) {
    report(findings, schedule, "every micro-batch needs a path");
  }
  for (const std::vector<int>& path : schedule.paths) {
    if (path.size() != std::size_t(schedule.stages)) {
      report(findings, schedule, "a path must name a rank for every stage");
    }
    for (const int rank : path) {
      if (!within(rank, schedule.ranks)) report(findings, schedule, "no rank " + std::to_string(rank));
    }
  }
  for (const int path : schedule.path_of) {
    if (!within(path, schedule.paths.size())) report(findings, schedule, "no path " + std::to_string(path));
  }
  return findings;
}

/// Every chunk that an op runs must exist, and the others be unset.
Findings check_chunks(const PipelineSchedule& schedule) {
  Findings findings;
  const auto check = [&](Chunk chunk, bool expected) {
    const bool exists =
        within(chunk.stage, schedule.stages) && within(chunk.micro_batch, schedule.micro_batches);
    if (expected && !exists) report(findings, schedule, "there is no " + in_words(chunk));
    if (!expected && chunk != Chunk{}) {
      report(findings, schedule, "an op names " + in_words(chunk) + ", which its pass does not run");
    }
  };
  for (const std::vector<Op>& row : schedule.order) {
    for (const Op& op : row) {
      check(op.forward, runs_forward(op.pass));
      check(op.backward, op.pass != Pass::Forward);
    }
  }
  return findings;
}

/// What has been done to one chunk so far.
struct Done {
  int forwards = 0, backwards = 0, input_backwards = 0, weight_backwards = 0;
};

void count(const Op& op, std::vector<Done>& done, int stages) {
  const auto at = [&](Chunk chunk) -> Done& {
    return done[std::size_t(chunk.micro_batch) * stages + chunk.stage];
  };
  if (runs_forward(op.pass)) ++at(op.forward).forwards;
  if (op.pass == Pass::Backward || op.pass == Pass::Overlapped) ++at(op.backward).backwards;
  if (op.pass == Pass::InputBackward) ++at(op.backward).input_backwards;
  if (op.pass == Pass::WeightBackward) ++at(op.backward).weight_backwards;
}

/// Each chunk once forward and once backward, whole or in its two parts, all on its own rank.
Findings check_counts(const PipelineSchedule& schedule) {
  Findings findings;
  std::vector<Done> done(std::size_t(schedule.stages) * schedule.micro_batches);
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    const auto at_home = [&](Chunk chunk) {
      const int home = schedule.rank_of(chunk);
      if (home == rank) return;
      report(findings, schedule,
             in_words(chunk) + " belongs to rank " + std::to_string(home) + "; found on rank " +
                 std::to_string(rank));
    };
    for (const Op& op : schedule.order[rank]) {
      if (runs_forward(op.pass)) at_home(op.forward);
      if (op.pass != Pass::Forward) at_home(op.backward);
      count(op, done, schedule.stages);
    }
  }
  for (int m = 0; m < schedule.micro_batches; ++m) {
    for (int stage = 0; stage < schedule.stages; ++stage) {
      const Done& chunk = done[std::size_t(m) * schedule.stages + stage];
      if (chunk.forwards != 1) {
        report(findings, schedule,
               in_words({stage, m}) + " runs forward " + std::to_string(chunk.forwards) + " times");
      }
      const bool whole = chunk.backwards == 1 && chunk.input_backwards + chunk.weight_backwards == 0;
      const bool parts = chunk.backwards == 0 && chunk.input_backwards == 1 && chunk.weight_backwards == 1;
      if (!whole && !parts) {
        report(findings, schedule,
               in_words({stage, m}) + " needs one backward, or one for inputs and one for weights; found " +
                   std::to_string(chunk.backwards) + ", " + std::to_string(chunk.input_backwards) + " and " +
                   std::to_string(chunk.weight_backwards));
      }
    }
  }
  return findings;
}

/// The ops at which ranks wait forever: for something later on the same rank, or round a circle of ranks.
Findings check_waits(const PipelineSchedule& schedule) {
  Findings findings;
  const Replay played = replay(schedule, PassTimes{});
  for (std::size_t rank = 0; rank < schedule.order.size(); ++rank) {
    const std::size_t ran = played.start[rank].size();
    if (ran == schedule.order[rank].size()) continue;
    const Op& op = schedule.order[rank][ran];
    const bool owed = op.pass == Pass::WeightBackward;
    report(findings, schedule,
           "rank " + std::to_string(rank) + " waits forever before its op " + std::to_string(ran) + ", the " +
               (op.pass == Pass::Forward ? "forward of " + in_words(op.forward)
                : owed ? "weight gradient of " + in_words(op.backward) + ", for the input gradient"
                       : "backward of " + in_words(op.backward)));
  }
  return findings;
}

}  // namespace

Findings validate(const PipelineSchedule& schedule) {
  // Each check reads what the one before has found whole.
  for (const auto check : {check_tables, check_chunks, check_counts, check_waits}) {
    Findings findings = check(schedule);
    if (!findings.empty()) return findings;
  }
  return {};
}

}  // namespace orrery
