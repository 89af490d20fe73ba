#pragma once

#include <vector>

#include "models/work/work.hpp"

namespace orrery {

using Calls = std::vector<KernelCall>;

/// The parts of segment_work, one file each; all sizes are one rank's.
Calls attention_forward(const WorkShape& shape);
Calls attention_backward(const WorkShape& shape);
Calls attention_weight(const WorkShape& shape);

/// The same with grouped key-value heads, and the network of a dense block with what belongs to it.
Calls grouped_attention_forward(const WorkShape& shape);
Calls grouped_attention_backward(const WorkShape& shape);
Calls grouped_attention_weight(const WorkShape& shape);
Calls network_forward(const WorkShape& shape);
Calls network_backward(const WorkShape& shape);
Calls network_weight(const WorkShape& shape);

/// A feed-forward network of `width` over `tokens` rows that every token passes.
struct DenseFfn {
  std::int64_t tokens;
  std::int64_t width;
};
Calls dense_forward(const WorkShape& shape, DenseFfn ffn);
Calls dense_backward(const WorkShape& shape, DenseFfn ffn);
Calls dense_weight(const WorkShape& shape, DenseFfn ffn);

Calls router_forward(const WorkShape& shape);
Calls router_backward(const WorkShape& shape);
Calls experts_forward(const WorkShape& shape, std::int64_t rows);
Calls experts_backward(const WorkShape& shape, std::int64_t rows);
Calls experts_weight(const WorkShape& shape, std::int64_t rows);

Calls head_forward(const WorkShape& shape);
Calls head_backward(const WorkShape& shape);
Calls head_weight(const WorkShape& shape);
Calls projection_forward(const WorkShape& shape);
Calls projection_backward(const WorkShape& shape);
Calls projection_weight(const WorkShape& shape);

void append(Calls& to, const Calls& more);

/// Elements times bytes an element; half bytes occur (the 12-bit format).
inline Bytes moved(std::int64_t elements, double bytes_each) {
  return Bytes(std::int64_t(double(elements) * bytes_each));
}

// Bytes an element that kernels of the FP8 recipe move: a BF16 value read is 2, written 2; an FP8 value
// 1 and its share of the 1x128 scale 4/128.
constexpr double fp8_scale = 4.0 / 128;
constexpr double cast_bytes = 2 + 1 + fp8_scale;        ///< BF16 in, FP8 out.
constexpr double gather_bytes = 1 + 1 + 2 * fp8_scale;  ///< FP8 in, FP8 out in the other tiling.
constexpr double twelve_bit_bytes = 2 + 1.5;            ///< BF16 to or from E5M6.

/// Casts exist in the FP8 recipe alone; in BF16 nothing is appended.
void cast_tokens(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements);
void cast_channels(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements);
void transpose_weight(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements);

/// The 1x128 scales of a product's first operand are laid out anew for the tensor cores before each FP8
/// product: one launch of 9.1 us. The trace has 20 FP8 products and 20 such launches a layer, 731 us for 80
/// of them.
constexpr Seconds scale_kernel{9.1e-6};
void transpose_scales(Calls& calls, const WorkShape& shape);

void product(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t m, std::int64_t n,
             std::int64_t k);
void accumulate(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t m, std::int64_t n,
                std::int64_t k);
void move_bytes(Calls& calls, std::string_view name, Traffic traffic, Bytes bytes);

/// Sequence parallelism: gather before a block's matrices, scatter after them, both waited for; without it an
/// all-reduce after them; nothing when alone.
void gather_sequence(Calls& calls, const WorkShape& shape);
void scatter_sequence(Calls& calls, const WorkShape& shape);

}  // namespace orrery
