#include "scenarios/reading/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scenarios/reading/nearest.hpp"

namespace orrery {
namespace {

std::string article(std::string_view noun) {
  const bool vowel = std::string_view("aeiouAEIO").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

std::string plain(double value) { return fmt::format("{}", value); }

/// A bound in the unit that people would use, from the units of the kind's example.
std::string bound(const KeyShape& shape, double value) {
  if (shape.type != ValueType::Quantity) return plain(value);
  struct Scale {
    QuantityKind kind;
    double size;
    std::string_view unit;
  };
  using K = QuantityKind;
  static constexpr Scale scales[] = {{K::Size, 1, "B"},
                                     {K::Bandwidth, 1, "B/s"},
                                     {K::Time, 1, "s"},
                                     {K::Compute, 1, "FLOP/s"},
                                     {K::Count, 1, ""},
                                     {K::Power, 1, "W"},
                                     {K::Energy, 1, "J"},
                                     {K::Money, 1, "USD"},
                                     {K::MoneyPerHour, 1, "USD/h"},
                                     {K::MoneyPerEnergy, 1, "USD/kWh"},
                                     {K::CarbonPerEnergy, 1, "kg/kWh"},
                                     {K::Share, 0.01, "%"},
                                     {K::Length, 1, "m"}};
  const Scale& scale = scales[std::size_t(shape.quantity)];
  return fmt::format("{}{}{}", value / scale.size, scale.unit.empty() ? "" : " ", scale.unit);
}

std::string range_text(const KeyShape& shape) {
  if (std::isfinite(shape.most))
    return "from " + bound(shape, shape.least) + " to " + bound(shape, shape.most);
  return "of at least " + bound(shape, shape.least);
}

}  // namespace

std::string_view KeyRow::section() const {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return "";
  const std::string_view before = name.substr(0, dot);
  return before.substr(0, before.find("[]"));
}

std::string_view KeyRow::leaf() const {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

std::string example_line(const KeyRow& row) {
  const std::string name(row.leaf());
  if (row.missing.means == Missing::Means::Default && !row.missing.text.empty() &&
      row.missing.text != "\"\"" && row.missing.text != "[]")
    return name + " = " + std::string(row.missing.text);
  const KeyShape& shape = row.shape;
  const auto quoted = [&](std::string_view text) { return name + " = \"" + std::string(text) + "\""; };
  switch (shape.type) {
    case ValueType::Quantity:
      return quoted(kind_example(shape.quantity));
    case ValueType::Integer:
      return name + " = " + plain(std::clamp(16.0, shape.least, shape.most));
    case ValueType::Number:
      return name + " = " + plain(std::clamp(0.5, shape.least, shape.most));
    case ValueType::Word:
    case ValueType::WordOrIntegers:
      return quoted(shape.words().front());
    case ValueType::Words:
      return name + " = [\"" + std::string(shape.words().back()) + "\"]";
    case ValueType::Integers:
      return name + " = [" + plain(std::clamp(0.0, shape.least, shape.most)) + "]";
    case ValueType::Text:
      return quoted("words");
    case ValueType::Data: {
      const auto names = data_names(shape.data);
      return quoted(names.empty() ? "file.toml" : names.front());
    }
    case ValueType::File:
      return quoted(shape.example);
    case ValueType::Figure:
      return quoted("19.9 s");
  }
  return name;
}

std::string describe(const KeyShape& shape) {
  const auto words = [&] { return "one of " + joined(shape.words(), ", "); };
  switch (shape.type) {
    case ValueType::Quantity:
      return article(kind_name(shape.quantity)) + " " + range_text(shape);
    case ValueType::Integer:
      return "an integer " + range_text(shape);
    case ValueType::Number:
      return "a number " + range_text(shape);
    case ValueType::Word:
      return words();
    case ValueType::Words:
      return words() + ", or a list of them";
    case ValueType::WordOrIntegers:
      return words() + ", or a list of integers " + range_text(shape);
    case ValueType::Integers:
      return "a list of integers " + range_text(shape);
    case ValueType::Text:
      return "text in quotes";
    case ValueType::Data:
      return "the name of a built-in " + std::string(data_kind_name(shape.data)) + " or a path, in quotes";
    case ValueType::File:
      return "a path to a file, in quotes";
    case ValueType::Figure:
      return "a number, or a number with its unit in quotes";
  }
  return "";
}

std::string reference_entry(const KeyRow& row) {
  std::string entry(row.name);
  entry += "\n  " + std::string(row.help) + "\n  takes " + describe(row.shape);
  switch (row.missing.means) {
    case Missing::Means::Fault:
      entry += "; required";
      break;
    case Missing::Means::Nothing:
      entry += "; may be left out";
      break;
    case Missing::Means::Default:
      entry += "; default " + std::string(row.missing.text);
      break;
  }
  if (row.shape.type == ValueType::Quantity) entry += "\n  units: " + kind_units(row.shape.quantity);
  return entry + "\n  example: " + example_line(row) + "\n";
}

}  // namespace orrery
