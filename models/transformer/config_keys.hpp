#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"

namespace orrery {

/// Whole numbers that a key may hold, both ends included.
struct Range {
  std::int64_t least, most;
};

/// Reads typed values out of one JSON object, collects what is wrong with them, and remembers which
/// keys were looked at. `null` counts as absent: real files are full of it.
class ConfigKeys {
 public:
  using Names = std::initializer_list<const char*>;  ///< One meaning, the most usual name first.

  /// `object` must outlive the reader; `prefix` leads to it in the file: "text_config." or "".
  ConfigKeys(const nlohmann::json& object, std::string prefix);

  std::optional<int> integer(Names names, Range allowed);
  std::optional<int> required_integer(Names names, Range allowed);
  std::optional<bool> boolean(Names names);
  std::optional<std::string> text(Names names);
  std::optional<std::vector<int>> integers(const char* name, Range allowed);
  std::optional<std::vector<std::string>> texts(const char* name);

  /// The value behind one name, if it is there and not null.
  const nlohmann::json* find(std::string_view name);

  /// The name that this file uses: the first of `names` that is there, else the most usual one.
  std::string_view spelling(Names names) const;

  void refuse(std::string_view name, std::string problem, std::string allowed);
  void refuse_value(std::string_view name, const nlohmann::json& found, std::string allowed);

  std::vector<std::string> unread() const;  ///< Keys that nobody looked at, null ones aside, by name.
  Findings findings;

 private:
  struct Hit {
    const char* name;
    const nlohmann::json* value;
  };
  std::optional<Hit> first(Names names);
  std::optional<int> whole_number(std::string_view name, const nlohmann::json& value, Range allowed);

  const nlohmann::json& object_;
  std::string prefix_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace orrery
