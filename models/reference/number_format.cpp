#include "models/reference/number_format.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "sim/check.hpp"

namespace orrery::reference {
namespace {

constexpr int float_fraction_bits = 23, float_bias = 127;
constexpr std::uint32_t float_magnitude = 0x7fff'ffff, float_infinity = 0x7f80'0000;

std::uint32_t exponent_mask(const Format& format) { return (1u << format.exponent_bits) - 1; }
std::uint32_t fraction_mask(const Format& format) { return (1u << format.fraction_bits) - 1; }

/// The code of the largest finite value, without sign.
std::uint32_t largest_code(const Format& format) {
  const std::uint32_t infinity = exponent_mask(format) << format.fraction_bits;
  return format.finite_only ? infinity + fraction_mask(format) - 1 : infinity - 1;
}

/// value / 2^shift to the nearest whole number, ties to even.
std::uint32_t shifted_to_nearest(std::uint32_t value, int shift) {
  const std::uint32_t whole = value >> shift, rest = value & ((1u << shift) - 1), half = 1u << (shift - 1);
  return whole + std::uint32_t(rest > half || (rest == half && whole % 2 == 1));
}

/// For formats whose largest value times 2^23 is a float32. With `binade` the power of two at or below the
/// value, no less than the format's smallest normal one, binade * 2^(23 - fraction_bits) has its own last
/// place where the format has it: adding and subtracting it rounds as float32 addition does, to nearest even.
struct RoundByAddition {
  std::int32_t smallest_binade, lift;
  float largest;

  explicit RoundByAddition(const Format& format)
      : smallest_binade((1 - format.bias + float_bias) << float_fraction_bits),
        lift((float_fraction_bits - format.fraction_bits) << float_fraction_bits),
        largest(float(reference::largest(format))) {}

  float operator()(float value) const {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const float size = std::bit_cast<float>(bits & float_magnitude);
    const float within = largest < size ? largest : size;  // NaN is not above, and stays.
    const auto exponent = std::int32_t(std::bit_cast<std::uint32_t>(within) & float_infinity);
    const float lifted =
        std::bit_cast<float>(std::uint32_t(std::max(exponent, smallest_binade)) + std::uint32_t(lift));
    const float nearest = (within + lifted) - lifted;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) | (bits & ~float_magnitude));
  }
};

/// For BF16, which has float32's exponents: half of the last place, less one unit where the last place is
/// even, is added to the bits, and the bits below the last place are cleared.
struct RoundBits {
  int drop;
  std::int32_t largest;

  explicit RoundBits(const Format& format)
      : drop(float_fraction_bits - format.fraction_bits),
        largest(std::int32_t(std::bit_cast<std::uint32_t>(float(reference::largest(format))))) {}

  float operator()(float value) const {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto size = std::int32_t(bits & float_magnitude);
    const auto within = std::uint32_t(std::min(size, largest));
    const std::uint32_t below = (1u << drop) - 1;
    const std::uint32_t nearest = (within + below / 2 + ((within >> drop) & 1)) & ~below;
    const std::uint32_t kept = size > std::int32_t(float_infinity) ? std::uint32_t(size) : nearest;
    return std::bit_cast<float>(kept | (bits & ~float_magnitude));
  }
};

bool has_exponents_of_float(const Format& format) { return format.bias == float_bias; }

/// Two loops, because a compiler that must allow for overlap would not vectorise the first in place.
template <class Round>
void round_each(const Round& round, const float* from, float* to, std::size_t count) {
  if (from == to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = round(to[i]);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = round(from[i]);
  }
}

}  // namespace

double largest(const Format& format) { return decode(format, largest_code(format)); }

std::uint32_t encode(const Format& format, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 31) << (format.exponent_bits + format.fraction_bits);
  const std::uint32_t size = bits & float_magnitude;
  if (size > float_infinity) {
    const std::uint32_t payload = (size & 0x007f'ffff) >> (float_fraction_bits - format.fraction_bits);
    const std::uint32_t fraction = format.finite_only ? fraction_mask(format) : std::max(payload, 1u);
    return sign | exponent_mask(format) << format.fraction_bits | fraction;
  }
  if (size == float_infinity) return sign | largest_code(format);

  // value = significand * 2^(exponent - 23); the format's last place there is 2^(binade - fraction_bits).
  const int field = int(size >> float_fraction_bits);
  const int exponent = std::max(field, 1) - float_bias;
  const std::uint32_t significand = (size & 0x007f'ffff) | (field > 0 ? 0x0080'0000 : 0);
  const int smallest = 1 - format.bias, binade = std::max(exponent, smallest);
  const int drop = (binade - format.fraction_bits) - (exponent - float_fraction_bits);
  // 25 places are enough to leave less than half of the 24-bit significand's place: nothing.
  const std::uint32_t places = shifted_to_nearest(significand, std::min(drop, 26));
  // The leading one of a normal number, and a carry out of the fraction, add one to the exponent's field.
  const std::uint32_t code = (std::uint32_t(binade - smallest) << format.fraction_bits) + places;
  return sign | std::min(code, largest_code(format));
}

float decode(const Format& format, std::uint32_t code) {
  const std::uint32_t field = (code >> format.fraction_bits) & exponent_mask(format);
  const std::uint32_t fraction = code & fraction_mask(format);
  const std::uint32_t sign = (code >> (format.exponent_bits + format.fraction_bits)) & 1;
  if (field == exponent_mask(format) && (!format.finite_only || fraction == fraction_mask(format))) {
    const std::uint32_t payload = fraction << (float_fraction_bits - format.fraction_bits);
    return std::bit_cast<float>(sign << 31 | float_infinity | payload);
  }
  const std::uint32_t leading = field > 0 ? 1u << format.fraction_bits : 0;
  const int last_place = std::max(int(field), 1) - format.bias - format.fraction_bits;
  const double size = std::ldexp(double(leading + fraction), last_place);
  return float(sign == 1 ? -size : size);
}

float rounded(const Format& format, float value) {
  return has_exponents_of_float(format) ? RoundBits(format)(value) : RoundByAddition(format)(value);
}

void round_array(const Format& format, const float* from, float* to, std::size_t count) {
  if (has_exponents_of_float(format)) {
    round_each(RoundBits(format), from, to, count);
  } else {
    round_each(RoundByAddition(format), from, to, count);
  }
}

}  // namespace orrery::reference
