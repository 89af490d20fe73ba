#include "models/work/parts.hpp"

// Feed-forward work of one rank. A gated network (SwiGLU) has an up product twice as wide as its down
// product; a plain one (GELU) the same width. Sizes: d hidden, f width.

namespace orrery {
namespace {

std::int64_t up_width(const WorkShape& s, std::int64_t f) { return s.model->gated ? 2 * f : f; }

/// Reads the up output in BF16, writes the activation in what the down product takes.
double activation_bytes(const WorkShape& s) {
  return (s.model->gated ? 4.0 : 2.0) + (s.precision == Precision::Fp8 ? 1.0 : 2.0);
}

/// Forward again and backward in one pass: reads up output and gradient, writes both gradients and the
/// activation that the weight gradient needs.
double activation_backward_bytes(const WorkShape& s) { return s.model->gated ? 12.0 : 8.0; }

/// The activation's output, not kept, once more as the operand of the down product's weight gradient: the
/// trace has six activation launches a layer, two of them forward and two backward.
void activation_again(Calls& calls, const WorkShape& s, std::int64_t elements) {
  if (s.recompute.activation && !s.recompute.layer) {
    move_bytes(calls, "activation again", Traffic::Swiglu, moved(elements, activation_bytes(s)));
  }
}

}  // namespace

Calls dense_forward(const WorkShape& s, DenseFfn ffn) {
  const std::int64_t d = s.model->hidden, f = ffn.width, u = up_width(s, f);
  Calls calls;
  gather_sequence(calls, s);
  product(calls, s, "ffn up", ffn.tokens, u, d);
  move_bytes(calls, "activation", Traffic::Swiglu, moved(ffn.tokens * f, activation_bytes(s)));
  cast_tokens(calls, s, "keep up output in FP8", ffn.tokens * u);
  product(calls, s, "ffn down", ffn.tokens, d, f);
  scatter_sequence(calls, s);
  return calls;
}

Calls dense_backward(const WorkShape& s, DenseFfn ffn) {
  const std::int64_t d = s.model->hidden, f = ffn.width, u = up_width(s, f);
  Calls calls;
  if (s.recompute.layer) append(calls, dense_forward(s, ffn));
  gather_sequence(calls, s);
  cast_tokens(calls, s, "cast gradient", ffn.tokens * d);
  transpose_weight(calls, s, "transpose ffn", d * (f + u));
  product(calls, s, "ffn down input gradient", ffn.tokens, f, d);
  if (s.precision == Precision::Fp8) {
    move_bytes(calls, "restore up output", Traffic::Dequantize, moved(ffn.tokens * u, cast_bytes));
  }
  move_bytes(calls, "activation backward", Traffic::SwigluBackward,
             moved(ffn.tokens * f, activation_backward_bytes(s)));
  activation_again(calls, s, ffn.tokens * f);
  cast_tokens(calls, s, "cast up gradient", ffn.tokens * u);
  product(calls, s, "ffn up input gradient", ffn.tokens, d, u);
  cast_channels(calls, s, "ffn operands", ffn.tokens * (2 * d + f + u));
  scatter_sequence(calls, s);
  return calls;
}

Calls dense_weight(const WorkShape& s, DenseFfn ffn) {
  const std::int64_t d = s.model->hidden, f = ffn.width, u = up_width(s, f);
  Calls calls;
  accumulate(calls, s, "ffn down weight gradient", d, f, ffn.tokens);
  accumulate(calls, s, "ffn up weight gradient", u, d, ffn.tokens);
  return calls;
}

// The gate runs in BF16 in every recipe. Its chain of small kernels (sigmoid, group scores, two top-k,
// gather, normalise, masks) is latency: 48 launches forward and 16 backward of 5 us each reproduce the
// trace's 346 us a layer and its 0.29-0.41 ms wall forward with 2 us gaps.
constexpr int gate_kernels_forward = 48, gate_kernels_backward = 16;
constexpr Seconds gate_kernel{5e-6};

Calls router_forward(const WorkShape& s) {
  const std::int64_t t = s.tokens() / s.tensor, d = s.model->hidden, experts = s.model->experts->routed;
  Calls calls;
  calls.push_back({"router", Gemm{.m = t, .n = experts, .k = d}});
  calls.push_back({"router chain", Small{gate_kernel}, gate_kernels_forward});
  cast_tokens(calls, s, "cast x for dispatch", t * d);
  return calls;
}

Calls router_backward(const WorkShape& s) {
  const std::int64_t t = s.tokens() / s.tensor, d = s.model->hidden, experts = s.model->experts->routed;
  Calls calls;
  calls.push_back({"router chain backward", Small{gate_kernel}, gate_kernels_backward});
  calls.push_back({"router input gradient", Gemm{.m = t, .n = d, .k = experts}});
  calls.push_back({"router weight gradient", Gemm{.m = experts, .n = d, .k = t}});
  return calls;
}

Calls experts_forward(const WorkShape& s, std::int64_t rows) {
  const std::int64_t d = s.model->hidden, f = s.model->experts->width, u = up_width(s, f);
  const int local = s.model->experts->routed / s.expert;
  const auto received = std::int64_t(double(rows) * s.received_per_row);
  const double wire = s.precision == Precision::Fp8 ? 1 + fp8_scale : 2;  // Rows arrive as they were sent.
  Calls calls;
  // Index kernels of four thread blocks: latency, 171 us and 70 us in the trace.
  calls.push_back({"map rows", Small{Seconds(171e-6)}});
  calls.push_back({"count rows", Small{Seconds(70e-6)}});
  move_bytes(calls, "permute", Traffic::Permute, moved((received + rows) * d, wire));
  transpose_scales(calls, s);
  calls.push_back({"experts up", Gemm{.m = rows, .n = u, .k = d, .groups = local, .precision = s.precision}});
  move_bytes(calls, "experts activation", Traffic::Swiglu, moved(rows * f, activation_bytes(s)));
  cast_tokens(calls, s, "keep experts up output in FP8", rows * u);
  transpose_scales(calls, s);
  calls.push_back(
      {"experts down", Gemm{.m = rows, .n = d, .k = f, .groups = local, .precision = s.precision}});
  move_bytes(calls, "unpermute", Traffic::Unpermute, moved((received + rows) * d, 2));
  return calls;
}

Calls experts_backward(const WorkShape& s, std::int64_t rows) {
  const std::int64_t d = s.model->hidden, f = s.model->experts->width, u = up_width(s, f);
  const int local = s.model->experts->routed / s.expert;
  const auto received = std::int64_t(double(rows) * s.received_per_row);
  const bool fp8 = s.precision == Precision::Fp8;
  Calls calls;
  if (s.recompute.layer) append(calls, experts_forward(s, rows));
  move_bytes(calls, "permute gradient", Traffic::Permute,
             moved((received + rows) * d, fp8 ? 1 + fp8_scale : 2));
  transpose_weight(calls, s, "transpose experts", local * d * (f + u));
  transpose_scales(calls, s);
  calls.push_back({"experts down input gradient",
                   Gemm{.m = rows, .n = f, .k = d, .groups = local, .precision = s.precision}});
  if (fp8) move_bytes(calls, "restore experts up output", Traffic::Dequantize, moved(rows * u, cast_bytes));
  move_bytes(calls, "experts activation backward", Traffic::SwigluBackward,
             moved(rows * f, activation_backward_bytes(s)));
  activation_again(calls, s, rows * f);
  cast_tokens(calls, s, "cast experts gradient", rows * u);
  transpose_scales(calls, s);
  calls.push_back({"experts up input gradient",
                   Gemm{.m = rows, .n = d, .k = u, .groups = local, .precision = s.precision}});
  move_bytes(calls, "unpermute gradient", Traffic::Unpermute, moved((received + rows) * d, 2));
  cast_channels(calls, s, "experts operands", rows * (u + f));
  return calls;
}

Calls experts_weight(const WorkShape& s, std::int64_t rows) {
  const std::int64_t d = s.model->hidden, f = s.model->experts->width, u = up_width(s, f);
  const int local = s.model->experts->routed / s.expert;
  Calls calls;
  if (s.precision == Precision::Fp8) {
    move_bytes(calls, "gather input operand", Traffic::CastChannelGather, moved(rows * d, gather_bytes));
    move_bytes(calls, "gather gradient operand", Traffic::CastChannelGather, moved(rows * d, gather_bytes));
  }
  calls.push_back({"experts down weight gradient", Gemm{.m = d,
                                                        .n = f,
                                                        .k = rows,
                                                        .groups = local,
                                                        .pass = GemmPass::Accumulate,
                                                        .precision = s.precision}});
  calls.push_back({"experts up weight gradient", Gemm{.m = u,
                                                      .n = d,
                                                      .k = rows,
                                                      .groups = local,
                                                      .pass = GemmPass::Accumulate,
                                                      .precision = s.precision}});
  return calls;
}

}  // namespace orrery
