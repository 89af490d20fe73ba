#pragma once

#include <string>
#include <string_view>

namespace orrery {

/// The parts of a step under their summary keys, in the words of the published table.
struct StepPart {
  const char* label;
  const char* key;
};
constexpr StepPart step_parts[] = {{"forward (1F)", "forward_s"},
                                   {"backward (1B)", "input_backward_s"},
                                   {"weight gradients (1W)", "weight_backward_s"},
                                   {"overlapped pairs (1F1B)", "overlapped_s"},
                                   {"bubble", "bubble_s"},
                                   {"gradients and optimizer", "optimizer_s"},
                                   {"exposed all-to-all, in ops", "exposed_communication_s"}};

/// A summary key as a person would say it: "step.rank0.bubble_s" -> "bubble, rank 0",
/// "phases.pre-training.gpu_hours" -> "pre-training, GPU-hours". Keys without words of their own lose dots
/// and underscores.
std::string figure_label(std::string_view key);

/// A figure with the unit that its key ends in: 19.926 of "step.time_s" -> "19.93 s".
std::string figure_text(std::string_view key, double value);

/// Bills of large runs count GPU-hours in thousands: "2,664 K"; below ten thousand "16.68".
std::string gpu_hours_text(double hours);

}  // namespace orrery
