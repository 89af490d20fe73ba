#pragma once

#include <optional>
#include <string>
#include <utility>

#include "scenarios/reading/assemble.hpp"
#include "scenarios/reading/hardware.hpp"
#include "scenarios/reading/open_data.hpp"

namespace orrery {

// What a scenario names, looked up: a fault goes into `out` with its place, and an empty value comes back.

/// Faults of a file that a scenario key names: shown where they stand in that file, if they do, and at the
/// key.
void add_faults(Assembled& out, const std::string& key, const std::string& file, Diagnostics faults);

template <class Spec>
Spec take(Assembled& out, const std::string& key, const std::string& name, HardwareReading<Spec> reading) {
  if (reading.ok()) return std::move(reading.spec);
  const int first = int(out.document.sources.size());
  for (Diagnostic& fault : reading.diagnostics) {
    for (Place& place : fault.places) place.source += place.source < 0 ? 0 : first;
  }
  auto& sources = out.document.sources;
  sources.insert(sources.end(), reading.document.sources.begin(), reading.document.sources.end());
  add_faults(out, key, name, std::move(reading.diagnostics));
  return {};
}

/// Findings name JSON keys; this is where those stand. A text that is no JSON has the one place where it
/// breaks.
Diagnostics place_in_json(const SourceText& file, int source, const Findings& findings);

template <class Value>
Value take_data(Assembled& out, DataKind kind, const std::string& key, const std::string& name,
                Checked<Value> (*read)(std::string_view, std::string_view)) {
  OpenedData opened = open_data(kind, name);
  if (!opened.diagnostics.empty()) {
    add_faults(out, key, name, std::move(opened.diagnostics));
    return {};
  }
  Checked<Value> value = read(opened.source.text, name);
  if (value.ok()) return std::move(value.value);
  Diagnostics faults = place_in_json(opened.source, int(out.document.sources.size()), value.findings);
  out.document.sources.push_back(std::move(opened.source));
  add_faults(out, key, name, std::move(faults));
  return {};
}

/// The text of a file that a key names.
std::optional<std::string> take_text(Assembled& out, const std::string& key, const std::string& path,
                                     const char* if_absent);

/// The table in models/collectives for the chip that a kernel family was measured on.
const CollectiveConstants* collectives_for(std::string_view gpu);

}  // namespace orrery
