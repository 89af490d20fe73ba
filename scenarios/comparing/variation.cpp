#include "scenarios/comparing/variation.hpp"

namespace orrery {

Checked<Variation> read_variation(const std::string& argument) {
  Checked<Variation> checked;
  const auto wrong = [&](const std::string& problem) {
    checked.findings.push_back({"--vary", problem, "as in --vary cluster.gpu=h800,h100"});
  };
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    wrong("'" + argument + "' is no KEY=VALUE,VALUE");
    return checked;
  }
  Variation& variation = checked.value;
  variation.key = argument.substr(0, equals);
  variation.values.emplace_back();
  int open = 0;
  bool quoted = false;
  for (const char c : argument.substr(equals + 1)) {
    if (c == '"') quoted = !quoted;
    if (!quoted && c == '[') ++open;
    if (!quoted && c == ']') --open;
    if (c == ',' && !quoted && open <= 0) {
      variation.values.emplace_back();
    } else {
      variation.values.back() += c;
    }
  }
  for (const std::string& value : variation.values)
    if (value.find_first_not_of(' ') == std::string::npos) wrong("'" + argument + "' has an empty value");
  return checked;
}

std::vector<std::vector<std::string>> combinations(std::span<const Variation> variations) {
  std::vector<std::vector<std::string>> all(1);
  for (const Variation& variation : variations) {
    std::vector<std::vector<std::string>> longer;
    for (const std::vector<std::string>& so_far : all) {
      for (const std::string& value : variation.values) {
        longer.push_back(so_far);
        longer.back().push_back(variation.key + "=" + value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

}  // namespace orrery
