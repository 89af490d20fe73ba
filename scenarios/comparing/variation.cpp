#include "scenarios/comparing/variation.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <regex>
#include <set>

namespace orrery {
namespace {

/// The values of "8..64*2" in words; none if the text is no range.
std::optional<Checked<std::vector<std::string>>> read_range(const std::string& text) {
  static const std::regex shape(
      R"(\s*(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?:([*+])(\d+(?:\.\d+)?))?(\s+\S.*)?)");
  std::smatch part;
  if (!std::regex_match(text, part, shape)) return std::nullopt;
  Checked<std::vector<std::string>> range;
  const double first = std::stod(part[1]), last = std::stod(part[2]);
  const bool multiplies = part[3] == "*";
  const double by = part[4].matched ? std::stod(part[4]) : 1;
  const auto wrong = [&](const std::string& problem, const std::string& remedy) {
    range.findings.push_back({"--vary", "the range '" + text + "' " + problem, remedy});
  };
  if (last < first) {
    wrong("holds nothing: it ends below its start", fmt::format("{}..{}", last, first));
  } else if (multiplies ? by <= 1 || first <= 0 : by <= 0) {
    wrong("does not move", "as in 8..64*2, which doubles, or 8..64+8");
  } else if ((multiplies ? std::log(last / first) / std::log(by) : (last - first) / by) >= most_values) {
    wrong(fmt::format("holds more than {} values", most_values), "a longer step, as in 8..4096*2");
  }
  if (!range.ok()) return range;
  const double slack = 1e-9 * std::abs(last);  // 0.1 three times is 0.30000000000000004.
  for (int i = 0;; ++i) {
    const double value = multiplies ? first * std::pow(by, i) : first + by * i;
    if (value > last + slack) break;
    range.value.push_back(fmt::format("{:.12g}{}", value, part[5].str()));
  }
  return range;
}

/// Pieces between commas that stand outside quotes and brackets.
std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> values(1);
  int open = 0;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == '[') ++open;
    if (!quoted && c == ']') --open;
    if (c == ',' && !quoted && open <= 0) {
      values.emplace_back();
    } else {
      values.back() += c;
    }
  }
  return values;
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r") == std::string_view::npos; }

/// Lines of fields. A quote that is never closed ends with the text; `open_line` tells where it began.
struct CsvLines {
  struct Line {
    int number;
    std::vector<std::string> fields;
  };
  std::vector<Line> lines;
  int open_line = 0;
};

CsvLines split_csv(std::string_view csv) {
  CsvLines result;
  std::vector<std::string> fields(1);
  bool quoted = false;
  int number = 1, begun = 1, quote_line = 0;
  const auto finish = [&] {
    if (fields.size() > 1 || !blank(fields[0])) result.lines.push_back({begun, fields});
    fields.assign(1, "");
  };
  for (std::size_t i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (c == '\n') ++number;
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < csv.size() && csv[i + 1] == '"') {
        fields.back() += csv[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
      quote_line = number;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      finish();
      begun = number;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  finish();
  if (quoted) result.open_line = quote_line;
  return result;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Checked<Variation> read_variation(const std::string& argument) {
  Checked<Variation> checked;
  const auto wrong = [&](const std::string& problem) {
    checked.findings.push_back(
        {"--vary", problem, "as in --vary cluster.gpu=h800,h100 or --vary cluster.nodes=64..256*2"});
  };
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    wrong("'" + argument + "' is no KEY=VALUE,VALUE");
    return checked;
  }
  const std::string key = argument.substr(0, equals);
  Variation& variation = checked.value;
  variation.keys = {key};
  for (const std::string& value : split_values(argument.substr(equals + 1))) {
    if (blank(value)) wrong("'" + argument + "' has an empty value");
    const auto range = read_range(value);
    if (range)
      checked.findings.insert(checked.findings.end(), range->findings.begin(), range->findings.end());
    for (const std::string& each : range ? range->value : std::vector<std::string>{value})
      variation.alternatives.push_back({key + "=" + each});
  }
  return checked;
}

Checked<Variation> read_variation_table(std::string_view csv) {
  Checked<Variation> checked;
  const auto wrong = [&](int line, int column, const std::string& problem, const std::string& remedy) {
    checked.findings.push_back(
        {column > 0 ? fmt::format("{}:{}", line, column) : std::to_string(line), problem, remedy});
  };
  const CsvLines text = split_csv(csv);
  if (text.open_line > 0)
    wrong(text.open_line, 0, "a quote is opened and never closed", "\"...\" around a field");
  if (text.lines.size() < 2) {
    wrong(1, 0, text.lines.empty() ? "the table is empty" : "the table has keys and no values",
          "a line of keys, as in cluster.nodes,plan.pipeline, and lines of values under it");
    return checked;
  }
  Variation& variation = checked.value;
  std::set<std::string> seen;
  for (const std::string& field : text.lines[0].fields) {
    variation.keys.push_back(trimmed(field));
    const int column = int(variation.keys.size());
    if (variation.keys.back().empty()) wrong(text.lines[0].number, column, "a column without a key", "");
    if (!seen.insert(variation.keys.back()).second)
      wrong(text.lines[0].number, column, "the key " + variation.keys.back() + " has two columns",
            "keep one");
  }
  for (std::size_t i = 1; i < text.lines.size(); ++i) {
    const auto& [number, fields] = text.lines[i];
    if (fields.size() != variation.keys.size()) {
      wrong(number, 0,
            fmt::format("{} fields where the first line has {}", fields.size(), variation.keys.size()),
            "a value for each key; quotes around one that holds a comma");
      continue;
    }
    std::vector<std::string>& sets = variation.alternatives.emplace_back();
    variation.lines.push_back(number);
    for (std::size_t c = 0; c < fields.size(); ++c)
      if (!blank(fields[c])) sets.push_back(variation.keys[c] + "=" + trimmed(fields[c]));
  }
  return checked;
}

std::vector<std::vector<std::string>> combinations(std::span<const Variation> variations) {
  std::vector<std::vector<std::string>> all(1);
  for (const Variation& variation : variations) {
    std::vector<std::vector<std::string>> longer;
    for (const std::vector<std::string>& so_far : all) {
      for (const std::vector<std::string>& sets : variation.alternatives) {
        longer.push_back(so_far);
        longer.back().insert(longer.back().end(), sets.begin(), sets.end());
      }
    }
    all = std::move(longer);
  }
  return all;
}

double combination_count(std::span<const Variation> variations) {
  double count = 1;
  for (const Variation& variation : variations) count *= double(variation.alternatives.size());
  return count;
}

}  // namespace orrery
