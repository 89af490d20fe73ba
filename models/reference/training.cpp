#include "models/reference/training.hpp"

#include <algorithm>
#include <cmath>

#include "sim/check.hpp"
#include "sim/random.hpp"

namespace orrery::reference {
namespace {

/// Linear warm-up, then a cosine down to 0.
double rate_at(const TrainingRequest& request, int step) {
  if (step < request.warm_up) return request.rate * (step + 1) / request.warm_up;
  const double share = double(step - request.warm_up) / std::max(1, request.steps - request.warm_up);
  return request.rate * 0.5 * (1 + std::cos(3.14159265358979323846 * share));
}

/// Whole until 40 % of the steps, then down to e^-3 of it: the weights move ever less, and small moves of the
/// bias then average the batches' noise out.
double bias_speed_at(const TrainingRequest& request, int step) {
  const double left = 1 - double(step + 1) / request.steps;
  return request.bias_speed * std::exp(-3 * std::max(0.0, 1 - left / 0.6));
}

std::vector<std::int32_t> draw_batch(const TrainingRequest& request, const Corpus& corpus, int step) {
  RandomStream random(request.seed, {.owner = "training", .purpose = "batch", .index = std::uint64_t(step)});
  const std::size_t each = std::size_t(request.length) + 2;
  std::vector<std::int32_t> tokens;
  for (int s = 0; s < request.sequences; ++s) {
    const std::size_t first = random.below(std::uint32_t(corpus.training.size() - each));
    tokens.insert(tokens.end(), corpus.training.begin() + std::ptrdiff_t(first),
                  corpus.training.begin() + std::ptrdiff_t(first + each));
  }
  return tokens;
}

LossRule loss_rule(const TrainingRequest& request) {
  LossRule rule;
  rule.predict_weight = request.predict_weight;
  if (request.balancing == Balancing::Bias && request.sequence_alpha > 0)
    rule.balance = {BalanceLoss::SequenceWise, request.sequence_alpha};
  if (request.balancing == Balancing::AuxiliaryLoss)
    rule.balance = {BalanceLoss::Classic, request.auxiliary_alpha};
  return rule;
}

/// The final norm's: every token passes it. From 1 to the next number that BF16 has.
void perturb(ModelWeights<float>& weights) { weights.final_norm[0] += 0x1p-7f; }

void evaluate_held_out(const TrainingRequest& request, const Corpus& corpus, TrainingRun& run) {
  Ledger ledger;
  const Context context{request.numerics, {}, ledger};
  const LossRule rule = loss_rule(request);
  const std::size_t each = std::size_t(request.length) + 2;
  const std::size_t batch = std::size_t(request.sequences);
  std::size_t sequences =
      std::size_t(request.held_out_tokens + request.length - 1) / std::size_t(request.length);
  sequences = std::min(sequences, corpus.held_out.size() / each);
  ORRERY_CHECK(sequences > 0);
  std::vector<std::vector<std::int32_t>> chosen;
  // Spread evenly over all that is held out, so that they are of every kind of text in it.
  const std::size_t stride = corpus.held_out.size() / sequences;
  for (std::size_t done = 0; done < sequences; done += batch) {
    const std::size_t now = std::min(batch, sequences - done);
    std::vector<std::int32_t> tokens;
    for (std::size_t s = done; s < done + now; ++s) {
      const auto first = corpus.held_out.begin() + std::ptrdiff_t(s * stride);
      tokens.insert(tokens.end(), first, first + std::ptrdiff_t(each));
    }
    const Batch part{tokens, int(now), request.length};
    const PassResult result = evaluate(request.shape, run.weights, run.biases, part, rule, context);
    const double share = double(now) / double(sequences);
    run.held_out_loss += share * result.loss;
    run.held_out_predict_loss += share * result.predict_loss;
    chosen.resize(result.choice.size());
    for (std::size_t layer = 0; layer < chosen.size(); ++layer) {
      const Indices& choice = result.choice[layer];
      chosen[layer].insert(chosen[layer].end(), choice.data(), choice.data() + choice.size());
    }
  }
  run.held_out_tokens = std::int64_t(sequences) * request.length;
  for (const std::vector<std::int32_t>& layer : chosen) {
    const GateShape& gate = request.shape.experts->gate;
    run.held_out_choice.push_back(
        Eigen::Map<const Indices>(layer.data(), run.held_out_tokens, gate.per_token));
    run.held_out_violation.push_back(max_violation(expert_load(run.held_out_choice.back(), gate.experts)));
  }
}

}  // namespace

TrainingRun train(const TrainingRequest& request, const Corpus& corpus,
                  const std::function<void(int)>& tick) {
  TrainingRun run;
  run.weights = initial_weights<float>(request.shape, 0.02, request.seed);
  if (request.start == TrainingRequest::Start::Perturbed) perturb(run.weights);
  run.biases = zero_biases(request.shape);
  run.violation.resize(run.biases.size());
  ModelWeights<float> gradient = zeros_like(run.weights);
  AdamState state = initial_state(run.weights);
  const LossRule rule = loss_rule(request);
  Ledger ledger;
  const Context context{request.numerics, {}, ledger};
  for (int step = 0; step < request.steps; ++step) {
    const std::vector<std::int32_t> tokens = draw_batch(request, corpus, step);
    const Batch batch{tokens, request.sequences, request.length};
    const PassResult result =
        forward_backward(request.shape, run.weights, run.biases, batch, rule, context, gradient);
    run.loss.push_back(result.loss);
    run.predict_loss.push_back(result.predict_loss);
    for (std::size_t layer = 0; layer < result.choice.size(); ++layer) {
      const std::vector<std::int64_t> load =
          expert_load(result.choice[layer], request.shape.experts->gate.experts);
      run.violation[layer].push_back(max_violation(load));
      if (request.balancing == Balancing::Bias)
        move_bias(run.biases[layer], load, bias_speed_at(request, step));
    }
    adam_step(request.adam, rate_at(request, step), run.weights, gradient, state);
    tick(step + 1);
  }
  evaluate_held_out(request, corpus, run);
  return run;
}

}  // namespace orrery::reference
