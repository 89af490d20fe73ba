#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "scenarios/reading/scenario.hpp"

// Whatever bytes a scenario holds, in TOML or (first byte '{') JSON: findings or a scenario, never a fault,
// and every finding can be printed. `include` reaches the built-in scenarios and missing files, which is
// welcome.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool json = text.starts_with('{');
  const DocumentReading read = read_document_text({json ? "fuzz.json" : "fuzz.toml", text}, {});
  diagnostics_text(read.diagnostics, read.document.sources);
  diagnostics_json(read.diagnostics, read.document.sources);
  if (!read.diagnostics.empty()) return 0;
  const ScenarioReading reading = read_scenario(read.document);
  diagnostics_text(reading.diagnostics, reading.document.sources);
  return 0;
}
