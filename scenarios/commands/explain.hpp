#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

/// What there is to say about a scenario key, a hardware entry (with the source of every number), a kernel
/// family (with its errors), a model, a schedule, a topology, or a model function (its docstring). None for
/// other names.
std::optional<std::string> explanation(std::string_view name);

/// All names that have an explanation, for "did you mean".
std::vector<std::string_view> explained_names();

/// Docstrings of public model functions, taken from the headers when the program is built.
struct Docstring {
  std::string_view name, header, text;
};
extern const Docstring docstrings[];
extern const int docstring_count;

}  // namespace orrery
