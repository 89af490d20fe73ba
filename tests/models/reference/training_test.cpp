#include "models/reference/training.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "models/reference/number_format.hpp"
#include "tests/models/reference/model_sample.hpp"

namespace orrery::reference {
namespace {

// --- AdamW ---

/// The header's formulas, one number at a time in double.
struct PlainAdam {
  std::vector<std::vector<double>> weight, first, second;
  int step = 0;

  explicit PlainAdam(ModelWeights<float>& weights) {
    for (const NamedTensor<float>& tensor : tensors_of(weights)) {
      weight.emplace_back(tensor.values.data(), tensor.values.data() + tensor.values.size());
      first.emplace_back(weight.back().size(), 0.0);
      second.emplace_back(weight.back().size(), 0.0);
    }
  }
  void move(const AdamRule& rule, double rate, ModelWeights<float>& gradient) {
    const std::vector<NamedTensor<float>> g = tensors_of(gradient);
    double squares = 0;
    for (const NamedTensor<float>& tensor : g)
      for (const float value : tensor.values) squares += double(value) * value;
    const double shrink = std::min(1.0, rule.largest_norm / std::sqrt(squares));
    ++step;
    for (std::size_t t = 0; t < g.size(); ++t) {
      for (std::size_t i = 0; i < weight[t].size(); ++i) {
        const double slope = shrink * g[t].values[Eigen::Index(i)];
        double &m = first[t][i], &v = second[t][i], &w = weight[t][i];
        m = rule.beta1 * m + (1 - rule.beta1) * slope;
        v = rule.beta2 * v + (1 - rule.beta2) * slope * slope;
        if (g[t].decays) w *= 1 - rate * rule.decay;
        w -= rate * m / (1 - std::pow(rule.beta1, step)) /
             (std::sqrt(v / (1 - std::pow(rule.beta2, step))) + rule.epsilon);
        if (rule.moments == AdamRule::Moments::Bf16) {
          m = rounded(bf16, float(m));
          v = rounded(bf16, float(v));
        }
      }
    }
  }
};

TEST(Adam, MovesAsItsFormulasSay) {
  for (const auto moments : {AdamRule::Moments::Full, AdamRule::Moments::Bf16}) {
    for (const double largest_norm : {0.5, 1e9}) {  // Clipped, and not.
      ModelSample<float> s(ModelKind::DeepSeekV3, 1);
      ModelWeights<float> gradient = zeros_like(s.weights);
      AdamState state = initial_state(s.weights);
      PlainAdam plain(s.weights);
      AdamRule rule;
      rule.moments = moments;
      rule.largest_norm = largest_norm;
      RandomStream random(2, {.owner = "test", .purpose = "gradients"});
      for (int step = 0; step < 5; ++step) {
        for (NamedTensor<float>& tensor : tensors_of(gradient))
          for (float& value : tensor.values) value = float(random.normal());
        plain.move(rule, 1e-2, gradient);
        adam_step(rule, 1e-2, s.weights, gradient, state);
        for (const NamedTensor<float>& tensor : tensors_of(gradient)) EXPECT_TRUE(tensor.values.isZero(0));
      }
      // BF16 moments: a last place in float may decide a rounding, 2^-9 of a moment, of a step of 0.01.
      const double allowed = moments == AdamRule::Moments::Full ? 2e-6 : 1e-4;
      const auto values = tensors_of(s.weights);
      for (std::size_t t = 0; t < values.size(); ++t)
        for (Eigen::Index i = 0; i < values[t].values.size(); ++i)
          EXPECT_NEAR(values[t].values[i], plain.weight[t][std::size_t(i)], allowed) << values[t].name;
    }
  }
}

TEST(Adam, DecaysMatricesAloneWhenThereIsNoGradient) {
  ModelSample<float> s(ModelKind::Llama, 1);
  ModelWeights<float> before = s.weights, gradient = zeros_like(s.weights);
  AdamState state = initial_state(s.weights);
  adam_step({}, 0.5, s.weights, gradient, state);
  const auto now = tensors_of(s.weights), then = tensors_of(before);
  for (std::size_t t = 0; t < now.size(); ++t) {
    const float keep = now[t].decays ? float(1 - 0.5 * 0.1) : 1.0f;
    EXPECT_EQ(Vector<float>(now[t].values), Vector<float>(keep * then[t].values)) << now[t].name;
  }
}

// --- Training ---

const Corpus& corpus() {
  static const Corpus read = [] {
    std::string text;
    RandomStream random(3, {.owner = "test", .purpose = "text"});
    for (int i = 0; i < 30'000; ++i) {
      const std::uint32_t word = random.below(200);
      for (const std::uint32_t w : {word, word * 7 % 200})
        text += std::string(" ") + char('a' + w % 23) + char('a' + w / 16) + char('a' + w * 5 % 19);
    }
    return read_corpus(text, 600, 1000, 1000).value;
  }();
  return read;
}

TrainingRequest small_request() {
  TrainingRequest request;
  RandomStream random(4, {.owner = "test", .purpose = "shape"});
  request.shape = tiny_shape(ModelKind::DeepSeekV3, random);
  request.shape.vocabulary = corpus().encoding.vocabulary();
  request.shape.hidden = 16;
  request.numerics = bf16_numerics;
  request.rate = 1e-2;
  request.steps = 60;
  request.warm_up = 5;
  request.sequences = 8;
  request.length = 16;
  request.held_out_tokens = 1024;
  request.seed = 1;
  return request;
}

TrainingRun trained(const TrainingRequest& request) {
  return train(request, corpus(), [](int) {});
}

TEST(Training, LearnsAndTellsItsProgress) {
  int last = 0, ticks = 0;
  const TrainingRun run = train(small_request(), corpus(), [&](int step) {
    EXPECT_EQ(step, last + 1);
    last = step;
    ++ticks;
  });
  EXPECT_EQ(ticks, 60);
  EXPECT_NEAR(run.loss.front(), std::log(corpus().encoding.vocabulary()), 0.1)
      << "nothing known: evenly spread";
  EXPECT_LT(run.held_out_loss, run.loss.front() - 0.3);
  EXPECT_LT(run.held_out_predict_loss, run.predict_loss.front() - 0.3);
  EXPECT_EQ(run.held_out_tokens, 1024);
  ASSERT_EQ(run.held_out_choice.size(), 3u);
  for (const Indices& choice : run.held_out_choice) EXPECT_EQ(choice.rows(), 1024);
}

TEST(Training, IsAFunctionOfItsRequest) {
  TrainingRequest request = small_request();
  request.steps = 10;
  const TrainingRun a = trained(request), b = trained(request);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.held_out_loss, b.held_out_loss);
  request.seed = 2;
  EXPECT_NE(trained(request).loss, a.loss);
}

TEST(Training, APerturbedStartDiffersFromTheFirstBatchOnByLittle) {
  TrainingRequest request = small_request();
  request.steps = 3;
  request.numerics = full_numerics;
  const TrainingRun plain = trained(request);
  request.start = TrainingRequest::Start::Perturbed;
  const TrainingRun perturbed = trained(request);
  EXPECT_NE(plain.loss[0], perturbed.loss[0]) << "every token passes the weight";
  EXPECT_NEAR(plain.loss[0], perturbed.loss[0], 1e-3);
}

TEST(Training, OnlyBiasBalancingMovesTheBias) {
  for (const Balancing balancing : {Balancing::Bias, Balancing::AuxiliaryLoss, Balancing::None}) {
    TrainingRequest request = small_request();
    request.steps = 5;
    request.balancing = balancing;
    double moved = 0;
    for (const SelectionBias& bias : trained(request).biases)
      for (const double value : bias) moved += std::abs(value);
    EXPECT_EQ(moved > 0, balancing == Balancing::Bias);
  }
}

TEST(Training, BiasBalancingEvensOutWhatNothingElseDoes) {
  TrainingRequest request = small_request();
  request.bias_speed = 0.02;
  const auto violation = [&](Balancing balancing) {
    request.balancing = balancing;
    double mean = 0;
    const TrainingRun run = trained(request);
    for (const double layer : run.held_out_violation) mean += layer / double(run.held_out_violation.size());
    return mean;
  };
  EXPECT_LT(violation(Balancing::Bias), violation(Balancing::None) / 2);
}

}  // namespace
}  // namespace orrery::reference
