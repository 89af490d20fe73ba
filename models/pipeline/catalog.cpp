#include <algorithm>
#include <array>
#include <utility>

#include "models/pipeline/kinds.hpp"

namespace orrery {
namespace {

/// 2^22 chunks are 1,024 ranks with 4,096 micro-batches, and a few hundred MB of order.
constexpr std::int64_t most_chunks = std::int64_t(1) << 22;

constexpr std::array kinds{
    ScheduleKind{"gpipe", "all forwards, then all backwards: the most memory, the plainest order", check_any,
                 gpipe, as_many_as_ranks},
    ScheduleKind{"1f1b", "one forward, one backward: GPipe's bubble in the memory of P micro-batches",
                 check_any, one_f_one_b, as_many_as_ranks},
    ScheduleKind{"interleaved", "1F1B with plan.virtual_stages stages a rank: the bubble divided by them",
                 check_interleaved, interleaved, interleaved_stages},
    ScheduleKind{"zb-h1", "1F1B with the weight gradients moved into the bubble, by hand", check_any, zb_h1,
                 as_many_as_ranks},
    ScheduleKind{"zb1p", "the same by list scheduling within the memory of 1F1B", check_any, zb1p,
                 as_many_as_ranks},
    ScheduleKind{"dualpipe", "micro-batches from both ends; forwards hide the traffic of backwards",
                 check_dual_pipe, dual_pipe, as_many_as_ranks},
    ScheduleKind{"dualpipev", "DualPipe folded into a V: half the ranks, two stages on each",
                 check_dual_pipe_v, dual_pipe_v, dual_pipe_v_stages},
};

}  // namespace

std::span<const ScheduleKind> schedule_kinds() { return kinds; }

const ScheduleKind* find_schedule(std::string_view name) {
  const auto found = std::ranges::find(kinds, name, &ScheduleKind::name);
  return found == kinds.end() ? nullptr : &*found;
}

Findings check_size(const PipelineShape& shape, int stages_a_rank) {
  Findings findings;
  if (shape.ranks < 1) {
    findings.push_back({"plan.pipeline",
                        "a pipeline needs at least 1 rank; found " + std::to_string(shape.ranks),
                        "try 1 or more"});
  }
  if (shape.micro_batches < 1) {
    findings.push_back(
        {"plan.global_batch",
         "a pipeline needs at least 1 micro-batch; found " + std::to_string(shape.micro_batches),
         "try 1 or more"});
  }
  if (!findings.empty()) return findings;
  // Divisions, because three large numbers may not fit in 64 bits when multiplied.
  const std::int64_t fitting = most_chunks / shape.ranks / stages_a_rank;
  if (shape.micro_batches > fitting) {
    findings.push_back({"plan.global_batch",
                        "ranks x stages a rank x micro-batches must be at most " +
                            std::to_string(most_chunks) + "; found " + std::to_string(shape.ranks) + " x " +
                            std::to_string(stages_a_rank) + " x " + std::to_string(shape.micro_batches),
                        fitting > 0 ? "try " + std::to_string(fitting) + " micro-batches or fewer"
                                    : "try fewer ranks or fewer stages a rank"});
  }
  return findings;
}

Findings check_any(const PipelineShape& shape) { return check_size(shape, 1); }

int as_many_as_ranks(const PipelineShape& shape) { return shape.ranks; }

PipelineSchedule empty_schedule(std::string_view name, const PipelineShape& shape, int stages) {
  PipelineSchedule schedule;
  schedule.name = name;
  schedule.ranks = shape.ranks;
  schedule.stages = stages;
  schedule.micro_batches = shape.micro_batches;
  schedule.order.resize(shape.ranks);
  std::vector<int> path(stages);
  for (int stage = 0; stage < stages; ++stage) path[stage] = stage % shape.ranks;
  schedule.paths.push_back(std::move(path));
  schedule.path_of.assign(shape.micro_batches, 0);
  return schedule;
}

}  // namespace orrery
