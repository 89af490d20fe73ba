#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/work/work.hpp"

namespace orrery {

/// One rank's share of a step that gives each of its sequences a new token (or, with drafts, a few).
struct DecodeShape {
  const Transformer* model = nullptr;
  Precision precision = Precision::Bf16;
  int tensor = 1;         ///< Ranks that share every matrix of attention, and the sequences.
  int sequences = 1;      ///< Of the tensor group.
  int queries = 1;        ///< Tokens of a sequence that are computed at once.
  std::int64_t keys = 0;  ///< Cached tokens of all those sequences.
  /// Tokens whose feed-forward work falls on this rank: the tensor group shares them out.
  std::int64_t tokens() const { return std::int64_t(sequences) * queries; }
  std::int64_t own_tokens() const { return (tokens() + tensor - 1) / tensor; }
};

/// Stretches of kernels of one layer between waits: DeepSeek's decoding lets two half batches take turns at
/// these borders.
enum class DecodePart : std::uint8_t {
  Enter,    ///< Norm, projections to queries and to the cache.
  Core,     ///< Attention against the cache.
  Leave,    ///< Output projection, sum, norm; before experts the gate.
  Shared,   ///< Shared experts, which need no message.
  Experts,  ///< The routed experts' rows; in a dense block the whole network.
  Count
};

/// Rows of one group as GroupRows::Masked pads them.
constexpr std::int64_t padded_rows(std::int64_t rows) { return (rows + 63) / 64 * 64; }

/// Rows of the routed experts on one rank: filled ones, each expert's padded.
struct ExpertRows {
  std::int64_t rows = 0;
  int experts = 0;  ///< With at least one row: the weights of the others are not read.
};

/// The kernels of a part, in launch order. `rows` matters to Experts of a block that has some.
///
/// Latent attention is absorbed: the key up-projection turns each head's query into latent space and the
/// value up-projection comes after the core, so that the cache is read as it is kept (DeepSeek-V2 report,
/// section 2.1.2). Experts are masked grouped products.
///
/// Source      DeepSeek-V3 report, section 3.4.2; deepseek-ai/DeepSeek-V3 inference/model.py (absorbed form);
///             parts as in DeepSeek's decoding profile (deepseek-ai/profile-data, README).
/// Checked     tests/models/work/decode_work_test.cpp: multiplications of a layer equal twice its activated
///             parameters a token, and the cache's.
/// Leaves out  the gate's chain, taken as one fused kernel of 5 us: not measured; sampling beyond one pass
///             over the logits; quantization that rides on other kernels (dispatch casts as it sends).
std::vector<KernelCall> decode_work(const DecodeShape& shape, BlockKind kind, DecodePart part,
                                    ExpertRows rows);

/// Embedding before the first layer; final norm, head and one pass over the logits after the last.
std::vector<KernelCall> decode_ends(const DecodeShape& shape);

/// Multi-token prediction: the projection of hidden state and next embedding before its block.
std::vector<KernelCall> decode_projection(const DecodeShape& shape);

}  // namespace orrery
