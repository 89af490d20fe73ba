#include "scenarios/validate/precision_court.hpp"

#include <fmt/format.h>

#include <cmath>

#include "reports/numbers.hpp"
#include "scenarios/validate/precision_evidence.hpp"

namespace orrery {
namespace {

using reference::TrainingRun;

constexpr Variant precisions[] = {Variant::Float32, Variant::Bf16, Variant::Perturbed, Variant::Fp8,
                                  Variant::Fp8Perturbed};

/// [seed] held-out loss, the mean of the trainings of some variants.
std::vector<double> losses(const std::vector<StudyRun>& runs, std::initializer_list<Variant> variants) {
  std::vector<double> of_seed;
  for (const Variant variant : variants) {
    const std::vector<const TrainingRun*> found = runs_of(runs, variant);
    of_seed.resize(found.size());
    for (std::size_t seed = 0; seed < found.size(); ++seed)
      of_seed[seed] += found[seed]->held_out_loss / double(variants.size());
  }
  return of_seed;
}

/// Mean over seeds of (a - b) / b.
Mean relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> differences;
  for (std::size_t seed = 0; seed < a.size(); ++seed) differences.push_back((a[seed] - b[seed]) / b[seed]);
  return mean_of(differences);
}

/// The largest |difference| of any seed and precision: what one unit in the last place grows to.
double noise_floor(const std::vector<StudyRun>& runs) {
  double floor = 0;
  for (const auto& [plain, perturbed] :
       {std::pair{Variant::Bf16, Variant::Perturbed}, std::pair{Variant::Fp8, Variant::Fp8Perturbed}}) {
    const std::vector<double> a = losses(runs, {perturbed}), b = losses(runs, {plain});
    for (std::size_t seed = 0; seed < a.size(); ++seed)
      floor = std::max(floor, std::abs(a[seed] / b[seed] - 1));
  }
  return floor;
}

Table losses_table(const std::vector<StudyRun>& runs) {
  std::vector<std::string> names;
  std::vector<std::int64_t> seeds;
  std::vector<double> loss, predict;
  for (const Variant variant : precisions) {
    for (const StudyRun& run : runs) {
      if (run.variant != variant) continue;
      names.emplace_back(variant_name(variant));
      seeds.push_back(std::int64_t(run.seed));
      loss.push_back(run.run.held_out_loss);
      predict.push_back(run.run.held_out_predict_loss);
    }
  }
  return {
      "precision_losses",
      "held-out losses after the same training in other arithmetic",
      {{"training", "", "balancing and precision", names},
       {"seed", "1", "of weights and batches", seeds},
       {"loss_nats", "1", "cross-entropy of the next token", loss},
       {"predict_loss_nats", "1", "of the second next, by the prediction module; 0: it has none", predict}}};
}

/// Loss of the training batch, mean over seeds, step by step.
Table curves_table(const std::vector<StudyRun>& runs) {
  Table table{"precision_curves", "loss of the training batch, mean over seeds", {}};
  const std::size_t steps = runs.front().run.loss.size();
  std::vector<std::int64_t> number(steps);
  for (std::size_t i = 0; i < steps; ++i) number[i] = std::int64_t(i) + 1;
  table.columns.push_back({"step", "1", "optimizer step", std::move(number)});
  constexpr const char* keys[] = {"loss_fp32", "loss_bf16", "loss_bf16_perturbed", "loss_fp8",
                                  "loss_fp8_perturbed"};
  for (std::size_t v = 0; v < std::size(precisions); ++v) {
    const std::vector<const TrainingRun*> of = runs_of(runs, precisions[v]);
    std::vector<double> mean(steps, 0.0);
    for (const TrainingRun* run : of) {
      for (std::size_t i = 0; i < steps; ++i) mean[i] += run->loss[i] / double(of.size());
    }
    table.columns.push_back({keys[v], "1", std::string(variant_name(precisions[v])), std::move(mean)});
  }
  return table;
}

Section losses_picture(const std::vector<StudyRun>& runs) {
  Grid grid;
  grid.headings = {{"training", Align::Left}, {"held-out loss, nats"}, {"over BF16, %"}};
  for (const Variant variant : precisions) {
    const Mean loss = held_out_loss(runs, variant);
    const Mean over = relative_difference(losses(runs, {variant}), losses(runs, {Variant::Bf16}));
    grid.rows.push_back({std::string(variant_name(variant)), in_words(loss, 4), in_words(over, 3, 100)});
  }
  return {"The same training in other arithmetic, means over seeds", {grid}};
}

void hear_losses(Court& court, const StudyRequest& request, const std::vector<StudyRun>& runs) {
  const bool whole = request.effort == Effort::Whole;
  // Each precision is the mean of two trainings a seed: one alone is known no better than the noise floor.
  const std::vector<double> bf16 = losses(runs, {Variant::Bf16, Variant::Perturbed});
  const std::vector<double> fp8 = losses(runs, {Variant::Fp8, Variant::Fp8Perturbed});
  const Mean fp8_over = relative_difference(fp8, bf16);
  const Mean bf16_over = relative_difference(bf16, losses(runs, {Variant::Float32}));
  const double floor = noise_floor(runs);
  auto add = [&](Evidence evidence) { court.evidence.push_back(std::move(evidence)); };
  add({"FP8 over BF16, |held-out loss difference|", std::abs(fp8_over.value), whole ? 0.0025 : 0.02,
       Rule::AtMost, 0, "1",
       whole ? fmt::format("published: below 0.25 % (arXiv 2412.19437, B.1); {} seeds of two trainings: {} %",
                           request.seeds, in_words(fp8_over, 3, 100))
             : "a quick training; a whole one is held against 0.25 %"});
  add({"noise floor: one unit in the last place, worst seed", floor, std::nullopt, Rule::Beside, 0, "1",
       "the same training with one weight a BF16 unit higher, BF16 and FP8"});
  add({"BF16 over FP32, held-out loss difference", bf16_over.value, std::nullopt, Rule::Beside, 0, "1",
       in_words(bf16_over, 3, 100) + " %"});
}

/// Prompts from all over the held-out text; greedy decoding by the first seed's BF16 model.
void hear_acceptance(Court& court, const StudyRequest& request, const std::vector<StudyRun>& runs,
                     const reference::Corpus& corpus) {
  if (request.base.shape.predict_layers == 0) return;
  const int prompts = request.effort == Effort::Whole ? 128 : 32, length = request.base.length,
            generated = 24;
  std::vector<std::int32_t> tokens;
  const std::size_t stride = (corpus.held_out.size() - std::size_t(length)) / std::size_t(prompts);
  for (std::size_t p = 0; p < std::size_t(prompts); ++p) {
    const auto first = corpus.held_out.begin() + std::ptrdiff_t(p * stride);
    tokens.insert(tokens.end(), first, first + length);
  }
  const TrainingRun& run = *runs_of(runs, Variant::Bf16).front();
  const reference::Acceptance acceptance =
      reference::speculative_acceptance(request.base.shape, run.weights, run.biases, tokens, prompts, length,
                                        generated, reference::bf16_numerics);
  court.evidence.push_back(
      {"second-token acceptance", double(acceptance.accepted) / double(acceptance.drafted), 0.875,
       Rule::Beside, 0, "1",
       fmt::format(
           "published: 85 to 90 % (arXiv 2412.19437, 5.4.3) after 14.8 T tokens; a small model differs; "
           "{} drafts",
           grouped(acceptance.drafted))});
}

}  // namespace

Court precision_court(const StudyRequest& request, const std::vector<StudyRun>& runs,
                      const reference::Corpus& corpus, const ShareDone& share) {
  Court court{.name = "precision",
              .title = "Precision: FP8 and BF16 against FP32",
              .evidence = {},
              .tables = {losses_table(runs), curves_table(runs)},
              .sections = {losses_picture(runs)}};
  share(0);
  hear_losses(court, request, runs);
  hear_acceptance(court, request, runs, corpus);
  share(0.5);
  hear_accumulators(court, request.effort);
  share(0.8);
  hear_scaling(court, request.effort);
  share(1);
  return court;
}

}  // namespace orrery
