#include "models/reference/model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "tests/models/reference/gradient_check.hpp"
#include "tests/models/reference/model_sample.hpp"

namespace orrery::reference {
namespace {

constexpr double allowed = 1e-6;

Context full_context(Ledger& ledger) { return {full_numerics, {}, ledger}; }

/// Loss of a sample with routing held.
double loss_of(const ModelSample<double>& s, const std::vector<Indices>& choice) {
  Ledger ledger;
  return s.total(evaluate(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), &choice));
}

// Every entry of every tensor of one model of each kind.
TEST(ModelGradients, AgreeWithCentralDifferencesEntryByEntry) {
  double worst = 0;
  for (const ModelKind kind : model_kinds) {
    ModelSample<double> s(kind, 1);
    Ledger ledger;
    ModelWeights<double> gradient = zeros_like(s.weights);
    const PassResult result =
        forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), gradient);
    std::vector<NamedTensor<double>> values = tensors_of(s.weights), analytic = tensors_of(gradient);
    for (std::size_t t = 0; t < values.size(); ++t) {
      // An expert that no token chose has no gradient on either side.
      const double error =
          gradient_error(values[t].values, analytic[t].values, [&] { return loss_of(s, result.choice); });
      EXPECT_LE(error, allowed) << int(kind) << " " << values[t].name;
      worst = std::max(worst, error);
    }
  }
  RecordProperty("worst_error_e12", int(worst * 1e12));
}

// Along a random direction of every tensor, 100 random models; the error over the norm of the tensor's
// gradient.
TEST(ModelGradients, AgreeWithCentralDifferencesAlongRandomDirections) {
  double worst = 0;
  for (int seed = 0; seed < 100; ++seed) {
    ModelSample<double> s(model_kinds[seed % 4], std::uint64_t(seed) + 10);
    Ledger ledger;
    ModelWeights<double> gradient = zeros_like(s.weights);
    const PassResult result =
        forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), gradient);
    RandomStream random(std::uint64_t(seed), {.owner = "test", .purpose = "directions"});
    std::vector<NamedTensor<double>> values = tensors_of(s.weights), analytic = tensors_of(gradient);
    for (std::size_t t = 0; t < values.size(); ++t) {
      const Vector<double> direction = any_vector<double>(random, values[t].values.size()).normalized();
      const Vector<double> kept = values[t].values;
      constexpr double h = 1e-5;
      values[t].values = kept + h * direction;
      const double above = loss_of(s, result.choice);
      values[t].values = kept - h * direction;
      const double below = loss_of(s, result.choice);
      values[t].values = kept;
      const double numeric = (above - below) / (2 * h), slope = analytic[t].values.dot(direction);
      const double size = analytic[t].values.norm();
      const double error = slope == numeric ? 0 : std::abs(slope - numeric) / size;
      EXPECT_LE(error, allowed) << "seed " << seed << " " << values[t].name;
      worst = std::max(worst, error);
    }
  }
  RecordProperty("worst_error_e12", int(worst * 1e12));
}

TEST(ModelGradients, NotANumberInAWeightIsSeenInTheLossAndEveryGradientCheck) {
  ModelSample<double> s(ModelKind::DeepSeekV3, 1);
  Ledger ledger;
  ModelWeights<double> gradient = zeros_like(s.weights);
  const PassResult healthy =
      forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), gradient);
  s.weights.final_norm[0] = std::nan("");
  EXPECT_TRUE(std::isnan(loss_of(s, healthy.choice)));
  const double error =
      gradient_error(s.weights.head, gradient.head, [&] { return loss_of(s, healthy.choice); });
  EXPECT_FALSE(error <= allowed);
}

template <class Real>
void expect_same_bits(ModelWeights<Real>& a, ModelWeights<Real>& b) {
  const auto left = tensors_of(a), right = tensors_of(b);
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t t = 0; t < left.size(); ++t)
    EXPECT_EQ(Vector<Real>(left[t].values), Vector<Real>(right[t].values)) << left[t].name;
}

TEST(Model, ComputingAgainGivesTheSameBitsAsKeeping) {
  constexpr Recompute recomputes[] = {
      {.norm = true}, {.up_projection = true}, {.activation = true}, {true, true, true}};
  for (const ModelKind kind : model_kinds) {
    for (const Numerics& numerics : {full_numerics, bf16_numerics, fp8_numerics}) {
      const ModelSample<float> s(kind, 3);
      const auto gradient_with = [&](const Recompute& recompute, Ledger& ledger) {
        ModelWeights<float> gradient = zeros_like(s.weights);
        forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, {numerics, recompute, ledger},
                         gradient);
        return gradient;
      };
      Ledger plain;
      ModelWeights<float> kept = gradient_with({}, plain);
      for (const Recompute& recompute : recomputes) {
        Ledger ledger;
        ModelWeights<float> again = gradient_with(recompute, ledger);
        expect_same_bits(kept, again);
        double kept_bytes = 0, plain_bytes = 0;
        for (std::size_t t = 0; t < std::size_t(KeptTensor::Count); ++t) {
          kept_bytes += ledger.kept(KeptTensor(t));
          plain_bytes += plain.kept(KeptTensor(t));
        }
        EXPECT_LE(kept_bytes, plain_bytes);
        if (!recompute.norm) continue;
        EXPECT_LT(kept_bytes, plain_bytes);
      }
    }
  }
}

/// The same model with experts renamed: the new expert e is the old one order[e].
ModelWeights<float> renamed(const ModelWeights<float>& weights, const std::vector<int>& order) {
  ModelWeights<float> made = weights;
  const auto rename = [&](MoeWeights<float>& to, const MoeWeights<float>& from) {
    for (std::size_t e = 0; e < to.expert.size(); ++e) {
      to.expert[e] = from.expert[std::size_t(order[e])];
      to.gate.centroid.row(Eigen::Index(e)) = from.gate.centroid.row(order[e]);
    }
  };
  for (std::size_t layer = 0; layer < made.block.size(); ++layer)
    rename(made.block[layer].moe, weights.block[layer].moe);
  for (std::size_t p = 0; p < made.predict.size(); ++p)
    rename(made.predict[p].block.moe, weights.predict[p].block.moe);
  return made;
}

TEST(Model, RenamingExpertsRenamesEveryResultBitByBit) {
  for (const ModelKind kind : {ModelKind::DeepSeekV3, ModelKind::DeepSeekV2Lite, ModelKind::Mixtral}) {
    const ModelSample<float> s(kind, 4);
    // Groups of two change places, and so do the two of each; without groups any order would do.
    const std::vector<int> order{3, 2, 7, 6, 0, 1, 5, 4};
    Biases biases = s.biases;
    for (std::size_t layer = 0; layer < biases.size(); ++layer) {
      for (std::size_t e = 0; e < order.size(); ++e)
        biases[layer][e] = s.biases[layer][std::size_t(order[e])];
    }
    const ModelWeights<float> weights = renamed(s.weights, order);
    Ledger ledger;
    ModelWeights<float> before = zeros_like(s.weights), after = zeros_like(s.weights);
    const PassResult a =
        forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), before);
    const PassResult b =
        forward_backward(s.shape, weights, biases, s.batch, s.rule, full_context(ledger), after);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.predict_loss, b.predict_loss);
    EXPECT_EQ(a.balance_loss, b.balance_loss);
    ModelWeights<float> expected = renamed(before, order);
    expect_same_bits(expected, after);
  }
}

TEST(Model, DropsNoToken) {
  const ModelSample<float> s(ModelKind::DeepSeekV3, 5, 3, 16);
  Ledger ledger;
  const PassResult result = evaluate(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger));
  ASSERT_EQ(result.choice.size(), 3u) << "two layers with experts and the MTP module's";
  const GateShape& gate = s.shape.experts->gate;
  for (const Indices& choice : result.choice) {
    const std::vector<std::int64_t> load = expert_load(choice, gate.experts);
    EXPECT_EQ(std::accumulate(load.begin(), load.end(), std::int64_t(0)), 3 * 16 * gate.per_token);
  }
}

TEST(Model, EvaluatesWhatItTrains) {
  for (const ModelKind kind : model_kinds) {
    const ModelSample<float> s(kind, 6);
    Ledger ledger;
    ModelWeights<float> gradient = zeros_like(s.weights);
    const PassResult trained =
        forward_backward(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger), gradient);
    const PassResult evaluated =
        evaluate(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger));
    EXPECT_EQ(trained.loss, evaluated.loss);
    EXPECT_EQ(trained.predict_loss, evaluated.predict_loss);
    EXPECT_EQ(trained.choice, evaluated.choice);
  }
}

TEST(Model, OfEqualLogitsLosesTheLogarithmOfTheVocabulary) {
  ModelSample<double> s(ModelKind::DeepSeekV3, 7);
  s.weights.head.setZero();
  Ledger ledger;
  const PassResult result = evaluate(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger));
  EXPECT_NEAR(result.loss, std::log(s.shape.vocabulary), 1e-14);
  EXPECT_NEAR(result.predict_loss, std::log(s.shape.vocabulary), 1e-14);
}

TEST(Model, ALaterTokenChangesNoEarlierPrediction) {
  // Two batches that differ in the last token alone: the losses of all but the last targets agree, so the
  // difference is that of the last target's logits.
  ModelSample<double> s(ModelKind::Llama, 8, 1, 6);
  Ledger ledger;
  std::vector<double> with;
  for (const std::int32_t last : {1, 2}) {
    s.tokens[7] = last;  // Beyond all inputs and targets: only the MTP module would see it.
    with.push_back(evaluate(s.shape, s.weights, s.biases, s.batch, s.rule, full_context(ledger)).loss);
  }
  EXPECT_EQ(with[0], with[1]);
}

// Greedy decoding: a model whose head prefers one token always says it, and so does its module.
TEST(SpeculativeAcceptance, IsWholeWhereEverythingIsForeseeable) {
  ModelSample<float> s(ModelKind::DeepSeekV3, 9, 4, 5);
  s.weights.head.setZero();
  const std::span<const std::int32_t> prompts(s.tokens.data(), 4 * 5);
  const Acceptance acceptance =
      speculative_acceptance(s.shape, s.weights, s.biases, prompts, 4, 5, 6, full_numerics);
  EXPECT_EQ(acceptance.drafted, 4 * 5) << "a draft of each of 4 prompts after every step but the last";
  EXPECT_EQ(acceptance.accepted, acceptance.drafted);
}

TEST(SpeculativeAcceptance, IsPartialForARandomModelAndTheSameEveryTime) {
  const ModelSample<float> s(ModelKind::DeepSeekV3, 10, 16, 5);
  const std::span<const std::int32_t> prompts(s.tokens.data(), 16 * 5);
  const auto accepted = [&] {
    return speculative_acceptance(s.shape, s.weights, s.biases, prompts, 16, 5, 8, full_numerics);
  };
  const Acceptance first = accepted(), second = accepted();
  EXPECT_EQ(first.accepted, second.accepted);
  EXPECT_GT(first.accepted, 0);
  EXPECT_LT(first.accepted, first.drafted);
}

}  // namespace
}  // namespace orrery::reference
