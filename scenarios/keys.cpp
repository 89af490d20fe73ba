#include "scenarios/keys.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "scenarios/nearest.hpp"
#include "scenarios/open_data.hpp"
#include "scenarios/text_reader.hpp"

namespace orrery {
namespace {

constexpr std::size_t longest_text = 4096, longest_list = 65536;

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
  static constexpr Scale scales[] = {{K::Size, 1, "B"},      {K::Bandwidth, 1, "B/s"}, {K::Time, 1, "s"},
                                     {K::Compute, 1, "FLOP/s"}, {K::Count, 1, ""},      {K::Power, 1, "W"},
                                     {K::Energy, 1, "J"},    {K::Money, 1, "USD"},     {K::MoneyPerHour, 1, "USD/h"},
                                     {K::Share, 0.01, "%"}};
  const Scale& scale = scales[std::size_t(shape.quantity)];
  return fmt::format("{}{}{}", value / scale.size, scale.unit.empty() ? "" : " ", scale.unit);
}

std::string range_text(const KeyShape& shape) {
  if (std::isfinite(shape.most)) return "from " + bound(shape, shape.least) + " to " + bound(shape, shape.most);
  return "of at least " + bound(shape, shape.least);
}

class ValueChecker {
 public:
  ValueChecker(const KeyRow& row, std::string_view beside) : row_(row), shape_(row.shape), beside_(beside) {}

  CheckedValue check(const Value& value) {
    switch (shape_.type) {
      case ValueType::Quantity: read_quantity_value(value); break;
      case ValueType::Integer: read_integer(value, checked_.parsed.integer); break;
      case ValueType::Number: read_number(value); break;
      case ValueType::Word: read_word(value); break;
      case ValueType::Words: read_words(value); break;
      case ValueType::Integers: read_integers(value); break;
      case ValueType::WordOrIntegers:
        std::holds_alternative<std::string>(value.data) ? read_word(value) : read_integers(value);
        break;
      case ValueType::Text: read_text(value); break;
      case ValueType::Data: read_data(value); break;
      case ValueType::Figure: read_figure(value); break;
    }
    return std::move(checked_);
  }

 private:
  void fail(const std::string& problem, std::string remedy, const Place& place, Fault fault = Fault::Input) {
    checked_.diagnostics.push_back(
        {std::string(row_.name), std::string(row_.name) + ": " + problem, std::move(remedy), {place}, fault});
  }
  void fail_type(const Value& value) {
    fail("takes " + describe(shape_) + ", found " + std::string(value_kind(value)), "write it as in " + example_line(row_),
         value.place);
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
        fail(finding.problem, finding.remedy + "; the key is written as in " + example_line(row_), value.place);
      if (!read.ok()) return;
      number = read.value;
      written = *text;
    } else if (const auto bare = bare_number(value)) {
      number = *bare;
      written = plain(number);
      if (!bare_number_allowed(shape_.quantity)) {
        return fail("needs a unit: " + written + " could be anything",
                    "write it in quotes as in " + example_line(row_) + "; units: " + kind_units(shape_.quantity), value.place);
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

/// Walks a tree beside the rows.
class SettingsReader {
 public:
  SettingsReader(std::span<const KeyRow> rows, std::span<const SourceText> sources) : rows_(rows), sources_(sources) {}

  Settings read(const Table& root) {
    refuse_unknown(root, "", "");
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::string_view section = rows_[i].section();
      if (!begins_section(i)) continue;
      const Member* member = section.empty() ? nullptr : find_member(root, section);
      if (rows_[i].repeated()) {
        read_list(section, member);
      } else if (section.empty()) {
        read_section(section, &root, {}, 0);
      } else {
        const Table* table = member ? std::get_if<Table>(&member->value.data) : nullptr;
        if (table) refuse_unknown(*table, section, std::string(section));
        if (member && !table) {
          fail(section, std::string(section) + " is a section, found " + std::string(value_kind(member->value)),
               "as in [" + std::string(section) + "] with keys below it", member->place);
        } else {
          read_section(section, table, member ? member->place : start(), 0);
        }
      }
    }
    sort_by_place(settings_.diagnostics);
    return std::move(settings_);
  }

 private:
  void fail(std::string_view key, std::string problem, std::string remedy, const Place& place) {
    settings_.diagnostics.push_back({std::string(key), std::move(problem), std::move(remedy), {place}});
  }

  Place start() const { return sources_.empty() ? Place{} : Place{0, 1, 1, 1}; }

  bool begins_section(std::size_t i) const {
    for (std::size_t before = 0; before < i; ++before)
      if (rows_[before].section() == rows_[i].section()) return false;
    return true;
  }

  std::vector<std::string_view> names_of(std::string_view section) const {
    std::vector<std::string_view> names;
    for (const KeyRow& row : rows_)
      if (row.section() == section) names.push_back(row.leaf());
    if (!section.empty()) return names;
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (begins_section(i) && !rows_[i].section().empty()) names.push_back(rows_[i].section());
    return names;
  }

  void refuse_unknown(const Table& table, std::string_view section, const std::string& shown) {
    const auto names = names_of(section);
    for (const Member& member : table) {
      if (std::ranges::find(names, member.name) != names.end()) continue;
      const bool is_table = std::holds_alternative<Table>(member.value.data);
      std::string remedy = suggestion(member.name, names);
      for (const KeyRow& row : rows_)
        if (row.leaf() == member.name && row.section() != section) remedy = "did you mean '" + std::string(row.name) + "'?";
      fail(shown.empty() ? member.name : shown + "." + member.name,
           section.empty() ? std::string(is_table ? "unknown section [" : "unknown key '") + member.name + (is_table ? "]" : "'")
                           : "unknown key '" + member.name + "' in [" + shown + "]",
           std::move(remedy), member.place);
    }
  }

  void read_list(std::string_view section, const Member* member) {
    const auto* list = member ? std::get_if<Array>(&member->value.data) : nullptr;
    if (!member) return;
    const std::string example = "as in [[" + std::string(section) + "]] with keys below it";
    if (!list) {
      return fail(section, std::string(section) + " is a list of tables, found " + std::string(value_kind(member->value)), example,
                  member->place);
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Value& item = (*list)[i];
      const auto* table = std::get_if<Table>(&item.data);
      const std::string shown = std::string(section) + "[" + std::to_string(i) + "]";
      if (!table) {
        fail(shown, shown + " is a table, found " + std::string(value_kind(item)), example, item.place);
        continue;
      }
      refuse_unknown(*table, section, shown);
      read_section(section, table, item.place, i);
    }
  }

  void read_section(std::string_view section, const Table* table, const Place& header, std::size_t element) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const KeyRow& row = rows_[i];
      if (row.section() != section) continue;
      const Member* member = table ? find_member(*table, row.leaf()) : nullptr;
      if (member) {
        store(i, element, check_value(row, member->value, file_of(member->value.place)));
      } else if (row.missing.means == Missing::Means::Default) {
        store(i, element, check_value(row, default_value(row), ""));
      } else if (row.missing.means == Missing::Means::Fault) {
        settings_.diagnostics.push_back({std::string(row.name), std::string(row.name) + " is missing", "write " + example_line(row), {header}});
      }
    }
  }

  void store(std::size_t row, std::size_t element, CheckedValue checked) {
    for (Diagnostic& diagnostic : checked.diagnostics) {
      if (const std::size_t list = diagnostic.key.find("[]"); list != std::string::npos)
        diagnostic.key.replace(list, 2, "[" + std::to_string(element) + "]");
      settings_.diagnostics.push_back(std::move(diagnostic));
    }
    settings_.list.push_back({row, element, std::move(checked.parsed)});
  }

  std::string_view file_of(const Place& place) const {
    const bool file = place.source >= 0 && place.source < int(sources_.size()) && sources_[place.source].kind == SourceKind::File;
    return file ? std::string_view(sources_[place.source].name) : std::string_view();
  }

  static Value default_value(const KeyRow& row) {
    if (auto value = parse_toml_value(row.missing.text, -1, 1)) return std::move(*value);
    return {std::string(row.missing.text), {}};
  }

  std::span<const KeyRow> rows_;
  std::span<const SourceText> sources_;
  Settings settings_;
};

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

CheckedValue check_value(const KeyRow& row, const Value& value, std::string_view beside) {
  return ValueChecker(row, beside).check(value);
}

Settings read_settings(const Table& root, std::span<const KeyRow> rows, std::span<const SourceText> sources) {
  return SettingsReader(rows, sources).read(root);
}

std::string example_line(const KeyRow& row) {
  const std::string name(row.leaf());
  if (row.missing.means == Missing::Means::Default && !row.missing.text.empty() && row.missing.text != "\"\"" && row.missing.text != "[]")
    return name + " = " + std::string(row.missing.text);
  const KeyShape& shape = row.shape;
  const auto quoted = [&](std::string_view text) { return name + " = \"" + std::string(text) + "\""; };
  switch (shape.type) {
    case ValueType::Quantity: return quoted(kind_example(shape.quantity));
    case ValueType::Integer: return name + " = " + plain(std::clamp(16.0, shape.least, shape.most));
    case ValueType::Number: return name + " = " + plain(std::clamp(0.5, shape.least, shape.most));
    case ValueType::Word:
    case ValueType::WordOrIntegers: return quoted(shape.words().front());
    case ValueType::Words: return name + " = [\"" + std::string(shape.words().back()) + "\"]";
    case ValueType::Integers: return name + " = [" + plain(std::clamp(0.0, shape.least, shape.most)) + "]";
    case ValueType::Text: return quoted("words");
    case ValueType::Data: {
      const auto names = data_names(shape.data);
      return quoted(names.empty() ? "file.toml" : names.front());
    }
    case ValueType::Figure: return quoted("19.9 s");
  }
  return name;
}

std::string describe(const KeyShape& shape) {
  const auto words = [&] { return "one of " + joined(shape.words(), ", "); };
  switch (shape.type) {
    case ValueType::Quantity: return article(kind_name(shape.quantity)) + " " + range_text(shape);
    case ValueType::Integer: return "an integer " + range_text(shape);
    case ValueType::Number: return "a number " + range_text(shape);
    case ValueType::Word: return words();
    case ValueType::Words: return words() + ", or a list of them";
    case ValueType::WordOrIntegers: return words() + ", or a list of integers " + range_text(shape);
    case ValueType::Integers: return "a list of integers " + range_text(shape);
    case ValueType::Text: return "text in quotes";
    case ValueType::Data: return "the name of a built-in " + std::string(data_kind_name(shape.data)) + " or a path, in quotes";
    case ValueType::Figure: return "a number, or a number with its unit in quotes";
  }
  return "";
}

std::string reference_entry(const KeyRow& row) {
  std::string entry(row.name);
  entry += "\n  " + std::string(row.help) + "\n  takes " + describe(row.shape);
  switch (row.missing.means) {
    case Missing::Means::Fault: entry += "; required"; break;
    case Missing::Means::Nothing: entry += "; may be left out"; break;
    case Missing::Means::Default: entry += "; default " + std::string(row.missing.text); break;
  }
  if (row.shape.type == ValueType::Quantity) entry += "\n  units: " + kind_units(row.shape.quantity);
  return entry + "\n  example: " + example_line(row) + "\n";
}

}  // namespace orrery
