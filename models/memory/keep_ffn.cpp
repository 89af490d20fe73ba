#include "models/memory/keep.hpp"

// d hidden, f width of a network, u = 2 f where it is gated (gate and up side by side), else f.

namespace orrery {
namespace {

std::int64_t up_width(const WorkShape& s, std::int64_t f) { return s.model->gated ? 2 * f : f; }

/// What the activation between two products keeps of one row.
double activation_row(const WorkShape& s, std::int64_t f) {
  return operand_bytes(s) * double(up_width(s, f) + (s.recompute.activation ? 0 : f));
}

}  // namespace

Part keep_dense(const WorkShape& s, const KeepRules& rules, std::int64_t f) {
  const std::int64_t t = s.tokens(), shard = shard_tokens(s, rules), d = s.model->hidden, u = up_width(s, f);
  const double operand = operand_bytes(s);
  Part part;
  part.kept[Kept::Residual] += moved(shard * d, drops(s) ? 3 : 2);
  if (!s.recompute.norm) part.kept[Kept::LinearInput] += moved(shard * d, operand);
  part.kept[Kept::Ffn] += moved(t, activation_row(s, f));
  part.owed[Kept::LinearInput] += moved(shard * d + t * f, operand);
  part.owed[Kept::Gradient] += moved(shard * d + t * u, operand);
  part.outputs = moved(shard * d, 4) + gathered(s);
  part.gradients = moved(t * (u + f) + shard * d, 2) + gathered(s);
  return part;
}

Part keep_experts(const WorkShape& s, std::int64_t rows) {
  const Experts& e = *s.model->experts;
  const std::int64_t d = s.model->hidden, u = up_width(s, e.width);
  const std::int64_t t = s.tokens() / s.tensor;
  const bool fp8 = s.precision == Precision::Fp8;
  const double operand = operand_bytes(s);
  const auto received = std::int64_t(double(rows) * s.received_per_row);
  Part part;
  part.kept[Kept::Expert] +=
      moved((fp8 ? received : rows) * d, operand) + moved(rows, activation_row(s, e.width));
  // Logits and scores in FP32; chosen experts as 8-byte indices and FP32 weights; a 4-byte place for each row
  // both ways.
  part.kept[Kept::Router] += Bytes(t * (8 * e.routed + 12 * e.per_token) + 8 * rows);
  // The router reads BF16: a second copy of the norm's output where products read FP8.
  if (fp8 && !s.recompute.norm) part.kept[Kept::Router] += moved(t * d, 2);
  part.owed[Kept::Expert] += moved((fp8 ? received : rows) * d + rows * e.width, operand);
  part.owed[Kept::Gradient] += moved(rows * (u + d), operand);
  part.outputs = moved((rows + received) * d, 2);
  part.gradients = moved(rows * (u + e.width + d), 2);
  return part;
}

Part keep_projection(const WorkShape& s, const KeepRules& rules) {
  const std::int64_t t = s.tokens(), shard = shard_tokens(s, rules), d = s.model->hidden;
  const double operand = operand_bytes(s);
  Part part;
  part.kept[Kept::Residual] += moved(2 * shard * d, 2);
  if (!s.recompute.norm) part.kept[Kept::LinearInput] += moved(2 * shard * d, operand);
  part.owed[Kept::LinearInput] += moved(2 * shard * d, operand);
  part.owed[Kept::Gradient] += moved(t * (d / s.tensor), operand);
  part.outputs = moved(shard * d, 2);
  part.gradients = moved(2 * shard * d, 2);
  return part;
}

Part keep_head(const WorkShape& s, const KeepRules& rules) {
  const std::int64_t shard = shard_tokens(s, rules), d = s.model->hidden;
  const std::int64_t logits = s.tokens() * (s.model->vocabulary / s.tensor);
  const bool fused = rules.loss == LossKernel::Fused;
  Part part;
  part.kept[Kept::Residual] += moved(shard * d, 2);
  part.kept[Kept::LinearInput] += moved(shard * d, 2);
  part.kept[Kept::Loss] += moved(logits, fused ? 2 : 4);
  part.owed[Kept::LinearInput] += moved(shard * d, 2);
  part.owed[Kept::Gradient] += moved(logits, 2);
  // Separate kernels: BF16 logits and their FP32 copy beside the log-softmax; then its FP32 gradient and the
  // BF16 one.
  part.outputs = fused ? Bytes(0) : moved(logits, 6);
  part.gradients = (fused ? Bytes(0) : moved(logits, 6)) + moved(shard * d, 2);
  return part;
}

Part keep_embedding(const WorkShape& s, const KeepRules& rules) {
  const std::int64_t shard = shard_tokens(s, rules), d = s.model->hidden;
  Part part;
  part.kept[Kept::Residual] += Bytes(8 * s.tokens());  // Token numbers.
  if (drops(s)) part.kept[Kept::Residual] += moved(shard * d, 1);
  part.owed[Kept::Residual] += Bytes(8 * s.tokens());
  part.owed[Kept::Gradient] += moved(shard * d, 2);
  part.outputs = moved(shard * d, 2);
  part.gradients = moved(shard * d, 2);
  return part;
}

}  // namespace orrery
