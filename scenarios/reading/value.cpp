#include "scenarios/reading/value.hpp"

#include <algorithm>
#include <array>

namespace orrery {

std::string_view value_kind(const Value& value) {
  constexpr std::array<std::string_view, 6> names{"true or false", "an integer", "a number",
                                                  "a string",      "a list",     "a table"};
  const auto* other = std::get_if<OtherValue>(&value.data);
  return other ? other->what : names[value.data.index()];
}

const Member* find_member(const TableValue& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Member::name);
  return found == table.end() ? nullptr : &*found;
}

Member* find_member(TableValue& table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &Member::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace orrery
