#include <cmath>

#include "models/memory/activations.hpp"
#include "models/training/step.hpp"
#include "scenarios/reading/assemble.hpp"
#include "scenarios/validate/cost_figures.hpp"
#include "scenarios/validate/cost_operations.hpp"

namespace orrery {
namespace {

using reference::Pass;

constexpr Segment segments[] = {Segment::AttentionForward,  Segment::FfnForward, Segment::FfnBackward,
                                Segment::AttentionBackward, Segment::FfnWeight,  Segment::AttentionWeight};

/// Every call of a block, with the segment that it belongs to.
template <class Use>
void for_calls(const WorkShape& shape, BlockKind kind, std::int64_t rows, const Use& use) {
  for (const Segment segment : segments) {
    for (const KernelCall& call : segment_work(shape, kind, segment, rows)) use(call, segment);
  }
}

double moved_bytes(const KernelCall& call) {
  const Move* const move = std::get_if<Move>(&call.work);
  return move == nullptr ? 0 : double(move->bytes.value()) * call.times;
}

class Assumer {
 public:
  Assumer(const WorkShape& shape, const SampledSizes& sizes) : shape_(shape), sizes_(sizes) {}

  void products(BlockKind kind) {
    for (const ProductRow& row : products_of(kind)) {
      std::array<double, std::size_t(Pass::Count)> flops{};
      for_calls(shape_, kind, sizes_.expert_rows, [&](const KernelCall& call, Segment segment) {
        const std::optional<Pass> pass = pass_of(call, segment, row);
        if (pass && std::holds_alternative<Gemm>(call.work))
          flops[std::size_t(*pass)] += executed_flops(call).value();
      });
      for (std::size_t pass = 0; pass < flops.size(); ++pass) {
        if (flops[pass] > 0) add(kind, std::string(row.word), pass_letter(Pass(pass)), flops[pass]);
      }
    }
  }

  void core(BlockKind kind) {
    for_calls(shape_, kind, sizes_.expert_rows, [&](KernelCall call, Segment) {
      Attention* const attention = std::get_if<Attention>(&call.work);
      if (attention == nullptr) return;
      attention->queries = attention->keys = sizes_.core_length;
      add(kind, "attention core", attention->backward ? "B" : "F", executed_flops(call).value());
    });
  }

  void norms_backward(BlockKind kind) {
    double bytes = 0;
    for_calls(shape_, kind, sizes_.expert_rows, [&](const KernelCall& call, Segment) {
      const Move* const move = std::get_if<Move>(&call.work);
      if (move != nullptr && move->traffic == Traffic::NormBackward) bytes += moved_bytes(call);
    });
    add(kind, "norms", "B", bytes);
  }

  void bytes_of_call(BlockKind kind, std::string_view name, Segment where, std::string what,
                     std::string_view pass) {
    double bytes = 0;
    for_calls(shape_, kind, sizes_.expert_rows, [&](const KernelCall& call, Segment segment) {
      if (call.name == name && segment == where) bytes += moved_bytes(call);
    });
    if (bytes > 0) add(kind, std::move(what), pass, bytes);
  }

  void kept(BlockKind kind, const KeepRules& rules) {
    WorkShape alone = shape_;
    alone.received_per_row = 1;  // Rows of the sampled experts are counted one by one.
    KeptBytes bytes = block_activations(alone, rules, kind, sizes_.expert_rows).kept;
    // The gate's copy of a norm's output in BF16 is a norm's output to the reference.
    if (kind == BlockKind::Moe && shape_.precision == Precision::Fp8 && !shape_.recompute.norm) {
      const Bytes copy(2 * shape_.tokens() * shape_.model->hidden);
      bytes[Kept::LinearInput] += copy;
      bytes[Kept::Router] = bytes[Kept::Router] - copy;
    }
    for (std::size_t k = 0; k < kept_kinds; ++k) {
      const double value = double(bytes[Kept(k)].value());
      if (value > 0) add(kind, "kept: " + std::string(kept_name(Kept(k))), "", value);
    }
  }

  void dispatch(const StepTransfers& transfers) {
    for (const std::string_view pass : {"F", "B"}) {
      add(BlockKind::Moe, "dispatch, a row", pass, double(transfers.outward_token.value()));
      add(BlockKind::Moe, "combine, a row", pass, double(transfers.back_token.value()));
    }
  }

  void routing(const RoutingPool& pool) {
    std::vector<double> rows, nodes, ranks, fullest;
    const auto mean_of_copies = [&](const std::vector<std::uint32_t>& copies) {
      double sum = 0;
      for (const std::uint32_t c : copies) sum += c;
      return sum / pool.shape.tokens;
    };
    for (const RoutingSample& sample : pool.samples) {
      rows.push_back(mean_of_copies(sample.expert_rows));
      nodes.push_back(mean_of_copies(sample.domain_copies));
      ranks.push_back(mean_of_copies(sample.rank_copies));
      const double most = *std::max_element(sample.expert_rows.begin(), sample.expert_rows.end());
      fullest.push_back(most * double(sample.expert_rows.size()) / (rows.back() * pool.shape.tokens));
    }
    add(BlockKind::Moe, "rows a token", "", mean(rows));
    add(BlockKind::Moe, "nodes a token", "", mean(nodes), deviation(nodes) / std::sqrt(double(nodes.size())));
    add(BlockKind::Moe, "ranks a token", "", mean(ranks), deviation(ranks) / std::sqrt(double(ranks.size())));
    // The counted side has but a few micro-batches: their spread is that of one of these samples.
    add(BlockKind::Moe, "fullest expert over mean", "", mean(fullest), deviation(fullest));
  }

  std::vector<CostFigure> taken() { return std::move(figures_); }

 private:
  static double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / double(values.size());
  }
  static double deviation(const std::vector<double>& values) {
    double squares = 0;
    for (const double value : values) squares += (value - mean(values)) * (value - mean(values));
    return values.size() > 1 ? std::sqrt(squares / double(values.size() - 1)) : 0;
  }

  void add(BlockKind kind, std::string what, std::string_view pass, double value, double error = 0) {
    figures_.push_back({std::string(block_word(kind)), std::move(what), std::string(pass), value, error});
  }

  const WorkShape& shape_;
  const SampledSizes& sizes_;
  std::vector<CostFigure> figures_;
};

}  // namespace

std::vector<CostFigure> assumed_costs(const TrainingPlan& plan, const SampledSizes& sizes) {
  const WorkShape shape = comparable_shape(plan);
  const KeepRules rules = memory_request(plan).rules;
  Assumer assumer(shape, sizes);
  for (const BlockKind kind : comparable_blocks(plan)) {
    assumer.products(kind);
    if (kind == BlockKind::Dense || kind == BlockKind::Moe) {
      assumer.core(kind);
      assumer.norms_backward(kind);
      assumer.kept(kind, rules);
    }
    if (kind == BlockKind::Dense)
      assumer.bytes_of_call(kind, "activation", Segment::FfnForward, "SwiGLU", "F");
    if (kind == BlockKind::Moe)
      assumer.bytes_of_call(kind, "experts activation", Segment::FfnForward, "experts' SwiGLU", "F");
    if (kind == BlockKind::Head) {
      assumer.kept(kind, rules);
      assumer.bytes_of_call(BlockKind::Embedding, "embedding", Segment::FfnForward, "embedding", "F");
      assumer.bytes_of_call(BlockKind::Embedding, "embedding gradient", Segment::FfnWeight, "embedding", "W");
    }
  }
  if (plan.model.experts) {
    const TrainingPlan even = evenly_routed(plan);
    const std::optional<RoutingPool> pool = plan_routing(even);
    assumer.dispatch(step_request(even, &*pool).transfers);
    assumer.routing(*pool);
  }
  return assumer.taken();
}

}  // namespace orrery
