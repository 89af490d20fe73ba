#include "models/transformer/config_keys.hpp"

#include <cmath>
#include <utility>

namespace orrery {
namespace {

using nlohmann::json;

/// A value as it may be printed in a message: short, and in plain characters.
std::string shown(const json& value) {
  constexpr std::size_t longest = 48;
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest) text = text.substr(0, longest) + "...";
  return text;
}

std::string words(Range allowed) {
  return "a whole number from " + std::to_string(allowed.least) + " to " + std::to_string(allowed.most);
}

}  // namespace

ConfigKeys::ConfigKeys(const json& object, std::string prefix)
    : object_(object), prefix_(std::move(prefix)) {}

const json* ConfigKeys::find(std::string_view name) {
  const auto at = object_.find(name);
  if (at == object_.end()) return nullptr;
  read_.emplace(name);
  return at->is_null() ? nullptr : &*at;
}

std::string_view ConfigKeys::spelling(Names names) const {
  for (const char* name : names) {
    const auto at = object_.find(name);
    if (at != object_.end() && !at->is_null()) return name;
  }
  return *names.begin();
}

/// Two names of one meaning may both be there, but must agree: which one a framework reads is its secret.
std::optional<ConfigKeys::Hit> ConfigKeys::first(Names names) {
  std::optional<Hit> hit;
  for (const char* name : names) {
    const json* value = find(name);
    if (!value) continue;
    if (!hit) {
      hit = Hit{name, value};
    } else if (*hit->value != *value) {
      refuse(name, "found " + shown(*value) + ", but " + hit->name + " says " + shown(*hit->value),
             "one of the two, or the same value");
    }
  }
  return hit;
}

/// Python's writers turn whole numbers into 10000.0 or 1e4 now and then; a fraction is refused.
std::optional<int> ConfigKeys::whole_number(std::string_view name, const json& value, Range allowed) {
  if (value.is_number()) {
    const double number = value.get<double>();
    if (number >= double(allowed.least) && number <= double(allowed.most) && number == std::floor(number)) {
      return int(number);
    }
  }
  refuse_value(name, value, words(allowed));
  return std::nullopt;
}

std::optional<int> ConfigKeys::integer(Names names, Range allowed) {
  const auto hit = first(names);
  return hit ? whole_number(hit->name, *hit->value, allowed) : std::nullopt;
}

std::optional<int> ConfigKeys::required_integer(Names names, Range allowed) {
  if (const auto hit = first(names)) return whole_number(hit->name, *hit->value, allowed);
  std::string others;
  for (const char* name : names) {
    if (name != *names.begin()) others += (others.empty() ? " (also read as " : ", ") + std::string(name);
  }
  refuse(*names.begin(), "the key is missing or null", words(allowed) + others + (others.empty() ? "" : ")"));
  return std::nullopt;
}

std::optional<bool> ConfigKeys::boolean(Names names) {
  const auto hit = first(names);
  if (!hit) return std::nullopt;
  if (hit->value->is_boolean()) return hit->value->get<bool>();
  refuse_value(hit->name, *hit->value, "true or false");
  return std::nullopt;
}

std::optional<std::string> ConfigKeys::text(Names names) {
  const auto hit = first(names);
  if (!hit) return std::nullopt;
  if (hit->value->is_string()) return hit->value->get<std::string>();
  refuse_value(hit->name, *hit->value, "a text");
  return std::nullopt;
}

std::optional<std::vector<int>> ConfigKeys::integers(const char* name, Range allowed) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_array()) {
    refuse_value(name, *value, "a list of whole numbers");
    return std::nullopt;
  }
  std::vector<int> numbers;
  for (const json& element : *value) {
    const auto number = whole_number(name, element, allowed);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<std::vector<std::string>> ConfigKeys::texts(const char* name) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  std::vector<std::string> list;
  if (value->is_array()) {
    for (const json& element : *value) {
      if (element.is_string()) list.push_back(element.get<std::string>());
    }
  }
  if (value->is_array() && list.size() == value->size()) return list;
  refuse_value(name, *value, "a list of texts");
  return std::nullopt;
}

void ConfigKeys::refuse(std::string_view name, std::string problem, std::string allowed) {
  findings.push_back({prefix_ + std::string(name), std::move(problem), std::move(allowed)});
}

void ConfigKeys::refuse_value(std::string_view name, const json& found, std::string allowed) {
  refuse(name, "found " + shown(found), std::move(allowed));
}

std::vector<std::string> ConfigKeys::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : object_.items()) {
    if (!value.is_null() && read_.find(name) == read_.end()) names.push_back(name);
  }
  return names;
}

}  // namespace orrery
