#include "models/kernels/family.hpp"

namespace orrery {

/// Attention of new tokens against a cache: launch + an overhead for every sequence + the time where two
/// limits meet (`meet`):
///   memory  the cache once, `kept_width` BF16 elements a key, at a share of HBM's peak;
///   power   all multiplications, 2 (query_key_dim + value_dim) a head, query and key, at the rate that the
///           chip sustains.
/// Latent attention is computed absorbed: each head's query has the latent's width, so that all heads read
/// the same 576 elements a key in DeepSeek-V3.
///
/// Units      keys of all sequences together, widths in elements; result in seconds.
/// Source     launch, overhead and share of HBM fitted by tests/measured/fit_kernels.py to
///            h800_mla_decode.csv (FlashInfer, one query, 128 heads); the power share is that of the
///            prefill kernels of the same chip.
/// Checked    tests/models/kernels/measured_decode_test.cpp: mean absolute error on pairs (sequences, length)
///            fitted / held out 4.5 / 6.0 %, worst -19 and +21 % (one long sequence; sixteen short ones).
/// Leaves out uneven lengths within a batch; FP8 caches; several queries and grouped key-value heads obey the
///            same law unmeasured.
Seconds decode_attention_time(const KernelFamily& family, const GpuSpec& gpu, const DecodeAttention& a) {
  if (a.sequences <= 0 || a.keys <= 0) return Seconds(0);
  const DecodeConstants& c = *family.decode;
  const double memory = 2.0 * double(a.keys) * a.kept_width / (c.hbm_share * gpu.hbm.value());
  const double flops = 2.0 * double(a.keys) * a.queries * a.heads * (double(a.query_key_dim) + a.value_dim);
  const double power = flops / sustained_rate(family, gpu, Precision::Bf16, c.sustained_share).value();
  return c.launch + double(a.sequences) * c.sequence + meet({memory}, power);
}

}  // namespace orrery
