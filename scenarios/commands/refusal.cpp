#include "scenarios/commands/refusal.hpp"

#include <algorithm>
#include <iostream>

#include "scenarios/reading/scenario.hpp"

namespace orrery {
namespace {

void print(const CommandLine& line, const Document& document, Diagnostics& diagnostics, ExitCode code) {
  sort_by_place(diagnostics);
  if (line.json) {
    std::cout << "{\"error\": {\"exit_code\": " << int(code)
              << ", \"findings\": " << diagnostics_json(diagnostics, document.sources) << "}}\n";
  } else {
    std::cerr << diagnostics_text(diagnostics, document.sources);
  }
}

}  // namespace

ExitCode fault_code(const Diagnostics& diagnostics) {
  const bool world = std::all_of(diagnostics.begin(), diagnostics.end(),
                                 [](const Diagnostic& d) { return d.fault == Fault::World; });
  return world ? world_failed : bad_input;
}

int refuse(const CommandLine& line, const Document& document, Diagnostics diagnostics) {
  const ExitCode code = fault_code(diagnostics);
  print(line, document, diagnostics, code);
  return code;
}

int refuse_memory(const CommandLine& line, const Document& document, const Findings& findings) {
  Diagnostics diagnostics = place_findings(document, findings);
  print(line, document, diagnostics, does_not_fit);
  return does_not_fit;
}

int refuse_usage(const CommandLine& line, const std::string& problem, const std::string& remedy) {
  Diagnostics diagnostics{{"", problem, remedy, {}}};
  print(line, {}, diagnostics, bad_input);
  return bad_input;
}

int refuse_world(const CommandLine& line, const std::string& problem) {
  Diagnostics diagnostics{{"", problem, "", {}, Fault::World}};
  print(line, {}, diagnostics, world_failed);
  return world_failed;
}

}  // namespace orrery
