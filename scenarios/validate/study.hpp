#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/reference/training.hpp"
#include "scenarios/validate/court.hpp"

namespace orrery {

/// What one training of the study differs in from the others.
enum class Variant : std::uint8_t {
  Bf16,           ///< Bias balancing in BF16: what the others are held against.
  AuxiliaryLoss,  ///< BF16; the classic loss instead of the bias.
  NoBalancing,    ///< BF16
  Float32,        ///< Bias balancing
  Fp8,            ///< Bias balancing, DeepSeek-V3's recipe
  Perturbed,      ///< As Bf16, but one weight starts one unit in the last place (of BF16) higher: the noise
                  ///< floor.
  Fp8Perturbed,   ///< As Fp8, with the same start.
  Count
};
std::string_view variant_name(Variant variant);

/// Quick trainings are too short to be judged by the published figures; they are judged by the direction.
enum class Effort : std::uint8_t { Quick, Whole };

/// Trainings that the balance and the precision court share: each variant and seed is trained once.
struct StudyRequest {
  reference::TrainingRequest base;  ///< Sizes, rates, steps; what varies is set by the study.
  int seeds = 3;
  Effort effort = Effort::Whole;
  std::vector<Variant> variants;  ///< Those that the asked courts need.
  /// Beside these: one training of each way of balancing with the gate of the scenario's model, for traces.
  std::optional<reference::TrainingRequest> own_gate;
};
struct StudyRun {
  Variant variant;
  std::uint64_t seed;
  reference::TrainingRun run;
};

/// What was trained; `own_gate`: bias, auxiliary loss, none.
struct Study {
  std::vector<StudyRun> runs, own_gate;
};

/// One training a task on all threads of the arena it is called in; results in the order of seed and variant,
/// the same bits whatever the number of threads. Weights are kept of Bf16 runs alone.
Study run_study(const StudyRequest& request, const reference::Corpus& corpus, const ShareDone& share);

/// The runs of one variant, by seed.
std::vector<const reference::TrainingRun*> runs_of(const std::vector<StudyRun>& runs, Variant variant);

/// The mean of one figure of a variant's runs, and its standard error (0 of a single run).
struct Mean {
  double value = 0, error = 0;
  std::size_t count = 0;
};
/// "3.4331 ± 0.0021", times `scale`, with so many digits after the point; of a single run the value alone.
std::string in_words(const Mean& mean, int digits, double scale = 1);
Mean mean_of(const std::vector<double>& values);
Mean held_out_loss(const std::vector<StudyRun>& runs, Variant variant);

}  // namespace orrery
