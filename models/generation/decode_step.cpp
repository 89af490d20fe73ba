#include "models/generation/decode_step.hpp"

#include <algorithm>
#include <utility>

#include "models/collectives/deep_ep.hpp"
#include "models/training/step.hpp"

namespace orrery {
namespace {

/// The low-latency kernels were measured on these links; others scale by their line rates.
constexpr BytesPerSecond measured_nvlink{160e9}, measured_nic{50e9};

LowLatencyKernels kernels_on(const TrainingPlan& layout) {
  LowLatencyKernels kernels = deep_ep_low_latency;
  kernels.nvlink.rate = (layout.gpu.nvlink_achieved / measured_nvlink) * kernels.nvlink.rate;
  kernels.nic.rate = (layout.nic.line / measured_nic) * kernels.nic.rate;
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

void take_turns(Lines& lines, const BatchCost& b, Seconds core, int layers) {
  std::array<Seconds, 2> back{};  // When a half's combine has come.
  const auto attend = [&] {
    lines.run(core + b.moe[Leave]);
    return lines.send(b.dispatch);
  };
  lines.run(b.moe[Enter]);
  Seconds there = attend();
  for (int turn = 0; turn < 2 * layers; ++turn) {
    const std::size_t own = std::size_t(turn % 2), other = 1 - own;
    const bool more = turn + 1 < 2 * layers;  // The other half goes on into its next layer.
    lines.run(b.moe[Shared]);
    if (more) {
      lines.wait(back[other]);
      lines.run(b.moe[Enter]);
    }
    lines.wait(there);
    lines.run(b.moe[ExpertPart]);
    back[own] = lines.send(b.combine);
    if (more) there = attend();
  }
  lines.wait(std::max(back[0], back[1]));
}

void one_by_one(Lines& lines, const BatchCost& b, Seconds core, int layers) {
  for (int layer = 0; layer < layers; ++layer) {
    lines.run(b.moe[Enter] + core + b.moe[Leave]);
    const Seconds there = lines.send(b.dispatch);
    lines.run(b.moe[Shared]);
    lines.wait(there);
    lines.run(b.moe[ExpertPart]);
    lines.wait(lines.send(b.combine));
  }
}

}  // namespace

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

BatchCost DecodePricer::price(int sequences) {
  const TrainingPlan& layout = deployment_.layout;
  const Transformer& model = layout.model;
  DecodeShape shape{.model = &model,
                    .precision = layout.precision,
                    .tensor = layout.tensor,
                    .expert = layout.expert,
                    .sequences = sequences,
                    .queries = deployment_.acceptance > 0 ? 2 : 1};
  const auto time = [&](const std::vector<KernelCall>& calls) {
    Seconds sum{};
    for (const KernelCall& call : calls) sum += call_time(machine_, call, Beside::Nothing);
    return sum;
  };
  BatchCost cost;
  const auto fill = [&](BlockKind kind, std::array<Seconds, std::size_t(DecodePart::Count)>& parts) {
    ExpertRows rows;
    if (has_experts(kind)) {
      FullestRank fullest;
      const std::int64_t tokens = shape.own_tokens();
      if (layout.expert > 1) {
        fullest = load_.at(tokens);
        const auto copies = int(double(tokens) * model.experts->per_token * fullest.over_mean + 0.5);
        const LowLatencyKernels kernels = kernels_on(layout);
        const auto message = [&](Bytes copy) {
          return low_latency_time(kernels, layout.expert, layout.node.gpus, copies, copy);
        };
        const bool fp8 = layout.precision == Precision::Fp8;
        cost.dispatch = message(fp8 ? low_latency_token(model.hidden) : bf16_token(model.hidden));
        cost.combine = message(bf16_token(model.hidden));
        rows = {std::int64_t(fullest.rows + 0.5), std::max(1, int(fullest.experts + 0.5))};
      } else {
        const std::int64_t each =
            std::max<std::int64_t>(1, tokens * model.experts->per_token / model.experts->routed);
        rows.experts = int(std::min<std::int64_t>(model.experts->routed, tokens * model.experts->per_token));
        rows.rows = rows.experts * ((each + 63) / 64 * 64);
      }
    }
    for (std::size_t part = 0; part < parts.size(); ++part)
      if (DecodePart(part) != DecodePart::Core)
        parts[part] = time(decode_work(shape, kind, DecodePart(part), rows));
  };
  if (dense_layers_ > 0) fill(BlockKind::Dense, cost.dense);
  if (moe_layers_ > 0) fill(BlockKind::Moe, cost.moe);
  cost.ends = time(decode_ends(shape));
  if (deployment_.acceptance > 0) {
    // The module runs on one token a sequence after the main model: its block's messages are all seen.
    shape.queries = 1;
    BatchCost once;
    std::swap(once, cost);
    fill(BlockKind::Predict, cost.moe);
    for (const Seconds part : cost.moe) once.draft += part;
    once.draft += cost.dispatch + cost.combine + time(decode_projection(shape)) + time(decode_ends(shape));
    cost = once;
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
                    .queries = deployment_.acceptance > 0 ? 2 : 1,
                    .keys = (keys + parts - 1) / parts};
  const auto core_of = [&](const DecodeShape& s) {
    return call_time(machine_, decode_work(s, BlockKind::Dense, DecodePart::Core, {}).front(),
                     Beside::Nothing);
  };
  const Seconds core = core_of(shape);
  Lines lines;
  Seconds dense{};
  for (const Seconds part : b.dense) dense += part;
  lines.run(double(parts * dense_layers_) * (core + dense) + double(parts) * b.ends);
  if (parts == 2)
    take_turns(lines, b, core, moe_layers_);
  else
    one_by_one(lines, b, core, moe_layers_);
  result.core = double(parts * (dense_layers_ + moe_layers_)) * core;
  if (deployment_.acceptance > 0) {
    shape.queries = 1;
    const Seconds once = core_of(shape);
    result.core += double(parts) * once;
    lines.run(double(parts) * (b.draft + once));
  }
  result.experts = double(parts * moe_layers_) * b.moe[ExpertPart];
  result.exposed = lines.exposed;
  result.host = deployment_.host;
  result.total = lines.compute + deployment_.host;
  result.other = lines.compute - result.core - result.experts - result.exposed;
  return result;
}

}  // namespace orrery
