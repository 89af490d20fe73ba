#include <algorithm>
#include <cmath>
#include <functional>

#include "models/memory/activations.hpp"
#include "models/reference/dispatch.hpp"
#include "models/training/step.hpp"
#include "scenarios/validate/cost_figures.hpp"
#include "scenarios/validate/cost_operations.hpp"
#include "scenarios/validate/cost_slices.hpp"

namespace orrery {
namespace {

using reference::KeptTensor;
using reference::Ledger;
using reference::Operation;
using reference::Pass;
using reference::Tally;

/// How often the whole does what the slice did.
double times(Operation operation, const Thinning& thinning) {
  const auto among = [&](std::initializer_list<Operation> some) {
    return std::find(some.begin(), some.end(), operation) != some.end();
  };
  if (among(
          {Operation::QueryUp, Operation::KeyValueUp, Operation::QueryKeyValue, Operation::AttentionOutput}))
    return thinning.heads;
  if (among({Operation::DenseUp, Operation::DenseActivation, Operation::DenseDown})) return thinning.width;
  return operation == Operation::Head ? thinning.vocabulary : 1;
}

struct KeptRow {
  KeptTensor tensor;
  Kept kind;
  int Thinning::*times;  ///< None: the slice has all of it.
};
constexpr KeptRow kept_rows[] = {
    {KeptTensor::NormInput, Kept::Residual, nullptr},
    {KeptTensor::NormOutput, Kept::LinearInput, nullptr},
    {KeptTensor::LatentOutput, Kept::LinearInput, nullptr},
    {KeptTensor::AttentionOutput, Kept::LinearInput, &Thinning::heads},
    {KeptTensor::HeadInput, Kept::LinearInput, nullptr},
    {KeptTensor::QueryLatent, Kept::Attention, nullptr},
    {KeptTensor::KeyValueLatent, Kept::Attention, nullptr},
    {KeptTensor::Queries, Kept::Attention, &Thinning::heads},
    {KeptTensor::Keys, Kept::Attention, &Thinning::heads},
    {KeptTensor::Values, Kept::Attention, &Thinning::heads},
    {KeptTensor::SoftmaxStatistics, Kept::Attention, &Thinning::heads},
    {KeptTensor::SharedGateUp, Kept::Ffn, nullptr},
    {KeptTensor::SharedActivated, Kept::Ffn, nullptr},
    {KeptTensor::DenseGateUp, Kept::Ffn, &Thinning::width},
    {KeptTensor::DenseActivated, Kept::Ffn, &Thinning::width},
    {KeptTensor::ExpertInput, Kept::Expert, nullptr},
    {KeptTensor::ExpertGateUp, Kept::Expert, nullptr},
    {KeptTensor::ExpertActivated, Kept::Expert, nullptr},
    {KeptTensor::GateScores, Kept::Router, nullptr},
    {KeptTensor::GateChoice, Kept::Router, nullptr},
    {KeptTensor::Logits, Kept::Loss, &Thinning::vocabulary},
};

double bytes_of(const Tally& tally) { return double(tally.bytes_read) + double(tally.bytes_written); }

/// Writes down what slices counted.
class Counter {
 public:
  Counter(const Transformer& model, std::int64_t tokens) : model_(model), tokens_(double(tokens)) {}

  void products(BlockKind kind, const CostSlice& slice) {
    for (const ProductRow& row : products_of(kind)) {
      for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient, Pass::Recompute}) {
        const std::uint64_t counted = slice.ledger.at(row.operation, pass).multiply_adds;
        if (counted == 0) continue;
        add({kind, std::string(row.word), pass_letter(pass)},
            2.0 * double(counted) * times(row.operation, slice.thinning) * scale(slice), Rule::Equal, 0, "1",
            "FLOPs");
      }
    }
  }

  void kept(BlockKind kind, const CostSlice& slice) {
    std::array<double, kept_kinds> sums{};
    for (const KeptRow& row : kept_rows) {
      const double factor = row.times == nullptr ? 1 : slice.thinning.*row.times;
      sums[std::size_t(row.kind)] += slice.ledger.kept(row.tensor) * factor * scale(slice);
    }
    for (std::size_t k = 0; k < kept_kinds; ++k) {
      if (sums[k] == 0) continue;
      const bool formats = Kept(k) == Kept::Router || Kept(k) == Kept::Loss;
      add({kind, "kept: " + std::string(kept_name(Kept(k))), ""}, sums[k],
          formats ? Rule::Beside : Rule::Equal, 0, "B",
          formats ? "bytes; frameworks keep wider formats" : "bytes");
    }
  }

  void norms_backward(BlockKind kind, const CostSlice& slice) {
    double widths = 2.0 * model_.hidden;
    if (model_.latent) widths += model_.latent->query_rank + model_.latent->key_value_rank;
    add({kind, "norms", "B"}, bytes_of(slice.ledger.at(Operation::Norm, Pass::InputGradient)) * scale(slice),
        Rule::Interval, 4 * widths * scale(slice), "B", "bytes; within the norms' weights");
  }

  void activation(BlockKind kind, Operation operation, std::string what, const CostSlice& slice, bool fused) {
    const double bytes = bytes_of(slice.ledger.at(operation, Pass::Forward));
    if (bytes == 0) return;
    add({kind, std::move(what), "F"}, bytes * times(operation, slice.thinning) * scale(slice),
        fused ? Rule::Beside : Rule::Equal, 0, "B",
        fused ? "bytes; the trace's kernel casts apart" : "bytes");
  }

  void dispatch(const CostSlice& slice, const reference::Numerics& numerics) {
    const double back = numerics.other == reference::Precision::Full ? 4 : 2;
    for (const Pass pass : {Pass::Forward, Pass::InputGradient}) {
      // Written: what rows take on their way, and each token's sum; the rest is what they take back.
      const Tally& tally = slice.ledger.at(Operation::Dispatch, pass);
      const double out = double(tally.bytes_written) - back * model_.hidden * slice.tokens;
      const double rows = double(slice.expert_rows);
      add({BlockKind::Moe, "dispatch, a row", pass_letter(pass)}, out / rows, Rule::Equal, 0, "B", "bytes");
      add({BlockKind::Moe, "combine, a row", pass_letter(pass)}, (double(tally.bytes_read) - out) / rows,
          Rule::Equal, 0, "B", "bytes");
    }
  }

  void core(BlockKind kind, const CostSlice& slice, int length, int sequences) {
    double forward = 0, backward = 0;
    for (const Operation operation : {Operation::AttentionScores, Operation::AttentionMix}) {
      forward += double(slice.ledger.at(operation, Pass::Forward).multiply_adds);
      for (const Pass pass : {Pass::InputGradient, Pass::WeightGradient, Pass::Recompute})
        backward += double(slice.ledger.at(operation, pass).multiply_adds);
    }
    const double whole = 2.0 * slice.thinning.heads * sequences;
    const std::string note = "FLOPs at " + std::to_string(length) + " tokens; within the half diagonal";
    add({kind, "attention core", "F"}, forward * whole, Rule::Interval, forward * whole / length, "1", note);
    add({kind, "attention core", "B"}, backward * whole, Rule::Interval, backward * whole / length, "1",
        note);
  }

  void ends(const CostSlice& slice) {
    const double numbers = 4.0 * tokens_;
    add({BlockKind::Embedding, "embedding", "F"},
        bytes_of(slice.ledger.at(Operation::Embedding, Pass::Forward)) * scale(slice), Rule::Interval,
        numbers, "B", "bytes; within the tokens' numbers");
    add({BlockKind::Embedding, "embedding", "W"},
        bytes_of(slice.ledger.at(Operation::Embedding, Pass::WeightGradient)) * scale(slice), Rule::Interval,
        numbers, "B", "bytes; within the tokens' numbers");
  }

  /// Where the tokens' copies go.
  void routing(const TrainingPlan& plan, const reference::Indices& choices) {
    const reference::Placement placement{.ranks = plan.expert, .ranks_per_node = plan.node.gpus};
    const reference::Copies copies = count_copies(choices, model_.experts->routed, placement);
    const auto tokens = double(choices.rows());
    double rows = 0;
    for (const std::int64_t of_expert : copies.expert_rows) rows += double(of_expert);
    add({BlockKind::Moe, "rows a token", ""}, rows / tokens, Rule::Equal, 0, "1", "no token is dropped");
    add_mean("nodes a token", copies.nodes_of_token);
    add_mean("ranks a token", copies.ranks_of_token);
  }

  /// The fullest expert of as many tokens as a rank routes at a time.
  void fullest(const reference::Indices& choices, int tokens) {
    const Eigen::Index chunks = choices.rows() / tokens;
    std::vector<double> fullest;
    for (Eigen::Index c = 0; c < chunks; ++c) {
      const reference::Indices chunk = choices.middleRows(c * tokens, tokens);
      fullest.push_back(1 + reference::max_violation(reference::expert_load(chunk, model_.experts->routed)));
    }
    if (fullest.empty()) return;
    double mean = 0;
    for (const double f : fullest) mean += f / double(chunks);
    // Its spread is the simulator's to say: from many samples.
    add({BlockKind::Moe, "fullest expert over mean", ""}, mean, Rule::Interval, 0, "1",
        std::to_string(chunks) + (chunks == 1 ? " micro-batch of " : " micro-batches of ") +
            std::to_string(tokens) + " tokens");
  }

  std::vector<CountedFigure> taken() { return std::move(figures_); }

 private:
  double scale(const CostSlice& slice) const { return tokens_ / slice.tokens; }

  struct Name {
    BlockKind kind;
    std::string what;
    std::string_view pass;
  };

  void add(Name name, double value, Rule rule, double tolerance, std::string unit, std::string note,
           double error = 0) {
    CountedFigure figure;
    figure.block = block_word(name.kind);
    figure.what = std::move(name.what);
    figure.pass = name.pass;
    figure.value = value;
    figure.error = error;
    figure.rule = rule;
    figure.tolerance = tolerance;
    figure.unit = std::move(unit);
    figure.note = std::move(note);
    figures_.push_back(std::move(figure));
  }

  void add_mean(std::string what, const std::vector<std::int32_t>& of_token) {
    const auto count = double(of_token.size());
    double mean = 0, squares = 0;
    for (const std::int32_t n : of_token) mean += n / count;
    for (const std::int32_t n : of_token) squares += (n - mean) * (n - mean);
    add({BlockKind::Moe, std::move(what), ""}, mean, Rule::Interval, 0, "1",
        std::to_string(of_token.size()) + " tokens; within four standard errors",
        std::sqrt(squares / (count - 1) / count));
  }

  const Transformer& model_;
  double tokens_;  ///< Of the micro-batch.
  std::vector<CountedFigure> figures_;
};

reference::Numerics numerics_of(const WorkShape& shape) {
  return shape.precision == Precision::Fp8 ? reference::fp8_numerics : reference::bf16_numerics;
}

/// The most tokens up to `most` that make the micro-batch a whole number of times.
int dividing(std::int64_t whole, int most) {
  int tokens = int(std::min<std::int64_t>(whole, most));
  while (whole % tokens != 0) --tokens;
  return tokens;
}

}  // namespace

CountedCosts counted_costs(const TrainingPlan& plan, const CostSample& sample, const ShareDone& share) {
  const WorkShape shape = comparable_shape(plan);
  SliceRequest request{.model = &plan.model,
                       .numerics = numerics_of(shape),
                       .recompute = {.norm = shape.recompute.norm,
                                     .up_projection = shape.recompute.up_projection,
                                     .activation = shape.recompute.activation},
                       .sample = sample};
  request.sample.tokens = dividing(shape.tokens(), sample.tokens);
  // Where nothing depends on how many there are, fewer tokens say the same.
  SliceRequest light = request;
  light.sample.tokens = dividing(shape.tokens(), std::max(1, sample.tokens / 4));
  const bool fp8 = shape.precision == Precision::Fp8;
  CountedCosts counted;
  counted.sizes.core_length = std::min(sample.core_length, shape.sequence);
  Counter counter(plan.model, shape.tokens());
  const std::vector<BlockKind> kinds = comparable_blocks(plan);
  double done = 0;
  const auto tick = [&] { share(++done / double(kinds.size() + 1)); };
  share(0);
  for (const BlockKind kind : kinds) {
    if (kind == BlockKind::Dense) {
      const CostSlice slice = dense_slice(light);
      counter.products(kind, slice);
      counter.norms_backward(kind, slice);
      counter.activation(kind, Operation::DenseActivation, "SwiGLU", slice, fp8);
      counter.kept(kind, slice);
    }
    if (kind == BlockKind::Moe) {
      const CostSlice slice = experts_slice(request);
      counted.sizes.expert_rows = slice.expert_rows * (shape.tokens() / slice.tokens);
      counter.products(kind, slice);
      counter.norms_backward(kind, slice);
      counter.activation(kind, Operation::ExpertActivation, "experts' SwiGLU", slice, fp8);
      counter.kept(kind, slice);
      counter.dispatch(slice, request.numerics);
    }
    if (kind == BlockKind::Predict) counter.products(kind, projection_slice(light));
    if (kind == BlockKind::Head) {
      const CostSlice slice = ends_slice(light);
      counter.products(kind, slice);
      counter.kept(kind, slice);
      counter.ends(slice);
    }
    tick();
  }
  const CostSlice core = core_slice(request, counted.sizes.core_length);
  for (const BlockKind kind : kinds) {
    if (kind == BlockKind::Dense || kind == BlockKind::Moe)
      counter.core(kind, core, counted.sizes.core_length, shape.micro_batch);
  }
  if (plan.model.experts) {
    const reference::Indices choices = routed_choices(request, sample.routing_tokens);
    counter.routing(plan, choices);
    counter.fullest(choices, tokens_to_route(plan));
  }
  tick();
  counted.figures = counter.taken();
  return counted;
}

}  // namespace orrery
