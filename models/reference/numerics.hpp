#pragma once

#include <cstdint>

#include "models/reference/ledger.hpp"

namespace orrery::reference {

/// What the operands of a product are rounded to before they are multiplied; sums are of the array's own
/// type.
///   Full   not at all (float32, or double in gradient tests)
///   Bf16   bfloat16, nearest even; results that are activations are stored in bfloat16
///   Fp8    E4M3 with the scales of `Fp8Recipe`; results are stored in bfloat16
enum class Precision : std::uint8_t { Full, Bf16, Fp8 };

/// What shares one scale.
enum class Scaling : std::uint8_t {
  Tile,    ///< 1 x 128 along the summed direction.
  Block,   ///< 128 x 128.
  Tensor,  ///< The whole matrix.
};

/// DeepSeek-V3's recipe (arXiv 2412.19437, section 3.3), and what is changed about it in experiments.
struct Fp8Recipe {
  Scaling activation = Scaling::Tile;
  Scaling activation_gradient = Scaling::Tile;
  Scaling weight = Scaling::Block;
};

/// Which arithmetic each kind of operation uses. The gate, norms' sums, softmax, losses and the optimizer are
/// always in the array's own type; gradients of weights and master weights too.
struct Numerics {
  Precision linear = Precision::Full;  ///< Attention's projections, dense FFN, experts.
  Precision other = Precision::Full;   ///< Embedding, attention core, head, stored activations: Full or Bf16.
  Fp8Recipe fp8;
};
inline constexpr Numerics full_numerics{};
inline constexpr Numerics bf16_numerics{Precision::Bf16, Precision::Bf16, {}};
inline constexpr Numerics fp8_numerics{Precision::Fp8, Precision::Bf16, {}};

/// What backward computes again instead of keeping it; the gradients are the same bits either way.
struct Recompute {
  bool norm = false;           ///< RMSNorm outputs.
  bool up_projection = false;  ///< MLA's queries, keys and values from the latents.
  bool activation = false;     ///< SwiGLU outputs.
};

/// Handed to every operation.
struct Context {
  Numerics numerics;
  Recompute recompute;
  Ledger& ledger;
};

}  // namespace orrery::reference
