#pragma once

#include <cstddef>
#include <cstdint>

namespace orrery::reference {

/// A small floating-point format: sign, exponent, fraction. Conversions from float32 round to nearest, ties
/// to even; everything larger than the largest finite value, infinity too, becomes that value with its sign;
/// NaN stays NaN.
struct Format {
  int exponent_bits, fraction_bits, bias;
  bool finite_only;  ///< E4M3: no infinity; all-ones exponent and fraction is NaN, other all-ones exponents
                     ///< are numbers.
};
/// Open Compute Project, OCP 8-bit Floating Point Specification 1.0.
inline constexpr Format e4m3{4, 3, 7, true};
inline constexpr Format e5m2{5, 2, 15, false};
/// 12 bits, for what the output projection of attention keeps (arXiv 2412.19437, section 3.3.3).
inline constexpr Format e5m6{5, 6, 15, false};
inline constexpr Format bf16{8, 7, 127, false};

/// 448, 57344, 65024 and (2 - 2^-7) 2^127.
double largest(const Format& format);

/// The code nearest to `value`, in integers: the significand is cut at the format's last place and what was
/// cut off decides the rounding. The sign is the top bit of 1 + exponent_bits + fraction_bits. A NaN keeps
/// its sign and, where the format has room, the top of its payload. Checked: known values by hand; every code
/// that is no infinity comes back from `decode` as itself; all 2^32 floats against `round_array`
/// (number_format_test.cpp).
std::uint32_t encode(const Format& format, float value);

/// The value of a code; codes of infinity, which `encode` never makes, are infinities.
float decode(const Format& format, std::uint32_t code);

/// decode(encode(value)), quick: without branches and without integers that depend on the value's size. Equal
/// to encode and decode on all 2^32 floats (a NaN's payload aside).
float rounded(const Format& format, float value);

/// `rounded` of each of `count` elements; `to` is `from` itself or does not overlap it. About 0.1 ns an
/// element in cache with AVX2.
void round_array(const Format& format, const float* from, float* to, std::size_t count);

}  // namespace orrery::reference
