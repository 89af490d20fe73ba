#include "models/pipeline/walk.hpp"

#include <algorithm>
#include <optional>

namespace orrery {
namespace {

/// When the results of each chunk were there; nothing while they are not.
class Results {
 public:
  explicit Results(const PipelineSchedule& schedule)
      : stages_(schedule.stages),
        forward_(std::size_t(schedule.stages) * schedule.micro_batches),
        input_gradient_(forward_.size()) {}

  std::optional<Seconds>& forward(Chunk chunk) { return forward_[place(chunk)]; }
  std::optional<Seconds>& input_gradient(Chunk chunk) { return input_gradient_[place(chunk)]; }

  /// When everything that the op reads is there, on whatever rank it is made.
  std::optional<Seconds> inputs_of(const Op& op) {
    std::optional<Seconds> latest{Seconds(0)};
    const auto wait_for = [&latest](const std::optional<Seconds>& input) {
      if (!input)
        latest.reset();
      else if (latest)
        latest = std::max(*latest, *input);
    };
    if (runs_forward(op.pass) && op.forward.stage > 0) wait_for(forward(before(op.forward)));
    if (runs_backward(op.pass)) {
      wait_for(forward(op.backward));
      if (op.backward.stage < stages_ - 1) wait_for(input_gradient(after(op.backward)));
    }
    if (op.pass == Pass::WeightBackward) wait_for(input_gradient(op.backward));
    return latest;
  }

 private:
  static Chunk before(Chunk chunk) { return {chunk.stage - 1, chunk.micro_batch}; }
  static Chunk after(Chunk chunk) { return {chunk.stage + 1, chunk.micro_batch}; }
  std::size_t place(Chunk chunk) const { return std::size_t(chunk.micro_batch) * stages_ + chunk.stage; }

  int stages_;
  std::vector<std::optional<Seconds>> forward_, input_gradient_;
};

int peak_chunks(const std::vector<Op>& row) {
  int alive = 0, peak = 0;
  for (const Op& op : row) {
    if (runs_forward(op.pass)) peak = std::max(peak, ++alive);
    if (runs_backward(op.pass) && op.pass != Pass::InputBackward) --alive;
    if (op.pass == Pass::WeightBackward) --alive;
  }
  return peak;
}

}  // namespace

bool runs_forward(Pass pass) { return pass == Pass::Forward || pass == Pass::Overlapped; }

bool runs_backward(Pass pass) {
  return pass == Pass::Backward || pass == Pass::InputBackward || pass == Pass::Overlapped;
}

Seconds time_of(Pass pass, const PassTimes& times) {
  switch (pass) {
    case Pass::Forward:
      return times.forward;
    case Pass::Backward:
      return times.input_backward + times.weight_backward;
    case Pass::InputBackward:
      return times.input_backward;
    case Pass::WeightBackward:
      return times.weight_backward;
    case Pass::Overlapped:
      return times.overlapped;
  }
  return {};
}

Replay replay(const PipelineSchedule& schedule, const PassTimes& times) {
  return replay(schedule, [&](const Op& op) { return time_of(op.pass, times); });
}

Replay replay(const PipelineSchedule& schedule, const OpTime& time) {
  Results results(schedule);
  Replay played{.start = std::vector<std::vector<Seconds>>(schedule.order.size()),
                .end = std::vector<Seconds>(schedule.order.size())};
  // Start times follow from the inputs alone, so ranks may be visited in any order until none gets on.
  for (bool got_on = true; got_on;) {
    got_on = false;
    for (std::size_t rank = 0; rank < schedule.order.size(); ++rank) {
      const std::vector<Op>& row = schedule.order[rank];
      while (played.start[rank].size() < row.size()) {
        const Op& op = row[played.start[rank].size()];
        const std::optional<Seconds> inputs = results.inputs_of(op);
        if (!inputs) break;
        const Seconds start = std::max(played.end[rank], *inputs), end = start + time(op);
        played.start[rank].push_back(start);
        played.end[rank] = end;
        if (runs_forward(op.pass)) results.forward(op.forward) = end;
        if (runs_backward(op.pass)) results.input_gradient(op.backward) = end;
        got_on = true;
      }
    }
  }
  return played;
}

ScheduleCost walk(const PipelineSchedule& schedule, const PassTimes& times) {
  const Replay played = replay(schedule, times);
  ScheduleCost cost;
  for (const Seconds end : played.end) cost.makespan = std::max(cost.makespan, end);
  for (const std::vector<Op>& row : schedule.order) {
    Seconds busy;
    for (const Op& op : row) busy += time_of(op.pass, times);
    cost.idle.push_back(cost.makespan - busy);
    cost.peak_chunks.push_back(peak_chunks(row));
  }
  return cost;
}

}  // namespace orrery
