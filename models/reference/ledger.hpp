#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace orrery::reference {

/// What a count belongs to. Row of names: operation_name.
enum class Operation : std::uint8_t {
  Embedding,
  Norm,             ///< RMSNorm of the residual stream, attention's latents, the head's input.
  QueryDown,        ///< MLA: hidden to query latent.
  QueryUp,          ///< MLA: latent to heads (straight from hidden where queries are not compressed).
  KeyValueDown,     ///< MLA: hidden to key-value latent and the decoupled rotary key.
  KeyValueUp,       ///< MLA: latent to keys without position and values.
  QueryKeyValue,    ///< GQA: the three projections.
  Rotary,           ///< RoPE.
  AttentionScores,  ///< Q times K, entries at or below the diagonal.
  AttentionMix,     ///< Softmax weights times V, the same entries.
  Softmax,          ///< Exponentials of attention (bytes only).
  AttentionOutput,  ///< Output projection.
  Gate,
  Dispatch,  ///< Rows gathered for experts and sent back.
  ExpertUp,  ///< Routed experts: gate and up projections.
  ExpertActivation,
  ExpertDown,
  SharedUp,
  SharedActivation,
  SharedDown,
  DenseUp,
  DenseActivation,
  DenseDown,
  PredictProjection,  ///< MTP: [hidden; embedding] to hidden.
  Head,
  Loss,
  Optimizer,
  Count
};
std::string_view operation_name(Operation operation);

/// Forward, gradient of the input, gradient of the weight, and what backward computes a second time.
enum class Pass : std::uint8_t { Forward, InputGradient, WeightGradient, Recompute, Count };
std::string_view pass_name(Pass pass);

/// Tensors that a forward pass leaves for its backward pass.
enum class KeptTensor : std::uint8_t {
  NormInput,
  NormOutput,
  QueryLatent,     ///< Before its norm.
  KeyValueLatent,  ///< Before its norm, with the rotary key.
  LatentOutput,    ///< Both latents after their norms: inputs of the up-projections.
  Queries,
  Keys,
  Values,
  SoftmaxStatistics,
  AttentionOutput,  ///< Input of the output projection.
  GateScores,
  GateChoice,
  ExpertInput,
  ExpertGateUp,  ///< Input of SwiGLU.
  ExpertActivated,
  SharedGateUp,
  SharedActivated,
  DenseGateUp,
  DenseActivated,
  PredictInput,
  HeadInput,
  Logits,
  Count
};
std::string_view kept_tensor_name(KeptTensor tensor);

struct Tally {
  std::uint64_t multiply_adds = 0, bytes_read = 0, bytes_written = 0;
};

/// Counts of what was executed, added up where it happens: products add the rows x columns x depth of every
/// panel that they multiply, loops add the elements that they visit, never what a shape says they should.
/// Bytes are those of the format that the recipe stores the operand in (FP8 with its scales, BF16, FP32), not
/// those of the array that carries the values here.
class Ledger {
 public:
  Tally& at(Operation operation, Pass pass) { return tallies_[std::size_t(operation)][std::size_t(pass)]; }
  const Tally& at(Operation operation, Pass pass) const {
    return tallies_[std::size_t(operation)][std::size_t(pass)];
  }
  double& kept(KeptTensor tensor) { return kept_[std::size_t(tensor)]; }  ///< Bytes; half bytes occur (E5M6).
  double kept(KeptTensor tensor) const { return kept_[std::size_t(tensor)]; }
  Ledger& operator+=(const Ledger& other);

 private:
  std::array<std::array<Tally, std::size_t(Pass::Count)>, std::size_t(Operation::Count)> tallies_{};
  std::array<double, std::size_t(KeptTensor::Count)> kept_{};
};

}  // namespace orrery::reference
