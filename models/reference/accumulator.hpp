#pragma once

#include <cstdint>
#include <span>

#include "models/reference/matrix.hpp"

namespace orrery::reference {

/// What a short accumulator cuts off: the bits of each addend below its last place before they are summed, or
/// those of their exact sum alone. Both towards zero.
enum class Truncation : std::uint8_t { EveryAddend, Sum };

/// A tensor core's sum of products, and its promotion.
struct AccumulatorRule {
  Truncation truncation = Truncation::EveryAddend;
  int promotion = 0;       ///< Terms after which the sum goes to an FP32 one; 0: never.
  int group = 32;          ///< Products that are summed at once, with the sum so far.
  int fraction_bits = 13;  ///< Below the largest exponent of the group: 14 bits in all.
};

/// sum of a_i b_i as the FP8 tensor cores of Hopper take it: `group` products and the sum so far are aligned
/// to the largest exponent among them and cut at `fraction_bits` below it, as the rule says; the result is
/// cut to as many bits again. After each `promotion` terms that sum is added to a float32 one, nearest even,
/// and begins anew. `a` and `b` hold numbers of E4M3, whose products double has exactly, as it has sums of a
/// group.
///
/// Source     arXiv 2412.19437, section 3.3.2 and its footnote: 32 products, right shifts to the largest
///            exponent, "highest 14 bits", the rest truncated; promotion every 128 elements. Which of the
///            two truncations silicon does is not published.
/// Checked    accumulator_test.cpp: a twin in 128-bit integers, 1,000 random dots bit by bit; exact where
///            nothing is cut.
/// Takes      about 3 ns a product: for experiments, not for trainings.
/// Leaves out NaN and infinity; how silicon splits a group of 32 among its adders.
float accumulated_dot(std::span<const float> a, std::span<const float> b, const AccumulatorRule& rule);

/// y [rows of x, rows of w] = x w^T, every entry by `accumulated_dot`.
Matrix<float> accumulated_product(const Matrix<float>& x, const Matrix<float>& w,
                                  const AccumulatorRule& rule);

}  // namespace orrery::reference
