#include "reports/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <span>

namespace orrery {
namespace {

struct Scale {
  double factor;
  std::string_view unit;
};

/// Commas into the whole part of a decimal number.
std::string with_commas(std::string_view number) {
  const std::size_t whole = std::min(number.find('.'), number.size());
  std::string result;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const bool after_a_digit = i > 0 && number[i - 1] != '-';
    if (i < whole && after_a_digit && (whole - i) % 3 == 0) result += ',';
    result += number[i];
  }
  return result;
}

/// The power of ten of the number once it is rounded to four digits: 999.96 counts as 1000.
int rounded_exponent(double number) {
  if (number == 0) return 0;
  const std::string text = fmt::format("{:.3e}", number);
  return std::atoi(text.c_str() + text.find('e') + 1);
}

double rounded(double number) { return std::strtod(fmt::format("{:.3e}", number).c_str(), nullptr); }

/// In the largest unit in which the rounded number is at least one; scales from large to small.
std::string scaled(double number, std::span<const Scale> scales) {
  const Scale* chosen = &scales.back();
  for (const Scale& scale : scales) {
    if (std::abs(rounded(number / scale.factor)) >= 1) {
      chosen = &scale;
      break;
    }
  }
  if (number == 0) return fmt::format("0 {}", chosen->unit);
  return fmt::format("{} {}", four_digits(number / chosen->factor), chosen->unit);
}

/// Bytes are whole: below the first multiple there is nothing behind a point.
std::string scaled_bytes(Bytes size, std::span<const Scale> scales) {
  const auto whole = double(size.value());
  if (std::abs(rounded(whole / scales.back().factor)) < 1) return grouped(size.value()) + " B";
  return scaled(whole, scales);
}

}  // namespace

std::string grouped(std::int64_t number) { return with_commas(fmt::format("{}", number)); }

std::string four_digits(double number) {
  const int decimals = 3 - rounded_exponent(number);
  if (!std::isfinite(number)) return fmt::format("{}", number);
  if (number == 0) return "0";
  if (decimals > 9) return fmt::format("{:.3e}", number);
  return with_commas(fmt::format("{:.{}f}", number, decimals > 0 ? decimals : 0));
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string signed_percent(double value) { return fmt::format("{:+.1f} %", value); }

std::string human(Seconds time) {
  constexpr std::array<Scale, 7> scales{
      {{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}}};
  return scaled(time.value(), scales);
}

std::string human(BytesPerSecond rate) {
  constexpr std::array<Scale, 6> scales{
      {{1e15, "PB/s"}, {1e12, "TB/s"}, {1e9, "GB/s"}, {1e6, "MB/s"}, {1e3, "kB/s"}, {1, "B/s"}}};
  return scaled(rate.value(), scales);
}

std::string human(FlopsPerSecond rate) {
  constexpr std::array<Scale, 6> scales{{{1e18, "EFLOP/s"},
                                         {1e15, "PFLOP/s"},
                                         {1e12, "TFLOP/s"},
                                         {1e9, "GFLOP/s"},
                                         {1e6, "MFLOP/s"},
                                         {1, "FLOP/s"}}};
  return scaled(rate.value(), scales);
}

std::string human(Dollars money) {
  constexpr std::array<Scale, 2> scales{{{1e9, "B USD"}, {1e6, "M USD"}}};
  const double amount = money.value();
  if (std::abs(rounded(amount / 1e6)) >= 1) return scaled(amount, scales);
  if (std::abs(amount) >= 1000) return grouped(std::llround(amount)) + " USD";
  return with_commas(fmt::format("{:.2f}", amount)) + " USD";
}

std::string human(Watts power) {
  constexpr std::array<Scale, 4> scales{{{1e9, "GW"}, {1e6, "MW"}, {1e3, "kW"}, {1, "W"}}};
  return scaled(power.value(), scales);
}

std::string binary_bytes(Bytes size) {
  constexpr std::array<Scale, 5> scales{
      {{0x1p50, "PiB"}, {0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}}};
  return scaled_bytes(size, scales);
}

std::string decimal_bytes(Bytes size) {
  constexpr std::array<Scale, 5> scales{{{1e15, "PB"}, {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}}};
  return scaled_bytes(size, scales);
}

std::string human_count(double count) {
  constexpr std::array<Scale, 4> scales{{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}}};
  if (std::abs(count) < 10'000 && count == std::trunc(count)) return grouped(std::int64_t(count));
  if (std::abs(count) < 1000) return four_digits(count);
  return scaled(count, scales);
}

std::string in_thousands(double count, std::string_view unit) {
  return fmt::format("{} K {}", four_digits(count / 1000), unit);
}

}  // namespace orrery
