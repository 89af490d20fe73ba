#include "models/transformer/json_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace orrery {
namespace {

using nlohmann::json;

/// "line 3, column 7 (byte 41)"; columns count characters, so continuation bytes of UTF-8 do not.
std::string place(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::string_view row = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0.
  const auto column = 1 + std::count_if(row.begin(), row.end(), [](char c) { return (c & 0xC0) != 0x80; });
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + " (byte " +
         std::to_string(before.size()) + ")";
}

/// The parser's own words, without its prefix and without the raw bytes that it quotes.
std::string reason(std::string_view words) {
  if (const auto at = words.find(": "); at != words.npos) words = words.substr(at + 2);
  std::string text(words);
  if (const auto at = text.find("; last read: '"); at != text.npos) {
    const auto end = text.rfind("'; expected ");
    text = text.substr(0, at) + (end != text.npos && end > at ? text.substr(end + 1) : "");
  }
  return text;
}

/// Walks the text once and stops at the first fault.
class Walk : public json::json_sax_t {
 public:
  explicit Walk(std::string_view text) : text_(text) {}
  Findings findings;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    findings.push_back({json(name.substr(0, 60)).dump(-1, ' ', true, json::error_handler_t::replace),
                        "the key is given twice in one object", "give it once"});
    return false;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& fault) override {
    const std::size_t byte = position > 0 ? position - 1 : 0;
    const std::string what = byte >= text_.size() ? "the text ends too early, at " : "not valid JSON at ";
    findings.push_back(
        {"", what + place(text_, byte) + ": " + reason(fault.what()), "a complete JSON object"});
    return false;
  }

 private:
  bool open() {
    keys_.emplace_back();
    if (int(keys_.size()) <= deepest_json_nesting) return true;
    findings.push_back({"", "nested deeper than " + std::to_string(deepest_json_nesting) + " levels",
                        "at most " + std::to_string(deepest_json_nesting) + " levels"});
    return false;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view text_;
  std::vector<std::set<std::string>> keys_;  // One a level; an array's stays empty.
};

}  // namespace

Findings check_json_text(std::string_view text) {
  if (text.size() > largest_json_text) {
    return {{"", "the text has " + std::to_string(text.size()) + " bytes",
             "at most " + std::to_string(largest_json_text) + " bytes (4 MiB)"}};
  }
  Walk walk(text);
  json::sax_parse(text.begin(), text.end(), &walk);
  return walk.findings;
}

}  // namespace orrery
