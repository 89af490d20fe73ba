#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/reference/attention.hpp"
#include "models/reference/experts.hpp"
#include "models/reference/gated_ffn.hpp"

namespace orrery::reference {

/// One transformer block: norm, attention, residual, norm, network (dense or experts), residual.
template <class Real>
struct BlockWeights {
  Vector<Real> attention_norm;  ///< [hidden]
  AttentionWeights<Real> attention;
  Vector<Real> network_norm;  ///< [hidden]
  FfnWeights<Real> dense;     ///< One of the two is filled.
  MoeWeights<Real> moe;
};

/// Multi-token prediction (V3 section 2.2): h' = projection [norm(h); norm(embedding of the next token)], one
/// block with experts, then the shared norm-head.
template <class Real>
struct PredictWeights {
  Vector<Real> hidden_norm, embedding_norm;  ///< [hidden]
  Matrix<Real> projection;                   ///< [hidden, 2 hidden]
  BlockWeights<Real> block;
  Vector<Real> final_norm;  ///< [hidden]
};

template <class Real>
struct ModelWeights {
  Matrix<Real> embedding;  ///< [vocabulary, hidden]
  std::vector<BlockWeights<Real>> block;
  Vector<Real> final_norm;  ///< [hidden]
  Matrix<Real> head;        ///< [vocabulary, hidden]
  std::vector<PredictWeights<Real>> predict;
};

/// Weights of the shape: normal with standard deviation `spread` from named random streams; norms 1. The same
/// numbers in float and double (rounded to float first).
template <class Real>
ModelWeights<Real> initial_weights(const ModelShape& shape, double spread, std::uint64_t seed);
/// As large as `weights`, all 0.
template <class Real>
ModelWeights<Real> zeros_like(const ModelWeights<Real>& weights);

/// A flat view of every tensor in a fixed order, with its name ("layer 2 expert 17 down"); for the optimizer,
/// tests, and initialization.
template <class Real>
struct NamedTensor {
  std::string name;
  Eigen::Map<Vector<Real>> values;
  bool decays;  ///< Norm weights do not.
};
template <class Real>
std::vector<NamedTensor<Real>> tensors_of(ModelWeights<Real>& weights);

/// Selection bias of each MoE layer: the main layers in order, then the MTP module's.
using Biases = std::vector<SelectionBias>;
Biases zero_biases(const ModelShape& shape);

/// `tokens` [sequences * (length + 2)]: each sequence brings `length` inputs and two more tokens, so that
/// position t has its next token t+1 and the MTP module its t+2.
struct Batch {
  std::span<const std::int32_t> tokens;
  int sequences = 0, length = 0;
};

struct LossRule {
  BalanceRule balance;
  double predict_weight = 0;  ///< lambda of the MTP loss; 0: MTP module not run.
};

struct PassResult {
  double loss = 0;              ///< Mean cross-entropy of the next token, nats.
  double predict_loss = 0;      ///< The same of the MTP module, before lambda.
  double balance_loss = 0;      ///< Summed over layers.
  std::vector<Indices> choice;  ///< [MoE layer] [tokens, per_token], the MTP module's last.
};

/// Forward and backward of the whole model; adds to `gradient`. `fixed`: routing to hold, one of each MoE
/// layer.
template <class Real>
PassResult forward_backward(const ModelShape& shape, const ModelWeights<Real>& weights, const Biases& biases,
                            const Batch& batch, const LossRule& rule, const Context& context,
                            ModelWeights<Real>& gradient, const std::vector<Indices>* fixed = nullptr);
/// Forward alone; nothing is kept.
template <class Real>
PassResult evaluate(const ModelShape& shape, const ModelWeights<Real>& weights, const Biases& biases,
                    const Batch& batch, const LossRule& rule, const Context& context,
                    const std::vector<Indices>* fixed = nullptr);

/// Greedy second-token acceptance by real speculative decoding: at every position the MTP module drafts token
/// t+2 from the main model's own token t+1; accepted where the main model, fed that t+1, says the same.
struct Acceptance {
  std::int64_t drafted = 0, accepted = 0;
};
Acceptance speculative_acceptance(const ModelShape& shape, const ModelWeights<float>& weights,
                                  const Biases& biases, std::span<const std::int32_t> prompts,
                                  int prompts_count, int prompt_length, int generated,
                                  const Numerics& numerics);

}  // namespace orrery::reference
