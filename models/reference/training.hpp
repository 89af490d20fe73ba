#pragma once

#include <functional>

#include "models/reference/adam.hpp"
#include "models/reference/text.hpp"

namespace orrery::reference {

enum class Balancing { Bias, AuxiliaryLoss, None };

/// One small training run.
struct TrainingRequest {
  ModelShape shape;
  Numerics numerics;
  Balancing balancing = Balancing::Bias;
  double bias_speed = 0.01;       ///< Falls to a twentieth over the last 60 % of the run; V3's went to 0.
  double auxiliary_alpha = 0.01;  ///< Of the classic loss under AuxiliaryLoss.
  double sequence_alpha = 1e-4;   ///< Of V3's sequence-wise loss under Bias.
  double predict_weight = 0.3;
  AdamRule adam;
  double rate = 2e-3;  ///< Largest learning rate: linear warm-up, cosine to 0.
  int steps = 0, warm_up = 0;
  int sequences = 0, length = 0;  ///< Of a batch.
  std::int64_t held_out_tokens = 32'768;
  std::uint64_t seed = 0;
  /// Perturbed: one weight starts one unit in the last place of BF16 higher: the noise floor's control.
  enum class Start { Plain, Perturbed } start = Start::Plain;
};

struct TrainingRun {
  std::vector<double> loss, predict_loss;      ///< [step] of the training batch.
  std::vector<std::vector<double>> violation;  ///< [MoE layer][step] MaxVio of the batch.
  double held_out_loss = 0, held_out_predict_loss = 0;
  std::vector<double> held_out_violation;  ///< [MoE layer] with the bias frozen.
  std::vector<Indices> held_out_choice;    ///< [MoE layer] [tokens, per_token]: the routing trace.
  std::int64_t held_out_tokens = 0;
  ModelWeights<float> weights;
  Biases biases;
};

/// Trains from scratch; a pure function of request and corpus. `tick` is told the finished steps.
TrainingRun train(const TrainingRequest& request, const Corpus& corpus, const std::function<void(int)>& tick);

}  // namespace orrery::reference
