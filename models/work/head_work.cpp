#include "models/work/parts.hpp"

// Output head, loss and the multi-token-prediction projection: BF16 in every recipe.

namespace orrery {
namespace {

// Cross-entropy over FP32 logits as PyTorch runs it: cast BF16 to FP32 (2 + 4 bytes an element), log-softmax
// (4 + 4) forward; log-softmax backward (4 + 4) and the cast back (4 + 2) backward. DeepSeek's own
// kernels are not published; a fused loss would save about half of these bytes.
constexpr double loss_forward_bytes = 14, loss_backward_bytes = 14;

// Megatron-LM's of 2022 (megatron/mpu/cross_entropy.py, model/gpt_model.py): cast (2 + 4), maximum (4),
// subtract, exponential (4 + 4 each), sum (4), divide (4 + 4), each a kernel; backward scales (4 + 4) and
// casts (4 + 2).
constexpr double vocab_parallel_forward_bytes = 38;

double loss_bytes(const WorkShape& s) {
  return s.attention == AttentionKernel::Unfused ? vocab_parallel_forward_bytes : loss_forward_bytes;
}

/// Tokens that the final norm sees.
std::int64_t norm_tokens(const WorkShape& s) {
  return s.messages == LayerMessages::AllReduce ? s.tokens() : s.tokens() / s.tensor;
}

std::int64_t vocabulary(const WorkShape& s) { return s.model->vocabulary / s.tensor; }

}  // namespace

Calls head_forward(const WorkShape& s) {
  const std::int64_t t = s.tokens(), d = s.model->hidden;
  Calls calls;
  move_bytes(calls, "final norm", Traffic::Norm, moved(norm_tokens(s) * d, 4));
  gather_sequence(calls, s);
  calls.push_back({"head", Gemm{.m = t, .n = vocabulary(s), .k = d}});
  move_bytes(calls, "loss", Traffic::Softmax, moved(t * vocabulary(s), loss_bytes(s)));
  return calls;
}

Calls head_backward(const WorkShape& s) {
  const std::int64_t t = s.tokens(), d = s.model->hidden;
  Calls calls;
  move_bytes(calls, "loss backward", Traffic::Softmax, moved(t * vocabulary(s), loss_backward_bytes));
  calls.push_back({"head input gradient", Gemm{.m = t, .n = d, .k = vocabulary(s)}});
  scatter_sequence(calls, s);
  move_bytes(calls, "final norm backward", Traffic::NormBackward, moved(norm_tokens(s) * d, 6));
  return calls;
}

Calls head_weight(const WorkShape& s) {
  return {{"head weight gradient",
           Gemm{.m = vocabulary(s), .n = s.model->hidden, .k = s.tokens(), .pass = GemmPass::Accumulate}}};
}

Calls projection_forward(const WorkShape& s) {
  const std::int64_t t = s.tokens(), d = s.model->hidden;
  Calls calls;
  move_bytes(calls, "next embedding", Traffic::Embedding, moved(t / s.tensor * d, 4));
  move_bytes(calls, "norms before projection", Traffic::Norm, moved(2 * t / s.tensor * d, 4));
  cast_tokens(calls, s, "cast projection input", 2 * t * d);
  product(calls, s, "projection", t, d / s.tensor, 2 * d);
  return calls;
}

Calls projection_backward(const WorkShape& s) {
  const std::int64_t t = s.tokens(), d = s.model->hidden;
  Calls calls;
  cast_tokens(calls, s, "cast projection gradient", t * d);
  transpose_weight(calls, s, "transpose projection", 2 * d * d / s.tensor);
  product(calls, s, "projection input gradient", t, 2 * d, d / s.tensor);
  cast_channels(calls, s, "projection operands", t * 3 * d);
  move_bytes(calls, "norms backward", Traffic::NormBackward, moved(2 * t / s.tensor * d, 6));
  return calls;
}

Calls projection_weight(const WorkShape& s) {
  Calls calls;
  accumulate(calls, s, "projection weight gradient", s.model->hidden / s.tensor, 2 * s.model->hidden,
             s.tokens());
  return calls;
}

}  // namespace orrery
