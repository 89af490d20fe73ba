#include "scenarios/reading/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "scenarios/reading/nearest.hpp"

namespace orrery {
namespace {

struct Unit {
  QuantityKind kind;
  std::string_view text;
  int tens = 0;      ///< Power of ten, applied to the digits.
  double times = 1;  ///< And what is no power of ten.
};

constexpr double kibi = 1024, mebi = kibi * kibi, gibi = mebi * kibi, tebi = gibi * kibi;
using K = QuantityKind;

constexpr std::array units{
    Unit{K::Size, "B"},
    Unit{K::Size, "kB", 3},
    Unit{K::Size, "MB", 6},
    Unit{K::Size, "GB", 9},
    Unit{K::Size, "TB", 12},
    Unit{K::Size, "PB", 15},
    Unit{K::Size, "KiB", 0, kibi},
    Unit{K::Size, "MiB", 0, mebi},
    Unit{K::Size, "GiB", 0, gibi},
    Unit{K::Size, "TiB", 0, tebi},
    Unit{K::Bandwidth, "B/s"},
    Unit{K::Bandwidth, "kB/s", 3},
    Unit{K::Bandwidth, "MB/s", 6},
    Unit{K::Bandwidth, "GB/s", 9},
    Unit{K::Bandwidth, "TB/s", 12},
    Unit{K::Bandwidth, "PB/s", 15},
    Unit{K::Bandwidth, "KiB/s", 0, kibi},
    Unit{K::Bandwidth, "MiB/s", 0, mebi},
    Unit{K::Bandwidth, "GiB/s", 0, gibi},
    Unit{K::Bandwidth, "TiB/s", 0, tebi},
    Unit{K::Bandwidth, "b/s", 0, 0.125},
    Unit{K::Bandwidth, "kb/s", 3, 0.125},
    Unit{K::Bandwidth, "Mb/s", 6, 0.125},
    Unit{K::Bandwidth, "Gb/s", 9, 0.125},
    Unit{K::Bandwidth, "Tb/s", 12, 0.125},
    Unit{K::Bandwidth, "Gbps", 9, 0.125},
    Unit{K::Bandwidth, "Tbps", 12, 0.125},
    Unit{K::Time, "ns", -9},
    Unit{K::Time, "us", -6},
    Unit{K::Time, "\u00B5s", -6},
    Unit{K::Time, "\u03BCs", -6},
    Unit{K::Time, "ms", -3},
    Unit{K::Time, "s"},
    Unit{K::Time, "min", 0, 60},
    Unit{K::Time, "h", 0, 3600},
    Unit{K::Time, "d", 0, 86400},
    Unit{K::Compute, "FLOP/s"},
    Unit{K::Compute, "GFLOP/s", 9},
    Unit{K::Compute, "TFLOP/s", 12},
    Unit{K::Compute, "PFLOP/s", 15},
    Unit{K::Compute, "GFLOPS", 9},
    Unit{K::Compute, "TFLOPS", 12},
    Unit{K::Compute, "PFLOPS", 15},
    Unit{K::Count, "k", 3},
    Unit{K::Count, "M", 6},
    Unit{K::Count, "B", 9},
    Unit{K::Count, "T", 12},
    Unit{K::Power, "W"},
    Unit{K::Power, "kW", 3},
    Unit{K::Power, "MW", 6},
    Unit{K::Energy, "J"},
    Unit{K::Energy, "kWh", 3, 3600},
    Unit{K::Energy, "MWh", 6, 3600},
    Unit{K::Money, "USD"},
    Unit{K::Money, "kUSD", 3},
    Unit{K::Money, "MUSD", 6},
    Unit{K::MoneyPerHour, "USD/h"},
    Unit{K::MoneyPerEnergy, "USD/kWh"},
    Unit{K::MoneyPerEnergy, "USD/MWh", -3},
    Unit{K::CarbonPerEnergy, "kg/kWh"},
    Unit{K::CarbonPerEnergy, "g/kWh", -3},
    Unit{K::Share, "%", -2},
    Unit{K::Length, "m"},
};

struct KindRow {
  std::string_view name, example;
};
constexpr std::array kinds{
    KindRow{"size", "80 GiB"},
    KindRow{"bandwidth", "50 GB/s"},
    KindRow{"time", "3.7 us"},
    KindRow{"compute rate", "989 TFLOP/s"},
    KindRow{"count", "14.8 T"},
    KindRow{"power", "700 W"},
    KindRow{"energy", "10 kWh"},
    KindRow{"sum of money", "30000 USD"},
    KindRow{"price an hour", "2 USD/h"},
    KindRow{"price of energy", "0.08 USD/kWh"},
    KindRow{"carbon of energy", "0.4 kg/kWh"},
    KindRow{"share", "85 %"},
    KindRow{"length", "3 m"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; }

/// A decimal number cut apart, so that a unit's power of ten can be added to its exponent.
struct Decimal {
  std::string digits;  ///< Sign, digits and point.
  int exponent = 0;
  std::size_t length = 0;  ///< Characters read; 0: no number.
};

Decimal read_decimal(std::string_view text) {
  Decimal number;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
    if (text[at] == '-') number.digits += '-';
    ++at;
  }
  const auto take_digits = [&] {
    std::size_t taken = 0;
    while (at < text.size() && (is_digit(text[at]) || (taken > 0 && text[at] == '_' && at + 1 < text.size() &&
                                                       is_digit(text[at + 1])))) {
      if (text[at] != '_') number.digits += text[at];
      ++at;
      ++taken;
    }
    return taken > 0;
  };
  if (!take_digits()) return {};
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
    number.digits += '.';
    ++at;
    take_digits();
  }
  if (at + 1 < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t end = at + 1;
    if (text[end] == '+' || text[end] == '-') ++end;
    if (end < text.size() && is_digit(text[end])) {
      const bool negative = text[at + 1] == '-';
      int exponent = 0;
      for (; end < text.size() && is_digit(text[end]); ++end)
        exponent = std::min(exponent * 10 + (text[end] - '0'), 9999);
      number.exponent = negative ? -exponent : exponent;
      at = end;
    }
  }
  number.length = at;
  return number;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string with_example(std::string remedy, QuantityKind kind) {
  return std::move(remedy) + ", as in " + quoted(kind_example(kind));
}

/// Units that differ from what was written by case alone, or by KB for kB and KiB.
std::vector<std::string_view> look_alikes(std::string_view written, QuantityKind kind) {
  std::vector<std::string_view> found;
  const auto same_letters = [](std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower, lower);
  };
  for (const Unit& unit : units) {
    if (unit.kind != kind) continue;
    if (same_letters(unit.text, written)) found.push_back(unit.text);
    const bool binary = unit.text.size() > 2 && unit.text[1] == 'i';
    if (binary && written.starts_with("K") &&
        same_letters(std::string{unit.text[0]} + std::string(unit.text.substr(2)), written))
      found.push_back(unit.text);
  }
  return found;
}

std::string unit_remedy(std::string_view written, QuantityKind kind) {
  if (written.empty()) return with_example("it needs a unit: " + kind_units(kind), kind);
  if (written.starts_with(",")) return with_example("decimals are written with a point", kind);
  const auto near = look_alikes(written, kind);
  if (!near.empty()) {
    std::string remedy = "did you mean " + joined(near, " or ") + "? Case matters: ";
    remedy += "B is a byte and b a bit, k is 1000 and Ki 1024";
    return remedy;
  }
  for (const Unit& unit : units) {
    if (unit.text == written) {
      return "'" + std::string(written) + "' is a unit of " + std::string(kind_name(unit.kind)) + "; a " +
             with_example(std::string(kind_name(kind)) + " is in " + kind_units(kind), kind);
    }
  }
  return with_example("unknown unit '" + std::string(written) + "'; known: " + kind_units(kind), kind);
}

}  // namespace

std::string_view kind_name(QuantityKind kind) { return kinds[std::size_t(kind)].name; }
std::string_view kind_example(QuantityKind kind) { return kinds[std::size_t(kind)].example; }

std::string kind_units(QuantityKind kind) {
  std::vector<std::string_view> names;
  for (const Unit& unit : units)
    if (unit.kind == kind) names.push_back(unit.text);
  return joined(names, ", ");
}

Checked<double> read_quantity(std::string_view text, QuantityKind kind) {
  const std::string problem = "cannot read " + quoted(text) + " as a " + std::string(kind_name(kind));
  const auto refuse = [&](std::string remedy) {
    return Checked<double>{0, {{"", problem, std::move(remedy)}}};
  };

  const Decimal number = read_decimal(text);
  if (number.length == 0) return refuse(with_example("write a number and its unit", kind));
  std::string_view written = text.substr(number.length);
  while (written.starts_with(" ")) written.remove_prefix(1);

  Unit unit{kind, ""};
  if (!written.empty() || !bare_number_allowed(kind)) {
    const auto found =
        std::ranges::find_if(units, [&](const Unit& row) { return row.kind == kind && row.text == written; });
    if (found == units.end()) return refuse(unit_remedy(written, kind));
    unit = *found;
  }
  const std::string digits = number.digits + "e" + std::to_string(number.exponent + unit.tens);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  value *= unit.times;
  if (error != std::errc() || !std::isfinite(value))
    return refuse("the number is too large or too small to hold");
  if (kind == QuantityKind::Size || kind == QuantityKind::Count) value = std::round(value);
  return {value, {}};
}

}  // namespace orrery
