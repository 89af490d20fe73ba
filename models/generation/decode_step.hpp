#pragma once

#include <map>

#include "models/generation/expert_load.hpp"
#include "models/training/segment_cost.hpp"

namespace orrery {

/// What one layer costs a rank apart from its cache.
struct LayerCost {
  std::array<Seconds, std::size_t(DecodePart::Count)> parts{};  ///< [DecodePart]; none for Core.
  Seconds dispatch{}, combine{};                                ///< Each alone on the network.
  Seconds kernels() const;                                      ///< Sum of the parts.
};

/// What a batch costs.
struct BatchCost {
  LayerCost moe, dense;
  Seconds ends{};   ///< Embedding, head, drawing a token.
  Seconds draft{};  ///< The whole multi-token-prediction module but its attention core.
};

/// Where the fullest rank's step goes: disjoint parts that sum to it.
struct DecodeTime {
  Seconds total{};
  Seconds core{};     ///< Attention against the cache.
  Seconds experts{};  ///< Routed experts.
  Seconds other{};    ///< The other kernels.
  Seconds exposed{};  ///< Waiting for an all-to-all.
  Seconds host{};

  void add(const DecodeTime& one, double times);
};

/// Prices steps of generation on one instance, all of whose ranks wait for the fullest.
///
/// A rank has a compute stream and its messages one line, in which each waits for the one before. Layer by
/// layer: enter, core, leave, dispatch, experts, combine; the shared expert runs while the dispatch travels.
/// Two micro-batches take turns, where that is faster, as in DeepSeek's decoding profile: while the first
/// one's dispatch travels, its shared expert and the other's enter run; while its combine travels, the
/// other's core and leave. Messages take no multiprocessors.
///
/// Source      order of kernels: deepseek-ai/profile-data README (decoding) and DeepSeek-V3 report, section
///             3.4.2. Engines too go back to one small batch (vLLM, --dbo-decode-token-threshold). Messages:
///             low_latency_time, rates by NIC and NVLink; every copy of a token travels by itself. Drafting:
///             section 2.2: one module, a token a step more with probability `acceptance`.
/// Checked     tests/models/generation: against a slow twin of tasks in order; DeepSeek's decoding profile
///             (EP128, 128 sequences a GPU, 4,096 tokens each), its figures in the test.
/// Leaves out  message contention between instances; prompts read while others answer (chunked prefill).
class DecodePricer {
 public:
  explicit DecodePricer(const Deployment& deployment);  ///< Looks at it as long as it lives.
  explicit DecodePricer(const Deployment&&) = delete;
  /// With draws of the gate that are known already.
  DecodePricer(const Deployment& deployment, ExpertLoad load);
  DecodePricer(const DecodePricer&) = delete;
  DecodePricer& operator=(const DecodePricer&) = delete;

  /// A step of `sequences` on the fullest tensor group, with `keys` tokens in their caches together.
  DecodeTime step(int sequences, std::int64_t keys);
  const BatchCost& batch(int sequences);

 private:
  BatchCost price(int sequences);
  LayerCost layer(const DecodeShape& shape, BlockKind kind);
  Seconds time_of(const std::vector<KernelCall>& calls) const;
  DecodeTime in_parts(int parts, int sequences, std::int64_t keys);
  const Deployment& deployment_;
  Machine machine_;
  ExpertLoad load_;
  int moe_layers_ = 0, dense_layers_ = 0;
  std::map<int, BatchCost> known_;
};

}  // namespace orrery
