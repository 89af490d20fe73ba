#pragma once

#include <optional>
#include <vector>

namespace orrery::reference {

/// Multi-head latent attention (arXiv 2405.04434, section 2.1). `query_rank` 0: queries are not compressed.
struct LatentShape {
  int query_rank = 0, key_value_rank = 0;
  int nope_dim = 0, rope_dim = 0, value_dim = 0;
};

/// Rotary positions; YaRN (arXiv 2309.00071) where `factor` > 1.
struct RotaryShape {
  double base = 10'000;
  double factor = 1;  ///< Extension over `original_positions`.
  int original_positions = 4096;
  double beta_fast = 32, beta_slow = 1;
  double mscale = 1;
};

enum class Score { Sigmoid, Softmax };

struct GateShape {
  int experts = 0, per_token = 0;
  int groups = 1, groups_per_token = 1;
  Score score = Score::Sigmoid;
  bool selection_bias = false;
  bool normalised = true;  ///< Weights of a token sum to `scale`.
  double scale = 1;        ///< Routed scaling factor (2.5 in V3).
};

struct ExpertShape {
  GateShape gate;
  int width = 0;         ///< Of one routed expert.
  int shared_width = 0;  ///< Of the shared experts together; 0: none.
};

/// One decoder-only transformer.
struct ModelShape {
  int vocabulary = 0, hidden = 0;
  int heads = 0, key_value_heads = 0, head_dim = 0;  ///< The last two: GQA alone.
  std::optional<LatentShape> latent;                 ///< Else GQA.
  RotaryShape rotary;
  int dense_width = 0;
  std::optional<ExpertShape> experts;
  std::vector<bool> is_moe;  ///< One a layer.
  int predict_layers = 0;    ///< MTP modules; 0 or 1.
  double norm_epsilon = 1e-6;
};

}  // namespace orrery::reference
