#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "reports/style.hpp"
#include "reports/text_layout.hpp"

namespace orrery {

// A document for people: what it says is apart from how it looks. Built by the caller, printed by
// `to_text` for a terminal, a file or a mail.

/// Words, broken where the line ends.
struct Paragraph {
  std::string text;
};

/// Lines of label and value, the values under each other.
struct Facts {
  struct Row {
    std::string label, value;
  };
  std::vector<Row> rows;
};

/// Lines of label, bar, percentage, value. `share` is of the whole, 0 to 1; the bars are drawn so that
/// the largest fills its room, since they are read against each other.
struct Bars {
  struct Row {
    std::string label;
    double share;
    std::string value;
  };
  std::vector<Row> rows;
};

/// A few columns of cells. Cells of a left column are broken when the line is too short.
struct Grid {
  struct Heading {
    std::string text;
    Align align = Align::Right;
  };
  std::vector<Heading> headings;
  std::vector<std::vector<std::string>> rows;  ///< Each as long as `headings`.
};

/// Published against simulated; the error is of the simulated figure, signed, in percent of the
/// published one.
struct Comparison {
  struct Row {
    std::string what, simulated, published;
    double error_percent;
    std::string source;
  };
  std::vector<Row> rows;
};

/// Points in a field: x to the right, y upwards, axes from the least to the largest value. Where several fall
/// on one place a marked one is seen.
struct Scatter {
  struct Point {
    double x, y;
    bool marked = false;
  };
  std::string x_name, y_name;
  std::function<std::string(double)> x_text, y_text;  ///< An axis' ends in words.
  std::vector<Point> points;
};

using PageBlock = std::variant<Paragraph, Facts, Bars, Grid, Comparison, Scatter>;

struct Section {
  std::string title;
  std::vector<PageBlock> blocks;
};

struct Page {
  std::string title;
  std::vector<Section> sections;
};

/// The document as lines of at most `style.columns` columns (40 or more), without spaces at their ends;
/// columns are counted as a terminal shows them. Control characters in texts are made harmless.
/// In ASCII style the bytes are ASCII. In a style without colour they hold no escape sequence. A grid
/// too wide even with its texts broken becomes a list, one cell a line.
std::string to_text(const Page& document, const Style& style);

}  // namespace orrery
