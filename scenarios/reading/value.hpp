#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace orrery {

/// A stretch of one line of a text that was read. Lines and columns count from 1, columns in code points.
struct Place {
  int source = -1;  ///< Index among the document's sources; negative: nowhere, the value is a default.
  int line = 0, column = 0, width = 1;
  auto operator<=>(const Place&) const = default;
};

enum class SourceKind : std::uint8_t { File, BuiltIn, Argument };

/// One text that a document was put together from, kept for its messages.
struct SourceText {
  std::string name;  ///< Path, built-in name, or "--set".
  std::string text;
  SourceKind kind = SourceKind::File;
};

struct Member;
struct Value;
using Array = std::vector<Value>;
using TableValue = std::vector<Member>;  ///< In the order of the text.
/// What no key takes: dates, times, null.
struct OtherValue {
  std::string_view what;
};

/// A value of a TOML or JSON text that remembers where it was written.
struct Value {
  std::variant<bool, std::int64_t, double, std::string, Array, TableValue, OtherValue> data;
  Place place;
};
struct Member {
  std::string name;
  Place place;  ///< Of the name.
  Value value;
};

/// "a table", "a string", as messages say it.
std::string_view value_kind(const Value& value);
const Member* find_member(const TableValue& table, std::string_view name);
Member* find_member(TableValue& table, std::string_view name);

}  // namespace orrery
