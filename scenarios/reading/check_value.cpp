#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scenarios/reading/keys.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/reading/open_data.hpp"

namespace orrery {
namespace {

constexpr std::size_t longest_text = 4096, longest_list = 65536;

std::string plain(double value) { return fmt::format("{}", value); }

class ValueChecker {
 public:
  ValueChecker(const KeyRow& row, std::string_view beside) : row_(row), shape_(row.shape), beside_(beside) {}

  CheckedValue check(const Value& value) {
    switch (shape_.type) {
      case ValueType::Quantity:
        read_quantity_value(value);
        break;
      case ValueType::Integer:
        read_integer(value, checked_.parsed.integer);
        break;
      case ValueType::Number:
        read_number(value);
        break;
      case ValueType::Word:
        read_word(value);
        break;
      case ValueType::Words:
        read_words(value);
        break;
      case ValueType::Integers:
        read_integers(value);
        break;
      case ValueType::WordOrIntegers:
        std::holds_alternative<std::string>(value.data) ? read_word(value) : read_integers(value);
        break;
      case ValueType::Text:
        read_text(value);
        break;
      case ValueType::Data:
        read_data(value);
        break;
      case ValueType::File:
        read_file(value);
        break;
      case ValueType::Figure:
        read_figure(value);
        break;
    }
    return std::move(checked_);
  }

 private:
  void fail(const std::string& problem, std::string remedy, const Place& place, Fault fault = Fault::Input) {
    checked_.diagnostics.push_back(
        {std::string(row_.name), std::string(row_.name) + ": " + problem, std::move(remedy), {place}, fault});
  }
  void fail_type(const Value& value) {
    fail("takes " + describe(shape_) + ", found " + std::string(value_kind(value)),
         "write it as in " + example_line(row_), value.place);
  }
  bool in_range(double number, std::string_view written, const Place& place) {
    if (number >= shape_.least && number <= shape_.most) return true;
    fail(std::string(written) + " is out of range", "allowed is " + describe(shape_), place);
    return false;
  }

  void read_quantity_value(const Value& value) {
    double number = 0;
    std::string written;
    if (const auto* text = std::get_if<std::string>(&value.data)) {
      const Checked<double> read = read_quantity(*text, shape_.quantity);
      for (const Finding& finding : read.findings)
        fail(finding.problem, finding.remedy + "; the key is written as in " + example_line(row_),
             value.place);
      if (!read.ok()) return;
      number = read.value;
      written = *text;
    } else if (const auto bare = bare_number(value)) {
      number = *bare;
      written = plain(number);
      if (!bare_number_allowed(shape_.quantity)) {
        return fail(
            "needs a unit: " + written + " could be anything",
            "write it in quotes as in " + example_line(row_) + "; units: " + kind_units(shape_.quantity),
            value.place);
      }
    } else {
      return fail_type(value);
    }
    if (!in_range(number, written, value.place)) return;
    checked_.parsed.number = number;
    // Ranges of whole quantities end far below 2^63.
    if (std::abs(number) < 9e18) checked_.parsed.integer = std::int64_t(number);
  }

  static std::optional<double> bare_number(const Value& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value.data)) return double(*whole);
    if (const auto* real = std::get_if<double>(&value.data)) return *real;
    return std::nullopt;
  }

  void read_integer(const Value& value, std::int64_t& to) {
    const auto* whole = std::get_if<std::int64_t>(&value.data);
    if (!whole) return fail_type(value);
    if (in_range(double(*whole), std::to_string(*whole), value.place)) to = *whole;
  }

  void read_number(const Value& value) {
    const auto bare = bare_number(value);
    if (!bare) return fail_type(value);
    if (in_range(*bare, plain(*bare), value.place)) checked_.parsed.number = *bare;
  }

  void read_integers(const Value& value) {
    const auto* list = std::get_if<Array>(&value.data);
    if (!list) return fail_type(value);
    if (list->size() > longest_list) return fail("the list has more than 65536 items", "", value.place);
    for (const Value& item : *list) {
      std::int64_t whole = 0;
      read_integer(item, whole);
      checked_.parsed.integers.push_back(whole);
    }
  }

  bool known_word(const std::string& wanted, const Place& place) {
    const auto words = shape_.words();
    if (std::ranges::find(words, wanted) != words.end()) return true;
    fail("unknown word '" + wanted + "'", suggestion(wanted, words), place);
    return false;
  }

  void read_word(const Value& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return fail_type(value);
    if (known_word(*text, value.place)) checked_.parsed.text = *text;
  }

  void read_words(const Value& value) {
    const auto read_one = [&](const Value& item) {
      const auto* text = std::get_if<std::string>(&item.data);
      if (!text) return fail_type(item);
      if (!known_word(*text, item.place)) return;
      if (std::ranges::find(checked_.parsed.words, *text) != checked_.parsed.words.end())
        return fail("'" + *text + "' is given twice", "take one out", item.place);
      checked_.parsed.words.push_back(*text);
    };
    if (const auto* list = std::get_if<Array>(&value.data)) {
      std::ranges::for_each(*list, read_one);
    } else {
      read_one(value);
    }
  }

  void read_text(const Value& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return fail_type(value);
    if (text->size() > longest_text) return fail("the text is longer than 4096 bytes", "", value.place);
    checked_.parsed.text = *text;
  }

  void read_data(const Value& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return fail_type(value);
    checked_.parsed.text = path_beside(*text, beside_);
    for (const Diagnostic& found : check_data_name(shape_.data, checked_.parsed.text))
      fail(found.problem, found.remedy, value.place, found.fault);
  }

  /// Who opens the file says what is wrong with it.
  void read_file(const Value& value) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (!text) return fail_type(value);
    if (text->empty() || text->find('\0') != std::string::npos || text->size() > longest_text)
      return fail("names no file", "write it as in " + example_line(row_), value.place);
    checked_.parsed.text = file_beside(*text, beside_);
  }

  void read_figure(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value.data)) {
      checked_.parsed.text = *text;
    } else if (const auto bare = bare_number(value); bare && std::isfinite(*bare)) {
      checked_.parsed.text = plain(*bare);
    } else {
      fail_type(value);
    }
  }

  const KeyRow& row_;
  const KeyShape& shape_;
  std::string_view beside_;
  CheckedValue checked_;
};

}  // namespace

CheckedValue check_value(const KeyRow& row, const Value& value, std::string_view beside) {
  return ValueChecker(row, beside).check(value);
}

}  // namespace orrery
