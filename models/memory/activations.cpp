#include "models/memory/activations.hpp"

#include <algorithm>

#include "models/memory/keep.hpp"

namespace orrery {
namespace {

/// The same block with nothing dropped and everything in BF16: what exists at once while it runs.
WorkShape whole(WorkShape shape) {
  shape.precision = Precision::Bf16;
  shape.recompute = {};
  return shape;
}

/// Bytes that a part makes again in backward, or makes and drops in forward: all of its BF16 tensors in a
/// recipe that keeps other formats, the ones not kept where the kept ones are BF16 themselves.
Bytes remade(const WorkShape& shape, const Part& kept, const Part& all) {
  if (shape.precision == Precision::Fp8) return all.kept.total() - all.kept[Kept::Residual];
  return std::max(Bytes(0), all.kept.total() - kept.kept.total());
}

struct Parts {
  Part attention, network;
};

Parts parts_of(const WorkShape& s, const KeepRules& rules, BlockKind kind, std::int64_t rows) {
  Parts parts;
  if (has_attention(kind)) parts.attention = keep_attention(s, rules);
  if (kind == BlockKind::Dense) parts.network = keep_dense(s, rules, s.model->dense_width / s.tensor);
  if (has_experts(kind)) {
    // The norm before experts is there even without shared ones.
    parts.network = keep_dense(s, rules, s.model->experts->shared_width / s.tensor);
    const Part routed = keep_experts(s, rows);
    parts.network.kept += routed.kept;
    parts.network.owed += routed.owed;
    parts.network.outputs += routed.outputs;
    parts.network.gradients += routed.gradients;
  }
  if (kind == BlockKind::Predict) {
    const Part projection = keep_projection(s, rules);
    parts.attention.kept += projection.kept;
    parts.attention.owed += projection.owed;
  }
  if (kind == BlockKind::Head) parts.network = keep_head(s, rules);
  if (kind == BlockKind::Embedding) parts.network = keep_embedding(s, rules);
  return parts;
}

}  // namespace

KeptBytes& KeptBytes::operator+=(const KeptBytes& other) {
  for (std::size_t i = 0; i < kept_kinds; ++i) of[i] += other.of[i];
  return *this;
}

Bytes KeptBytes::total() const {
  Bytes sum;
  for (const Bytes bytes : of) sum += bytes;
  return sum;
}

std::string_view kept_name(Kept kind) {
  switch (kind) {
    case Kept::Residual:
      return "norm inputs";
    case Kept::LinearInput:
      return "product inputs";
    case Kept::Attention:
      return "attention";
    case Kept::Scores:
      return "attention scores";
    case Kept::Ffn:
      return "activation inputs";
    case Kept::Expert:
      return "experts";
    case Kept::Router:
      return "router";
    case Kept::Loss:
      return "logits";
    case Kept::Gradient:
      return "output gradients";
    case Kept::Count:
      break;
  }
  return "";
}

BlockActivations block_activations(const WorkShape& s, const KeepRules& rules, BlockKind kind,
                                   std::int64_t rows) {
  const Parts parts = parts_of(s, rules, kind, rows), all = parts_of(whole(s), rules, kind, rows);
  const Bytes attention = remade(s, parts.attention, all.attention),
              network = remade(s, parts.network, all.network);
  BlockActivations block;
  block.kept += parts.attention.kept;
  block.kept += parts.network.kept;
  block.owed += parts.attention.owed;
  block.owed += parts.network.owed;
  block.forward_extra = std::max(attention + parts.attention.outputs, network + parts.network.outputs);
  block.backward_extra = std::max(attention + parts.attention.gradients, network + parts.network.gradients);
  if (s.recompute.layer && has_attention(kind)) {
    // Backward runs the whole block again first: all of it is alive beside the gradients of one part.
    const int inputs = kind == BlockKind::Predict ? 2 : 1;
    block.kept = {};
    block.kept[Kept::Residual] = moved(inputs * shard_tokens(s, rules) * s.model->hidden, 2);
    block.backward_extra = all.attention.kept.total() + all.network.kept.total() - block.kept.total() +
                           std::max(parts.attention.gradients, parts.network.gradients);
  }
  return block;
}

}  // namespace orrery
