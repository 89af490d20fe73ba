#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "scenarios/reading/document.hpp"

namespace orrery {

/// The scenario with nothing left to look up: every key of the table that has a value, includes and --set
/// merged, defaults written out, and after each where it came from ("# deepseek-v3.toml:12", "# --set",
/// "# default"). It is valid TOML and reads back to the same scenario. Files are named without their folder,
/// so that the text does not depend on where it was made. Precondition: the document was read without
/// findings.
std::string show_scenario(const Document& document);

/// The same as a tree: {"plan": {"schedule": {"value": "dualpipe", "origin": "deepseek-v3.toml:24"}, ...},
/// ...}.
nlohmann::ordered_json show_json(const Document& document);

/// A value as TOML text.
std::string toml_text(const Value& value);

}  // namespace orrery
