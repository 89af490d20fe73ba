#include "scenarios/reading/taking.hpp"

#include <utility>

#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

constexpr std::int64_t largest_text_file = 256 << 20;  // A fabric of 65,536 GPUs is some 60 MB.

/// Names of the tables in models/collectives by the chip that a kernel family was measured on.
struct CollectivesRow {
  std::string_view gpu;
  const CollectiveConstants* constants;
};
}  // namespace

void add_faults(Assembled& out, const std::string& key, const std::string& file, Diagnostics faults) {
  const std::vector<Place> named = locate(out.document, key);
  for (Diagnostic& fault : faults) {
    fault.problem = file + ": " + fault.problem;
    fault.key = key;
    fault.places.insert(fault.places.end(), named.begin(), named.end());
    out.diagnostics.push_back(std::move(fault));
  }
}

Diagnostics place_in_json(const SourceText& file, int source, const Findings& findings) {
  const ParsedText parsed = parse_json(file.text, source);
  const Document document{parsed.root, {}};
  Diagnostics faults;
  for (const Finding& f : findings) {
    const bool broken = f.key.empty() && !parsed.diagnostics.empty();
    faults.push_back({f.key, (f.key.empty() ? "" : f.key + ": ") + f.problem, f.remedy,
                      broken ? parsed.diagnostics.front().places : locate(document, f.key)});
  }
  return faults;
}

std::optional<std::string> take_text(Assembled& out, const std::string& key, const std::string& path,
                                     const char* if_absent) {
  OpenedData opened = open_file(path, largest_text_file, if_absent);
  if (opened.diagnostics.empty()) return std::move(opened.source.text);
  add_faults(out, key, path, std::move(opened.diagnostics));
  return std::nullopt;
}

const CollectiveConstants* collectives_for(std::string_view gpu) {
  const CollectivesRow rows[] = {{"a100", &a100_collectives}, {"b200", &b200_collectives}};
  for (const CollectivesRow& row : rows) {
    if (gpu.starts_with(row.gpu)) return row.constants;
  }
  return &h100_collectives;  // Hopper: H100, H800, H200, H20.
}

}  // namespace orrery
