#pragma once

#include <cstddef>
#include <cstdint>

namespace orrery::reference {

/// A small floating-point format: sign, exponent, fraction; conversions from float32 round to nearest, ties
/// to even, and saturate at the largest finite value; NaN stays NaN.
struct Format {
  int exponent_bits, fraction_bits, bias;
  bool finite_only;  ///< E4M3: no infinity; all-ones exponent and fraction is NaN, other all-ones exponents
                     ///< are numbers.
};
inline constexpr Format e4m3{4, 3, 7, true};
inline constexpr Format e5m2{5, 2, 15, false};
inline constexpr Format e5m6{5, 6, 15, false};
inline constexpr Format bf16{8, 7, 127, false};

double largest(const Format& format);
std::uint32_t encode(const Format& format, float value);
float decode(const Format& format, std::uint32_t code);
/// decode(encode(value)), quick: bit tricks on whole arrays, the same results as encode and decode (tested).
float rounded(const Format& format, float value);
void round_array(const Format& format, const float* from, float* to, std::size_t count);

}  // namespace orrery::reference
