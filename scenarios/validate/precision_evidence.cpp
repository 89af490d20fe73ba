#include "scenarios/validate/precision_evidence.hpp"

#include <fmt/format.h>

#include <cmath>

#include "models/reference/precision_experiments.hpp"

namespace orrery {
namespace {

using reference::AccumulatorRule;
using reference::Inputs;
using reference::ProductErrors;
using reference::ProductSize;
using reference::Truncation;

constexpr double published = 0.02;  // arXiv 2412.19437, section 3.3.2: "nearly 2 %".

struct Reading {
  const char* name;
  AccumulatorRule rule;
};
/// What of the published sentence can be read two ways, and the group in which the second comes near.
constexpr Reading readings[] = {{"every addend cut, 32 at once", {Truncation::EveryAddend}},
                                {"the sum cut, 32 at once", {Truncation::Sum}},
                                {"the sum cut, 4 at once", {Truncation::Sum, 0, 4}}};
constexpr std::size_t judged_readings = 2;  ///< The published ones: 32 products at once.

struct Measured {
  ProductErrors alone, promoted;
};

ProductSize size_of(Effort effort) {
  return effort == Effort::Whole ? ProductSize{64, 64, 4096} : ProductSize{16, 16, 4096};
}

Measured measured(Effort effort, Inputs inputs, AccumulatorRule rule) {
  Measured m;
  m.alone = accumulator_errors(size_of(effort), inputs, rule, 1);
  rule.promotion = 128;
  m.promoted = accumulator_errors(size_of(effort), inputs, rule, 1);
  return m;
}

std::string percent(double share) { return fmt::format("{:.3f} %", 100 * share); }

void add(Court& court, std::string figure, double value, std::optional<double> expected, Rule rule,
         std::string note) {
  court.evidence.push_back({std::move(figure), value, expected, rule, 0, "1", std::move(note)});
}

}  // namespace

void hear_accumulators(Court& court, Effort effort) {
  Grid grid;
  grid.headings = {
      {"K = 4096 in E4M3", Align::Left}, {"largest"}, {"Frobenius"}, {"promoted"}, {"Frobenius"}};
  std::vector<std::string> names, inputs_names;
  std::vector<double> largest, frobenius, promoted_largest, promoted_frobenius;
  const Reading* nearest = nullptr;
  double nearest_distance = 0, nearest_error = 0;
  for (const Inputs inputs : {Inputs::Positive, Inputs::Normal}) {
    for (std::size_t i = 0; i < std::size(readings); ++i) {
      const Reading& reading = readings[i];
      const Measured m = measured(effort, inputs, reading.rule);
      const bool positive = inputs == Inputs::Positive;
      const std::string name = std::string(reading.name) + (positive ? "" : "; normal inputs");
      grid.rows.push_back({name, percent(m.alone.largest), percent(m.alone.frobenius),
                           percent(m.promoted.largest), percent(m.promoted.frobenius)});
      names.push_back(reading.name);
      inputs_names.push_back(positive ? "uniform 0 to 1" : "standard normal");
      largest.push_back(m.alone.largest);
      frobenius.push_back(m.alone.frobenius);
      promoted_largest.push_back(m.promoted.largest);
      promoted_frobenius.push_back(m.promoted.frobenius);
      // Relative errors of sums that may be near 0 say nothing: normal inputs are shown, not judged.
      if (!positive || i >= judged_readings) continue;
      const double distance = std::abs(std::log(m.alone.largest / published));
      if (nearest == nullptr || distance < nearest_distance) {
        nearest = &reading;
        nearest_distance = distance;
        nearest_error = m.alone.largest;
      }
      add(court, std::string("promoted every 128, ") + reading.name, m.promoted.largest, 0.001, Rule::AtMost,
          "largest relative error");
      add(court, std::string("alone over promoted, ") + reading.name, m.alone.largest / m.promoted.largest,
          20, Rule::AtLeast, percent(m.alone.largest) + " against " + percent(m.promoted.largest));
    }
  }
  add(court, "accumulator alone, nearest reading", nearest_error, published, Rule::Beside,
      fmt::format("{}; published: near 2 % (arXiv 2412.19437, 3.3.2)", nearest->name));
  court.sections.push_back(
      {"The tensor core's 14-bit accumulator: relative errors alone, and promoted every 128", {grid}});
  court.tables.push_back(
      {"accumulator",
       "relative errors of a product over 4,096 terms in E4M3",
       {{"reading", "", "what the accumulator cuts off", names},
        {"inputs", "", "of both operands", inputs_names},
        {"largest", "1", "largest relative error of an entry, never promoted", largest},
        {"frobenius", "1", "of the whole product, never promoted", frobenius},
        {"promoted_largest", "1", "the same, promoted every 128 terms", promoted_largest},
        {"promoted_frobenius", "1", "the same, promoted every 128 terms", promoted_frobenius}}});
}

void hear_scaling(Court& court, Effort effort) {
  using reference::Scaling;
  using reference::ScalingErrors;
  constexpr double outlier = 1000, decades = 6;
  const ProductSize size = effort == Effort::Whole ? ProductSize{256, 128, 4096} : ProductSize{128, 32, 2048};
  const auto activation = [&](Scaling scaling) {
    return activation_scaling_errors(size, scaling, outlier, 1);
  };
  const auto gradient = [&](Scaling scaling) { return gradient_scaling_errors(size, scaling, decades, 1); };
  const ScalingErrors tensor = activation(Scaling::Tensor), tile = activation(Scaling::Tile);
  const ScalingErrors block = gradient(Scaling::Block), gradient_tile = gradient(Scaling::Tile);
  Grid grid;
  grid.headings = {{"one scale for", Align::Left}, {"Frobenius"}, {"worst token"}, {"flushed to 0"}};
  const auto row = [&](const char* name, const ScalingErrors& e) {
    grid.rows.push_back({name, percent(e.product.frobenius), percent(e.worst_token), percent(e.flushed)});
  };
  row("activations with outlier channels: the tensor", tensor);
  row("the same: a 1 x 128 tile", tile);
  row("gradients, tokens of unlike size: a 128 x 128 block", block);
  row("the same: a 1 x 128 tile", gradient_tile);
  court.sections.push_back({"Scaling in E4M3: errors of a product", {grid}});
  add(court, "activations: tile over tensor, Frobenius error",
      tile.product.frobenius / tensor.product.frobenius, 1, Rule::AtMost,
      fmt::format("six channels {} times as large in every fourth token", outlier));
  add(court, "gradients: tile over block, worst token's error", gradient_tile.worst_token / block.worst_token,
      1, Rule::AtMost,
      fmt::format("tokens over {} powers of ten; published: blocks diverge at 16 B parameters (B.2)",
                  decades));
}

}  // namespace orrery
