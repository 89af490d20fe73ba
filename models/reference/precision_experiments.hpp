#pragma once

#include <cstdint>

#include "models/reference/accumulator.hpp"
#include "models/reference/numerics.hpp"

namespace orrery::reference {

/// How far a product is from the exact one of the same operands.
struct ProductErrors {
  double largest = 0;    ///< Largest |y - exact| / |exact| of an entry.
  double frobenius = 0;  ///< Norm of y - exact over that of `exact`.
};
ProductErrors product_errors(const Matrix<float>& y, const Matrix<double>& exact);

/// Random operands of a product over `depth`.
enum class Inputs : std::uint8_t {
  Positive,  ///< Uniform between 0 and 1.
  Normal,    ///< Standard normal: sums are small beside their terms.
};
struct ProductSize {
  int rows = 32, columns = 32, depth = 4096;
};
/// Errors of accumulation alone: operands are rounded to E4M3 first, and the exact product is theirs.
ProductErrors accumulator_errors(const ProductSize& size, Inputs inputs, const AccumulatorRule& rule,
                                 std::uint64_t seed);

/// Errors of a product whose first operand is rounded to E4M3 with one scale a part; weights are not rounded.
struct ScalingErrors {
  ProductErrors product;
  double flushed = 0;      ///< Share of elements that are not 0 but become 0.
  double worst_token = 0;  ///< Largest error of one token's row, over that row's norm.
};
/// Activations, normal but for some channels whose numbers are `outlier` times as large in some tokens
/// (Dettmers et al., arXiv 2208.07339: a few channels, up to 20 times and more).
ScalingErrors activation_scaling_errors(const ProductSize& size, Scaling scaling, double outlier,
                                        std::uint64_t seed);
/// Gradients of activations: tokens differ in size by `spread` powers of ten, evenly (arXiv 2412.19437, B.2:
/// token-correlated outliers, which blocks cannot follow).
ScalingErrors gradient_scaling_errors(const ProductSize& size, Scaling scaling, double spread,
                                      std::uint64_t seed);

}  // namespace orrery::reference
