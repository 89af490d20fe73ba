#pragma once

#include <nlohmann/json.hpp>

#include "scenarios/validate/validate.hpp"

namespace orrery {

/// The page for people: the verdicts first, then each court's evidence and pictures.
Page page_of(const Validation& validation, const std::string& title);
/// The same as the tree of validate.json.
nlohmann::ordered_json summary_of(const Validation& validation, const std::string& scenario);
/// All evidence as one table, then the courts' own.
std::vector<Table> tables_of(const Validation& validation);

}  // namespace orrery
