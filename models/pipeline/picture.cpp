#include <algorithm>
#include <string>

#include "models/pipeline/walk.hpp"

namespace orrery {
namespace {

/// a, b, ..., z, aa, ab, ...
std::string letters(int index) {
  std::string text;
  for (int rest = index; rest >= 0; rest = rest / 26 - 1) text.insert(text.begin(), char('a' + rest % 26));
  return text;
}

/// [path][stage] -> the letter that tells the stage from the others of its path on its rank, if any.
using StageLetters = std::vector<std::vector<std::string>>;

StageLetters stage_letters(const PipelineSchedule& schedule) {
  StageLetters of_path;
  for (const std::vector<int>& path : schedule.paths) {
    std::vector<int> stages_on(schedule.ranks), seen(schedule.ranks);
    for (const int rank : path) ++stages_on[rank];
    std::vector<std::string> of_stage;
    for (const int rank : path) of_stage.push_back(stages_on[rank] > 1 ? letters(seen[rank]++) : "");
    of_path.push_back(std::move(of_stage));
  }
  return of_path;
}

/// Writes ops of one schedule as labels.
struct Labels {
  const PipelineSchedule& schedule;
  StageLetters stage_letter = stage_letters(schedule);

  std::string of(Chunk chunk) const {
    const int path = schedule.path_of[chunk.micro_batch];
    return std::to_string(chunk.micro_batch) + stage_letter[path][chunk.stage];
  }
  std::string of(const Op& op) const {
    switch (op.pass) {
      case Pass::Forward:
        return "F" + of(op.forward);
      case Pass::Backward:
        return "B" + of(op.backward);
      case Pass::InputBackward:
        return "I" + of(op.backward);
      case Pass::WeightBackward:
        return "W" + of(op.backward);
      case Pass::Overlapped:
        return "F" + of(op.forward) + "&B" + of(op.backward);
    }
    return {};
  }
};

constexpr PassTimes columns{.forward = Seconds(1),
                            .input_backward = Seconds(1),
                            .weight_backward = Seconds(1),
                            .overlapped = Seconds(3)};

int columns_of(Pass pass) { return int(time_of(pass, columns).value()); }

/// Characters a column: the longest label and a blank must fit in the columns of its pass.
int column_width(const PipelineSchedule& schedule, const Labels& labels) {
  int width = 0;
  for (const std::vector<Op>& row : schedule.order) {
    for (const Op& op : row) {
      const int needed = int(labels.of(op).size()) + 1, across = columns_of(op.pass);
      width = std::max(width, (needed + across - 1) / across);
    }
  }
  return width;
}

}  // namespace

std::vector<std::string> op_labels(const PipelineSchedule& schedule, int rank) {
  const Labels labels{schedule};
  std::vector<std::string> row;
  for (const Op& op : schedule.order[std::size_t(rank)]) row.push_back(labels.of(op));
  return row;
}

std::string picture(const PipelineSchedule& schedule) {
  const Labels labels{schedule};
  std::string text;
  for (const std::vector<Op>& row : schedule.order) {
    std::string line;
    for (const Op& op : row) line += (line.empty() ? "" : " ") + labels.of(op);
    text += line + "\n";
  }
  return text;
}

std::string gantt(const PipelineSchedule& schedule) {
  const Labels labels{schedule};
  const int width = column_width(schedule, labels);
  const Replay played = replay(schedule, columns);
  std::string text;
  for (std::size_t rank = 0; rank < schedule.order.size(); ++rank) {
    std::string line;
    for (std::size_t i = 0; i < played.start[rank].size(); ++i) {
      const Op& op = schedule.order[rank][i];
      const std::size_t start = std::size_t(played.start[rank][i].value()) * width;
      if (line.size() < start) line.resize(start, ' ');
      std::string label = labels.of(op);
      label.resize(std::size_t(columns_of(op.pass)) * width - 1, columns_of(op.pass) > 1 ? '-' : ' ');
      line += label + " ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace orrery
