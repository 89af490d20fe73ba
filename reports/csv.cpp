#include "reports/csv.hpp"

#include <fmt/format.h>

#include <iterator>

#include "reports/faults.hpp"
#include "reports/unicode.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

/// A record that is one empty cell would be an empty line, which readers skip: hence `alone`.
enum class Cell { Alone, Among };

void append_text(std::string& csv, const std::string& text, Cell cell) {
  if (text.find_first_of(",\"\r\n") == std::string::npos && !(text.empty() && cell == Cell::Alone)) {
    csv += valid_utf8(text);
    return;
  }
  csv += '"';
  for (const char c : valid_utf8(text)) csv += c == '"' ? "\"\"" : std::string(1, c);
  csv += '"';
}

void append_value(std::string& csv, const std::string& text, Cell cell) { append_text(csv, text, cell); }
void append_value(std::string& csv, double number, Cell) {
  fmt::format_to(std::back_inserter(csv), "{}", number);
}
void append_value(std::string& csv, std::int64_t number, Cell) {
  fmt::format_to(std::back_inserter(csv), "{}", number);
}

}  // namespace

std::string to_csv(const Table& table) {
  ORRERY_CHECK(faults_of(table).empty());
  const Cell cell = table.columns.size() == 1 ? Cell::Alone : Cell::Among;
  std::string csv;
  for (const Column& column : table.columns) {
    if (&column != &table.columns.front()) csv += ',';
    append_text(csv, column.name, cell);
  }
  csv += '\n';
  const std::size_t rows =
      std::visit([](const auto& values) { return values.size(); }, table.columns[0].values);
  for (std::size_t row = 0; row < rows; ++row) {
    for (const Column& column : table.columns) {
      if (&column != &table.columns.front()) csv += ',';
      std::visit([&](const auto& values) { append_value(csv, values[row], cell); }, column.values);
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace orrery
