#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/reading/diagnostics.hpp"
#include "scenarios/reading/value.hpp"

namespace orrery {

/// A scenario's text put together: includes merged under the file, then every --set on top. Each value still
/// knows the source that it came from.
struct Document {
  TableValue root;
  std::vector<SourceText> sources;  ///< The file first, then includes in order, then arguments.
};

struct DocumentReading {
  Document document;
  Diagnostics diagnostics;
};

constexpr int most_includes = 32;

/// Reads a built-in scenario's name or a path. `include = ["name or path", ...]` at the top is merged in
/// order, deep for tables and whole for lists; later wins, and the file itself wins over all it includes. A
/// path is taken from the folder of the file that names it. `sets` are the arguments of --set: a.b=c or
/// a[0].b=c, the right side a TOML value or, failing that, a string.
DocumentReading read_document(std::string_view name_or_path, std::span<const std::string> sets);

/// The same for a text at hand, under that name.
DocumentReading read_document_text(SourceText text, std::span<const std::string> sets);

/// Where a dotted key stands ("plan.pipeline", "phase[1].tokens"): its value, else the nearest table around
/// it, else nowhere.
std::vector<Place> locate(const Document& document, std::string_view key);

}  // namespace orrery
