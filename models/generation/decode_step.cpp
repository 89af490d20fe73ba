#include "models/generation/decode_step.hpp"

#include <algorithm>
#include <utility>

#include "models/collectives/deep_ep.hpp"
#include "models/training/step.hpp"

namespace orrery {
namespace {

LowLatencyKernels kernels_on(const TrainingPlan& layout) {
  LowLatencyKernels kernels = deep_ep_low_latency;
  kernels.nvlink.rate = (layout.gpu.nvlink_achieved / deep_ep_links.nvlink) * kernels.nvlink.rate;
  kernels.nic.rate = (layout.nic.line / deep_ep_links.nic) * kernels.nic.rate;
  return kernels;
}

/// A rank's two lines, each as far as it is filled.
struct Lines {
  Seconds compute{}, network{}, exposed{};

  void run(Seconds kernels) { compute += kernels; }
  void wait(Seconds until) {
    if (until <= compute) return;
    exposed += until - compute;
    compute = until;
  }
  Seconds send(Seconds message) { return network = std::max(network, compute) + message; }
};

constexpr auto Enter = std::size_t(DecodePart::Enter), Leave = std::size_t(DecodePart::Leave),
               Shared = std::size_t(DecodePart::Shared), ExpertPart = std::size_t(DecodePart::Experts);

void take_turns(Lines& lines, const LayerCost& b, Seconds core, int layers) {
  std::array<Seconds, 2> back{};  // When a half's combine has come.
  const auto attend = [&] {
    lines.run(core + b.parts[Leave]);
    return lines.send(b.dispatch);
  };
  lines.run(b.parts[Enter]);
  Seconds there = attend();
  for (int turn = 0; turn < 2 * layers; ++turn) {
    const std::size_t own = std::size_t(turn % 2), other = 1 - own;
    const bool more = turn + 1 < 2 * layers;  // The other half goes on into its next layer.
    lines.run(b.parts[Shared]);
    if (more) {
      lines.wait(back[other]);
      lines.run(b.parts[Enter]);
    }
    lines.wait(there);
    lines.run(b.parts[ExpertPart]);
    back[own] = lines.send(b.combine);
    if (more) there = attend();
  }
  lines.wait(std::max(back[0], back[1]));
}

void one_by_one(Lines& lines, const LayerCost& b, Seconds core, int layers) {
  for (int layer = 0; layer < layers; ++layer) {
    lines.run(b.parts[Enter] + core + b.parts[Leave]);
    const Seconds there = lines.send(b.dispatch);
    lines.run(b.parts[Shared]);
    lines.wait(there);
    lines.run(b.parts[ExpertPart]);
    lines.wait(lines.send(b.combine));
  }
}

}  // namespace

void DecodeTime::add(const DecodeTime& one, double times) {
  total += times * one.total;
  core += times * one.core;
  experts += times * one.experts;
  other += times * one.other;
  exposed += times * one.exposed;
  host += times * one.host;
}

Seconds LayerCost::kernels() const {
  Seconds sum{};
  for (const Seconds part : parts) sum += part;
  return sum;
}

DecodePricer::DecodePricer(const Deployment& deployment)
    : DecodePricer(deployment, ExpertLoad(deployment.layout)) {}

DecodePricer::DecodePricer(const Deployment& deployment, ExpertLoad load)
    : deployment_(deployment),
      machine_(plan_machine(deployment.layout, work_shape(deployment.layout))),
      load_(std::move(load)) {
  const Transformer& model = deployment.layout.model;
  for (int layer = 0; layer < model.layers; ++layer)
    ++(model.experts && model.is_moe[std::size_t(layer)] ? moe_layers_ : dense_layers_);
}

const BatchCost& DecodePricer::batch(int sequences) {
  const auto found = known_.find(sequences);
  return found != known_.end() ? found->second : known_[sequences] = price(sequences);
}

Seconds DecodePricer::time_of(const std::vector<KernelCall>& calls) const {
  Seconds sum{};
  for (const KernelCall& call : calls) sum += call_time(machine_, call, Beside::Nothing);
  return sum;
}

LayerCost DecodePricer::layer(const DecodeShape& shape, BlockKind kind) {
  const TrainingPlan& layout = deployment_.layout;
  const Transformer& model = layout.model;
  const std::int64_t tokens = shape.own_tokens();
  LayerCost cost;
  ExpertRows rows;
  if (has_experts(kind) && layout.expert > 1) {
    const FullestRank fullest = load_.at(tokens);
    const auto copies = int(double(tokens) * model.experts->per_token * fullest.over_mean + 0.5);
    const LowLatencyKernels kernels = kernels_on(layout);
    const auto message = [&](Bytes copy) {
      return low_latency_time(kernels, layout.expert, layout.node.gpus, copies, copy);
    };
    const bool fp8 = layout.precision == Precision::Fp8;
    cost.dispatch = message(fp8 ? low_latency_token(model.hidden) : bf16_token(model.hidden));
    cost.combine = message(bf16_token(model.hidden));
    rows = {std::int64_t(fullest.rows + 0.5), std::max(1, int(fullest.experts + 0.5))};
  } else if (has_experts(kind)) {
    const std::int64_t chosen = tokens * model.experts->per_token;
    rows.experts = int(std::min<std::int64_t>(model.experts->routed, chosen));
    rows.rows = rows.experts * padded_rows(std::max<std::int64_t>(1, chosen / model.experts->routed));
  }
  for (std::size_t part = 0; part < cost.parts.size(); ++part)
    if (DecodePart(part) != DecodePart::Core)
      cost.parts[part] = time_of(decode_work(shape, kind, DecodePart(part), rows));
  return cost;
}

BatchCost DecodePricer::price(int sequences) {
  const TrainingPlan& layout = deployment_.layout;
  DecodeShape shape{.model = &layout.model,
                    .precision = layout.precision,
                    .tensor = layout.tensor,
                    .sequences = sequences,
                    .queries = deployment_.queries()};
  BatchCost cost;
  if (dense_layers_ > 0) cost.dense = layer(shape, BlockKind::Dense);
  if (moe_layers_ > 0) cost.moe = layer(shape, BlockKind::Moe);
  cost.ends = time_of(decode_ends(shape));
  if (deployment_.acceptance > 0) {
    // The module runs on one token a sequence after the main model: its block's messages are all seen.
    shape.queries = 1;
    const LayerCost block = layer(shape, BlockKind::Predict);
    cost.draft = block.kernels() + block.dispatch + block.combine + time_of(decode_projection(shape)) +
                 time_of(decode_ends(shape));
  }
  return cost;
}

DecodeTime DecodePricer::step(int sequences, std::int64_t keys) {
  if (sequences <= 0) return {};
  const DecodeTime whole = in_parts(1, sequences, keys);
  const bool may_take_turns =
      deployment_.micro_batches == 2 && sequences > 1 && moe_layers_ > 0 && deployment_.layout.expert > 1;
  if (!may_take_turns) return whole;
  const DecodeTime halves = in_parts(2, sequences, keys);
  return halves.total < whole.total ? halves : whole;
}

DecodeTime DecodePricer::in_parts(int parts, int sequences, std::int64_t keys) {
  DecodeTime result;
  const TrainingPlan& layout = deployment_.layout;
  const int each = (sequences + parts - 1) / parts;
  const BatchCost& b = batch(each);
  DecodeShape shape{.model = &layout.model,
                    .tensor = layout.tensor,
                    .sequences = each,
                    .queries = deployment_.queries(),
                    .keys = (keys + parts - 1) / parts};
  const auto core_of = [&](const DecodeShape& s) {
    return call_time(machine_, decode_work(s, BlockKind::Dense, DecodePart::Core, {}).front(),
                     Beside::Nothing);
  };
  const Seconds core = core_of(shape);
  Lines lines;
  lines.run(double(parts * dense_layers_) * (core + b.dense.kernels()) + double(parts) * b.ends);
  if (parts == 2)
    take_turns(lines, b.moe, core, moe_layers_);
  else
    one_by_one(lines, b.moe, core, moe_layers_);
  result.core = double(parts * (dense_layers_ + moe_layers_)) * core;
  if (deployment_.acceptance > 0) {
    shape.queries = 1;
    const Seconds once = core_of(shape);
    result.core += double(parts) * once;
    lines.run(double(parts) * (b.draft + once));
  }
  result.experts = double(parts * moe_layers_) * b.moe.parts[ExpertPart];
  result.exposed = lines.exposed;
  result.host = deployment_.host;
  result.total = lines.compute + deployment_.host;
  result.other = lines.compute - result.core - result.experts - result.exposed;
  return result;
}

}  // namespace orrery
