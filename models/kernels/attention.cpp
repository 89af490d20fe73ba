#include <algorithm>
#include <cmath>

#include "models/kernels/family.hpp"

namespace orrery {
namespace {

constexpr double block = 128;  ///< Queries and keys of one step.

/// Steps of one head: `rows` blocks of queries, each against `mean` blocks of keys, the longest `longest`.
struct Steps {
  double rows, mean, longest;
};

Steps count_steps(const Attention& a) {
  const double rows = std::ceil(a.queries / block), columns = std::ceil(a.keys / block);
  // The diagonal blocks are computed whole: (1 + 2 + ... + c) / c = (c + 1) / 2 on average.
  return {rows, a.causal ? (columns + 1) / 2 : columns, columns};
}

/// What attention reads and writes at least: queries and output, keys and values; backward their gradients
/// and the output's gradient too.
double least_bytes(const Attention& a) {
  const double per_query = double(a.heads) * (a.query_key_dim + a.value_dim);
  const double per_key = double(a.key_value_heads) * (a.query_key_dim + a.value_dim);
  const double once = 2.0 * a.batch * (a.queries * per_query + a.keys * per_key);
  return a.backward ? 2 * once : once;
}

/// Passes around the backward kernel: before it read output and its gradient, clear an FP32 sum of the
/// query gradient; after it read that sum, write BF16.
Bytes edge_bytes(const Attention& a) {
  const std::int64_t each = 4 * a.value_dim + 4 * a.query_key_dim + 6 * a.query_key_dim;
  return Bytes(std::int64_t(a.batch) * a.queries * a.heads * each);
}

}  // namespace

/// Attention core: launch + the time where three limits meet (`meet`); backward adds the passes before and
/// after it (Traffic::AttentionEdges).
///   blocks  every block of 128 queries meets its blocks of 128 keys at a share of the multiprocessor's
///           BF16 peak (softmax included), plus an overhead; blocks are dealt out as multiprocessors
///           become free, so the end waits for a share of the longest one;
///   memory  inputs and outputs once;   power  all multiplications at the rate the chip sustains.
/// Causal: half of the square, diagonal blocks whole. Fewer queries than keys: they are an even sample of the
/// sequence, as context parallelism deals them out, so they too see half the keys on average.
/// Multiplications of one query and key: forward 2 (qk + v), backward 2 (3 qk + 2 v): five products.
///
/// Units      tokens, heads, dims in elements; result in seconds.
/// Source     FlashAttention-2, arXiv 2307.08691 (blocks, five products); constants fitted by
///            tests/measured/fit_kernels.py, the tables named in each family's file.
/// Checked    tests/models/kernels/measured_attention_test.cpp, forward, shapes (tokens, heads) fitted / held
///            out: A100 1.8 / 1.8 %, H100 3.9 / 4.0 %, its MLA 5.2 / 4.6 %, B200 4.3 / 4.1 %, H800 MLA with
///            FlashAttention-3 1.9 / 3.5 %. Backward has one measured kernel, which its constant is solved
///            from.
/// Leaves out dropout, sliding windows, split keys for very few blocks; one query against a cache:
/// decode_attention.cpp.
Seconds attention_time(const KernelFamily& family, const GpuSpec& gpu, const Attention& attention,
                       int communication_sms, Beside beside) {
  const Attention& a = attention;
  if (a.batch <= 0 || a.heads <= 0 || a.queries <= 0 || a.keys <= 0) return Seconds(0);
  const bool latent = a.query_key_dim != a.value_dim && family.forward_latent.has_value();
  const AttentionConstants& c = a.backward ? family.backward
                                : latent   ? *family.forward_latent
                                           : family.forward;
  const double blocks = std::max(1, gpu.multiprocessors - communication_sms);
  const double rate = c.tensor_share * gpu.bf16.value() / gpu.multiprocessors;

  const double widths =
      a.backward ? 3.0 * a.query_key_dim + 2.0 * a.value_dim : double(a.query_key_dim) + a.value_dim;
  const Steps steps = count_steps(a);
  const double step = 2 * block * block * widths / rate;
  const double all = double(a.batch) * a.heads * steps.rows * (steps.mean * step + c.tile_overhead.value());
  const double longest = steps.longest * step + c.tile_overhead.value();
  const double compute = std::max(all / blocks + c.tail_share * longest, longest);

  const double memory = least_bytes(a) / (c.hbm_share * gpu.hbm.value());
  const double flops = 2.0 * a.batch * a.heads * a.queries * double(a.keys) * (a.causal ? 0.5 : 1.0) * widths;
  const double power = flops / sustained_rate(family, gpu, Precision::Bf16, c.sustained_share).value();
  const Seconds alone = c.beside[std::size_t(beside)] * (c.launch + meet({compute, memory}, power));
  return a.backward ? alone + traffic_time(family, gpu, Traffic::AttentionEdges, edge_bytes(a), beside)
                    : alone;
}

}  // namespace orrery
