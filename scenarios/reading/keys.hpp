#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/reading/diagnostics.hpp"
#include "scenarios/reading/embedded.hpp"
#include "scenarios/reading/quantity.hpp"
#include "scenarios/reading/value.hpp"
#include "sim/units.hpp"

namespace orrery {

enum class ValueType : std::uint8_t {
  Quantity,  ///< A number with a unit, in quotes.
  Integer,
  Number,          ///< Without dimension.
  Word,            ///< One of a list.
  Words,           ///< One or several of a list.
  WordOrIntegers,  ///< One of a list, or whole numbers.
  Integers,
  Text,
  Data,    ///< A built-in name or a path.
  File,    ///< A path, whatever it looks like.
  Figure,  ///< A number, or text with a number and a unit that another key tells.
};

using WordList = std::vector<std::string_view> (*)();

/// What a key takes. Ranges are in stored units and closed; for lists they hold for each item.
struct KeyShape {
  ValueType type;
  double least = 0, most = 0;
  QuantityKind quantity = QuantityKind::Count;
  WordList words = nullptr;
  DataKind data = DataKind::Scenario;
  std::string_view example = "";
};

constexpr KeyShape integer(double least, double most) { return {ValueType::Integer, least, most}; }
constexpr KeyShape integers(double least, double most) { return {ValueType::Integers, least, most}; }
constexpr KeyShape number(double least, double most) { return {ValueType::Number, least, most}; }
constexpr KeyShape quantity(QuantityKind kind, double least, double most) {
  return {ValueType::Quantity, least, most, kind};
}
constexpr KeyShape word(WordList words) { return {ValueType::Word, 0, 0, QuantityKind::Count, words}; }
constexpr KeyShape words_of(WordList words) { return {ValueType::Words, 0, 0, QuantityKind::Count, words}; }
constexpr KeyShape word_or_integers(WordList words, double least, double most) {
  return {ValueType::WordOrIntegers, least, most, QuantityKind::Count, words};
}
constexpr KeyShape text() { return {ValueType::Text}; }
constexpr KeyShape data_name(DataKind kind) {
  return {ValueType::Data, 0, 0, QuantityKind::Count, nullptr, kind};
}
constexpr KeyShape file_path(std::string_view example) {
  return {ValueType::File, 0, 0, QuantityKind::Count, nullptr, DataKind::Scenario, example};
}
constexpr KeyShape figure() { return {ValueType::Figure}; }

/// What a key that is not written means.
struct Missing {
  enum class Means : std::uint8_t { Fault, Nothing, Default } means;
  std::string_view text;  ///< The default as it would be written.
};
constexpr Missing required{Missing::Means::Fault, ""};
constexpr Missing unset{Missing::Means::Nothing, ""};
constexpr Missing otherwise(std::string_view text) { return {Missing::Means::Default, text}; }

/// One row of a key table. `name` is "key", "section.key" or, for a list of tables, "section[].key".
struct KeyRow {
  std::string_view name;
  KeyShape shape;
  Missing missing;
  std::string_view help;

  std::string_view section() const;  ///< "plan", "phase"; "" at the top.
  std::string_view leaf() const;
  bool repeated() const { return name.find("[]") != std::string_view::npos; }
};

/// A value that passed its row: the members that its type fills.
struct ParsedValue {
  double number = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<std::string> words;
  std::vector<std::int64_t> integers;
};

/// Stores into a member of whatever type a struct of settings has.
inline void assign(int& to, const ParsedValue& value) { to = int(value.integer); }
inline void assign(std::int64_t& to, const ParsedValue& value) { to = value.integer; }
inline void assign(std::uint64_t& to, const ParsedValue& value) { to = std::uint64_t(value.integer); }
inline void assign(double& to, const ParsedValue& value) { to = value.number; }
inline void assign(std::string& to, const ParsedValue& value) { to = value.text; }
inline void assign(std::vector<std::string>& to, const ParsedValue& value) { to = value.words; }
template <class Whole>
requires std::is_integral_v<Whole>
void assign(std::vector<Whole>& to, const ParsedValue& value) {
  to.assign(value.integers.begin(), value.integers.end());
}
template <class Kind, class Rep>
void assign(Quantity<Kind, Rep>& to, const ParsedValue& value) {
  to = Quantity<Kind, Rep>(std::is_integral_v<Rep> ? Rep(value.integer) : Rep(value.number));
}
template <class Inner>
void assign(std::optional<Inner>& to, const ParsedValue& value) {
  assign(to.emplace(), value);
}

/// A row with its place in a struct: store<&Scenario::plan, &Plan::pipeline>.
template <class Target>
struct Key : KeyRow {
  void (*store)(Target&, const ParsedValue&);
};
template <auto Outer, auto Inner, class Target>
void store(Target& target, const ParsedValue& value) {
  assign((target.*Outer).*Inner, value);
}
template <auto Only, class Target>
void store(Target& target, const ParsedValue& value) {
  assign(target.*Only, value);
}
/// Of a list of tables: the element that was begun last.
template <auto List, auto Inner, class Target>
void store_last(Target& target, const ParsedValue& value) {
  assign((target.*List).back().*Inner, value);
}

/// A value against its row. `beside` is the file that a relative path starts from.
struct CheckedValue {
  ParsedValue parsed;
  Diagnostics diagnostics;
};
CheckedValue check_value(const KeyRow& row, const Value& value, std::string_view beside);

/// One value that goes into the struct, in table order; `row` indexes the rows that were read.
struct Setting {
  std::size_t row;
  std::size_t element;  ///< Of a list of tables.
  ParsedValue parsed;
};
struct Settings {
  std::vector<Setting> list;
  Diagnostics diagnostics;
};
/// Holds a tree against the rows: unknown names, missing ones, wrong values; defaults filled in.
Settings read_settings(const TableValue& root, std::span<const KeyRow> rows,
                       std::span<const SourceText> sources);

/// "plan.pipeline = 16": how a row could be written.
std::string example_line(const KeyRow& row);
/// "a bandwidth above 0", "an integer from 1 to 4096", "fp8 or bf16".
std::string describe(const KeyShape& shape);
/// A whole entry of the reference: type, default, help.
std::string reference_entry(const KeyRow& row);

}  // namespace orrery
