#pragma once

#include <array>
#include <string_view>

#include "models/work/work.hpp"

namespace orrery {

/// Tensors of a micro-batch that wait for its backward pass.
enum class Kept : std::uint8_t {
  Residual,     ///< Inputs of norms (the residual stream) and dropout masks.
  LinearInput,  ///< Inputs of attention's and dense networks' products.
  Attention,    ///< Queries, keys, values or their latents; softmax statistics.
  Scores,       ///< Attention scores written out by the unfused kernel.
  Ffn,          ///< Inputs of the activation of dense and shared networks.
  Expert,       ///< The same of routed experts, and the rows they received.
  Router,       ///< Scores, choices and row maps.
  Loss,         ///< Logits.
  Gradient,     ///< Output gradients that a postponed weight product needs.
  Count
};
constexpr std::size_t kept_kinds = std::size_t(Kept::Count);
std::string_view kept_name(Kept kind);

/// Bytes by kind of tensor.
struct KeptBytes {
  std::array<Bytes, kept_kinds> of{};
  Bytes& operator[](Kept kind) { return of[std::size_t(kind)]; }
  Bytes operator[](Kept kind) const { return of[std::size_t(kind)]; }
  KeptBytes& operator+=(const KeptBytes& other);
  Bytes total() const;
};

/// What the tensor ranks share: the matrices alone (2021), or the tokens between them too (sequence
/// parallelism).
enum class TensorSplit : std::uint8_t { Matrices, MatricesAndSequence };
/// Cross-entropy as PyTorch's separate kernels (FP32 log-softmax is kept), or one kernel that turns the BF16
/// logits into their own gradient.
enum class LossKernel : std::uint8_t { Separate, Fused };

struct KeepRules {
  TensorSplit split = TensorSplit::MatricesAndSequence;
  LossKernel loss = LossKernel::Separate;
};

/// One block's memory for one micro-batch on one rank.
struct BlockActivations {
  KeptBytes kept;          ///< From the forward pass until the input gradient.
  KeptBytes owed;          ///< From the input gradient until a weight gradient that runs apart from it.
  Bytes forward_extra{};   ///< Alive beside what is kept while the block's forward runs.
  Bytes backward_extra{};  ///< The same in backward: what is computed again, and gradients.
};

/// Bytes that a block keeps for backward, from the shapes of its tensors. T tokens of the rank's tensor
/// group, d hidden, t tensor ranks, BF16 = 2 B, FP8 = 1 + 4/128 B:
///
///   norms         each keeps its input, 2 d T/t; its output (the next product's input) unless
///                 `recompute.norm`;
///   attention     Q, K, V in BF16, 4 B a head and token of softmax statistics; with
///                 `recompute.up_projection` MLA keeps the latents before their norms (q + c + r numbers a
///                 token) instead;
///   unfused       5 B a score (softmax 2, dropout mask 1, dropped 2) unless `recompute.attention`; with it
///                 dropout masks of 1 B after attention and after the network, since that kernel belongs to
///                 recipes with dropout;
///   output        the output product's input, BF16, or 12 bits (E5M6) in the FP8 recipe;
///   network       the activation's input; its output unless `recompute.activation`; FP8 in the FP8 recipe;
///   experts       the same over `rows`, and received rows: permuted in BF16, as they arrived in FP8;
///   layer         `recompute.layer` keeps the block's input alone;
///   head          norm input, product input, logits (FP32 log-softmax, or BF16 where the loss is fused).
///
/// Where weight gradients run apart, both operands of every product wait for them (`owed`).
/// Source   Korthikanti et al., arXiv 2205.05198, section 4 (s b h (34 + 5 a s / h) a layer, and its tensor,
///          sequence, selective and full variants); DeepSeek-V3 report, arXiv 2412.19437, sections 3.2.3 and
///          3.3.3.
/// Checked  tests/models/memory: the paper's five formulas exactly; its figures and measured peaks with
///          errors.
/// Leaves out  norm statistics (4 B a token), small index tensors of DeepEP, copies that a framework makes by
///             chance.
BlockActivations block_activations(const WorkShape& shape, const KeepRules& rules, BlockKind kind,
                                   std::int64_t rows);

}  // namespace orrery
