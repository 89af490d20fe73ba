#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/kernels/family.hpp"
#include "sim/finding.hpp"

namespace orrery {

/// One JSON object being read: what is missing, out of range or unknown becomes a finding with its key.
class JsonReader {
 public:
  using Json = nlohmann::json;
  struct Range {
    double low, high;
  };

  JsonReader(const Json* object, std::string path, Findings& findings)
      : object_(object), path_(std::move(path)), findings_(&findings) {
    if (!object_->is_object()) complain("", "is not an object", "{ ... }");
  }

  bool has(std::string_view key) const { return find(key) != nullptr; }

  double number(std::string_view key, Range range) {
    const Json* value = take(key);
    if (value == nullptr) return range.low;
    const double number = value->is_number() ? value->get<double>() : std::nan("");
    if (number >= range.low && number <= range.high) return number;  // NaN is neither.
    complain(key, value->is_number() ? "found " + value->dump() : std::string("is ") + value->type_name(),
             "a number from " + Json(range.low).dump() + " to " + Json(range.high).dump());
    return range.low;
  }
  int whole(std::string_view key, Range range) {
    const double value = number(key, range);
    if (value != std::floor(value)) complain(key, "is not a whole number", "a whole number");
    return int(value);
  }
  std::string text(std::string_view key) {
    const Json* value = take(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return complain(key, "is not text", "a string"), std::string();
    return value->get<std::string>();
  }
  std::vector<double> numbers(std::string_view key, std::size_t size, Range range) {
    std::vector<double> values;
    const Json* list = take(key);
    if (list != nullptr && list->is_array() && list->size() == size) {
      for (const Json& item : *list) {
        const double value = item.is_number() ? item.get<double>() : std::nan("");
        if (value >= range.low && value <= range.high) values.push_back(value);
      }
    }
    if (values.size() == size) return values;
    if (list != nullptr) {
      complain(key, "is not such a list",
               std::to_string(size) + " numbers from " + Json(range.low).dump() + " to " +
                   Json(range.high).dump());
    }
    return std::vector<double>(size, range.low);
  }
  JsonReader object(std::string_view key) {
    const Json* value = take(key);
    static const Json empty = Json::object();
    return JsonReader(value != nullptr ? value : &empty, join(key), *findings_);
  }
  /// The items of a list, each an object; a missing list has none and is a finding.
  std::vector<JsonReader> objects(std::string_view key) {
    std::vector<JsonReader> items;
    const Json* list = take(key);
    if (list == nullptr) return items;
    if (!list->is_array()) return complain(key, "is not a list", "[ ... ]"), items;
    for (std::size_t i = 0; i < list->size(); ++i) {
      items.emplace_back(&(*list)[i], join(key) + "[" + std::to_string(i) + "]", *findings_);
    }
    return items;
  }
  std::vector<Tile> tiles(std::string_view key) {
    std::vector<Tile> tiles;
    const Json* list = take(key);
    if (list == nullptr) return tiles;
    const auto side = [](const Json& value) {
      return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= 4096;
    };
    if (list->is_array()) {
      for (const Json& item : *list) {
        if (!item.is_array() || item.size() != 2 || !side(item[0]) || !side(item[1])) {
          complain(key, "holds a tile that is not [rows, columns]", "two whole numbers from 1 to 4096");
          return tiles;
        }
        tiles.push_back({item[0].get<int>(), item[1].get<int>()});
      }
    }
    if (tiles.empty()) complain(key, "holds no tile", "[[128, 128], ...]");
    return tiles;
  }
  void ignore(std::string_view key) { seen_.emplace_back(key); }

  /// Every key that nobody asked for.
  void finish() {
    if (!object_->is_object()) return;
    for (const auto& [key, value] : object_->items()) {
      if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) continue;
      std::string allowed = "one of:";
      for (const std::string& name : seen_) allowed += " " + name;
      complain(key, "is not a key of this object", allowed);
    }
  }
  void complain(std::string_view key, std::string problem, std::string remedy) {
    findings_->push_back({join(key), std::move(problem), std::move(remedy)});
  }

 private:
  const Json* find(std::string_view key) const {
    if (!object_->is_object()) return nullptr;
    const auto found = object_->find(std::string(key));
    return found == object_->end() ? nullptr : &*found;
  }
  const Json* take(std::string_view key) {
    seen_.emplace_back(key);
    const Json* value = find(key);
    if (value == nullptr && object_->is_object()) complain(key, "is missing", "");
    return value;
  }
  std::string join(std::string_view key) const {
    if (path_.empty() || key.empty()) return path_ + std::string(key);
    return path_ + "." + std::string(key);
  }

  const Json* object_;
  std::string path_;
  Findings* findings_;
  std::vector<std::string> seen_;
};

}  // namespace orrery
