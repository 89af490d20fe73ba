#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace orrery {

/// A script that completes verbs, their options and built-in names, made from the option tree itself. None
/// for an unknown shell.
std::optional<std::string> completion_script(const CLI::App& app, const std::string& shell);

}  // namespace orrery
