#include "reports/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "reports/numbers.hpp"
#include "reports/unicode.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

constexpr int margin = 2;       ///< Before every line of a block.
constexpr int gutter = 2;       ///< Between columns.
constexpr int least_text = 12;  ///< A column of words is not made narrower than this.

using Lines = std::vector<std::string>;

/// Texts as they will be shown, so that widths are counted on what is printed.
std::string shown(const std::string& text, const Style& style) {
  const std::string line = one_line(text);
  return style.glyphs == Glyphs::Ascii ? to_ascii(line) : line;
}

std::string coloured(const std::string& text, const char* code, const Style& style) {
  return style.colour == Colour::None || text.empty() ? text : fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string blanks(int count) { return std::string(std::size_t(std::max(0, count)), ' '); }

int widest(const Lines& texts) {
  int width = 0;
  for (const std::string& text : texts) width = std::max(width, display_width(text));
  return width;
}

Lines lines_of(const Paragraph& paragraph, const Style& style) {
  Lines lines;
  // Line ends are the author's; `shown` would make them spaces.
  std::size_t start = 0;
  while (start <= paragraph.text.size()) {
    const std::size_t end = std::min(paragraph.text.find('\n', start), paragraph.text.size());
    const std::string line = shown(paragraph.text.substr(start, end - start), style);
    for (std::string& piece : wrapped(line, style.columns - margin)) lines.push_back(blanks(margin) + piece);
    start = end + 1;
  }
  return lines;
}

Lines lines_of(const Facts& facts, const Style& style) {
  Lines labels, lines;
  for (const Facts::Row& row : facts.rows) labels.push_back(shown(row.label, style));
  const int label_width = std::min(widest(labels), (style.columns - margin) / 2);
  const int room = style.columns - margin - label_width - gutter;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string label =
        padded(shortened(labels[i], label_width, style.glyphs), label_width, Align::Left);
    const Lines values = wrapped(shown(facts.rows[i].value, style), room);
    for (const std::string& value : values) {
      const bool first = &value == &values.front();
      lines.push_back(blanks(margin) + (first ? label : blanks(label_width)) + blanks(gutter) + value);
    }
  }
  return lines;
}

Lines lines_of(const Bars& bars, const Style& style) {
  Lines labels, shares, values, lines;
  double largest = 0;
  for (const Bars::Row& row : bars.rows) {
    labels.push_back(shown(row.label, style));
    shares.push_back(percent(row.share));
    values.push_back(shown(row.value, style));
    largest = std::max(largest, row.share);
  }
  const int share_width = widest(shares);
  const int label_width = std::min(widest(labels), (style.columns - margin) / 3);
  const int value_width = std::min(widest(values), (style.columns - margin) / 4);
  const int room = style.columns - margin - label_width - share_width - value_width - 3 * gutter;
  const int bar_width = std::min(room, 40);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string stroke = bar(largest > 0 ? bars.rows[i].share / largest : 0, bar_width, style.glyphs);
    lines.push_back(
        blanks(margin) + padded(shortened(labels[i], label_width, style.glyphs), label_width, Align::Left) +
        blanks(gutter) + coloured(stroke, "36", style) + blanks(bar_width - display_width(stroke)) +
        blanks(gutter) + padded(shares[i], share_width, Align::Right) + blanks(gutter) +
        padded(shortened(values[i], value_width, style.glyphs), value_width, Align::Right));
  }
  return lines;
}

/// Widths of the columns that fit into the line, words broken where they must; empty if none do.
std::vector<int> fitting_widths(const Grid& grid, const Style& style) {
  std::vector<int> widths;
  for (std::size_t c = 0; c < grid.headings.size(); ++c) {
    int width = display_width(grid.headings[c].text);
    for (const auto& row : grid.rows) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
  }
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), margin + gutter * (int(widths.size()) - 1));
  };
  while (total() > style.columns) {
    int* broadest = nullptr;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const bool words = grid.headings[c].align == Align::Left && widths[c] > least_text;
      if (words && (broadest == nullptr || widths[c] > *broadest)) broadest = &widths[c];
    }
    if (broadest == nullptr) return {};
    --*broadest;
  }
  return widths;
}

/// One row of cells, as many lines high as its tallest cell.
void append_row(Lines& lines, const Grid& grid, const std::vector<std::string>& cells,
                const std::vector<int>& widths, const std::function<std::string(std::string)>& finish) {
  std::vector<Lines> pieces;
  std::size_t height = 1;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    pieces.push_back(wrapped(cells[c], std::max(2, widths[c])));
    height = std::max(height, pieces.back().size());
  }
  for (std::size_t line = 0; line < height; ++line) {
    std::string text;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string piece = line < pieces[c].size() ? pieces[c][line] : "";
      text += (c == 0 ? "" : blanks(gutter)) + padded(piece, widths[c], grid.headings[c].align);
    }
    lines.push_back(blanks(margin) + finish(text));
  }
}

Lines lines_of(const Grid& given, const Style& style) {
  Grid grid = given;
  for (Grid::Heading& heading : grid.headings) heading.text = shown(heading.text, style);
  for (auto& row : grid.rows) {
    ORRERY_CHECK(row.size() == grid.headings.size());
    for (std::string& cell : row) cell = shown(cell, style);
  }
  Lines lines;
  const std::vector<int> widths = fitting_widths(grid, style);
  if (widths.empty()) {
    for (const auto& row : grid.rows) {
      Facts facts;
      for (std::size_t c = 0; c < row.size(); ++c) facts.rows.push_back({grid.headings[c].text, row[c]});
      if (!lines.empty()) lines.emplace_back();
      for (std::string& line : lines_of(facts, style)) lines.push_back(std::move(line));
    }
    return lines;
  }
  std::vector<std::string> headings;
  for (const Grid::Heading& heading : grid.headings) headings.push_back(heading.text);
  append_row(lines, grid, headings, widths,
             [&](const std::string& text) { return coloured(text, "2", style); });
  for (const auto& row : grid.rows)
    append_row(lines, grid, row, widths, [](std::string text) { return text; });
  return lines;
}

Lines lines_of(const Comparison& comparison, const Style& style) {
  Grid grid{.headings = {{"", Align::Left}, {"simulated"}, {"published"}, {"error"}, {"source", Align::Left}},
            .rows = {}};
  for (const Comparison::Row& row : comparison.rows) {
    grid.rows.push_back(
        {row.what, row.simulated, row.published, signed_percent(row.error_percent), row.source});
  }
  return lines_of(grid, style);
}

/// The least and the largest of a coordinate, and where between them a value lies among `cells`.
struct Axis {
  double least, most;
  int cells;
  int at(double value) const {
    if (most <= least) return cells / 2;
    return std::clamp(int((value - least) / (most - least) * (cells - 1) + 0.5), 0, cells - 1);
  }
};

Axis axis_of(const Scatter& scatter, double Scatter::Point::*coordinate, int cells) {
  Axis axis{scatter.points.front().*coordinate, scatter.points.front().*coordinate, cells};
  for (const Scatter::Point& point : scatter.points) {
    axis.least = std::min(axis.least, point.*coordinate);
    axis.most = std::max(axis.most, point.*coordinate);
  }
  return axis;
}

Lines lines_of(const Scatter& scatter, const Style& style) {
  if (scatter.points.empty()) return {};
  const bool ascii = style.glyphs == Glyphs::Ascii;
  const Axis y = axis_of(scatter, &Scatter::Point::y, 12);
  const std::string most = shown(scatter.y_text(y.most), style),
                    least = shown(scatter.y_text(y.least), style);
  const int label = std::max(display_width(most), display_width(least));
  const Axis x =
      axis_of(scatter, &Scatter::Point::x, std::clamp(style.columns - margin - label - gutter - 1, 10, 64));
  std::vector<std::vector<std::string>> field(std::size_t(y.cells),
                                              std::vector<std::string>(std::size_t(x.cells), " "));
  for (const bool marked : {false, true}) {
    for (const Scatter::Point& point : scatter.points) {
      if (point.marked != marked) continue;
      field[std::size_t(y.cells - 1 - y.at(point.y))][std::size_t(x.at(point.x))] =
          marked ? (ascii ? "#" : "●") : (ascii ? "." : "·");
    }
  }
  Lines lines{blanks(margin) + shown(scatter.y_name, style)};
  for (int row = 0; row < y.cells; ++row) {
    std::string text = padded(row == 0 ? most : row == y.cells - 1 ? least : "", label, Align::Right);
    text = blanks(margin) + text + (ascii ? " |" : " │");
    for (const std::string& cell : field[std::size_t(row)])
      text += cell == "●" || cell == "#" ? coloured(cell, "36", style) : cell;
    lines.push_back(text);
  }
  std::string rule = blanks(margin + label + 1) + (ascii ? "+" : "└");
  for (int i = 0; i < x.cells; ++i) rule += ascii ? "-" : "─";
  lines.push_back(rule);
  const std::string left = shown(scatter.x_text(x.least), style),
                    right = shown(scatter.x_text(x.most), style);
  lines.push_back(
      blanks(margin + label + 2) + left +
      padded(right, std::max(x.cells - display_width(left), display_width(right) + gutter), Align::Right));
  lines.push_back(blanks(margin + label + 2) + shown(scatter.x_name, style));
  return lines;
}

void append(std::string& text, Lines lines) {
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
}

Lines title_lines(const std::string& title, const char* code, const Style& style) {
  Lines lines = wrapped(shown(title, style), style.columns);
  for (std::string& line : lines) line = coloured(line, code, style);
  return lines;
}

}  // namespace

std::string to_text(const Page& document, const Style& style) {
  ORRERY_CHECK(style.columns >= 40);
  std::string text;
  if (!document.title.empty()) {
    const Lines title = title_lines(document.title, "1", style);
    const int width = widest(wrapped(shown(document.title, style), style.columns));
    append(text, title);
    std::string rule;
    for (int i = 0; i < width; ++i) rule += style.glyphs == Glyphs::Unicode ? "═" : "=";
    append(text, {rule});
  }
  for (const Section& section : document.sections) {
    if (!text.empty()) text += '\n';
    if (!section.title.empty()) append(text, title_lines(section.title, "1", style));
    for (const PageBlock& block : section.blocks) {
      if (&block != &section.blocks.front()) text += '\n';
      append(text, std::visit([&](const auto& content) { return lines_of(content, style); }, block));
    }
  }
  return text;
}

}  // namespace orrery
