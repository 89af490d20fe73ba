#include <algorithm>
#include <charconv>
#include <string>

#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

/// A JSON parser of our own, because the usual one forgets where a value stood.
class JsonReader {
 public:
  JsonReader(std::string_view text, int source) : text_(text), source_(source) {}

  ParsedText read() {
    skip_space();
    Value root = value(1);
    skip_space();
    if (!failed() && at_ < text_.size()) fail("expected the end of the text");
    ParsedText parsed;
    parsed.diagnostics = std::move(diagnostics_);
    auto* table = std::get_if<TableValue>(&root.data);
    if (parsed.diagnostics.empty() && !table)
      parsed.diagnostics.push_back(
          {"", "a scenario is an object, found " + std::string(value_kind(root)), "", {root.place}});
    if (table) parsed.root = std::move(*table);
    return parsed;
  }

 private:
  bool failed() const { return !diagnostics_.empty(); }
  void fail(std::string problem) {
    if (!failed())
      diagnostics_.push_back({"", std::move(problem), "see json.org", {{source_, line_, column_, 1}}});
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void step() {
    if (text_[at_] == '\n') {
      ++line_;
      column_ = 1;
    } else if (at_ + 1 >= text_.size() || (static_cast<unsigned char>(text_[at_ + 1]) & 0xC0) != 0x80) {
      ++column_;
    }
    ++at_;
  }
  void skip_space() {
    while (at_ < text_.size() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r'))
      step();
  }
  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || peek() != wanted) return false;
    step();
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail(std::string("expected '") + wanted + "'");
  }
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    for (std::size_t i = 0; i < word.size(); ++i) step();
    return true;
  }

  Value value(int depth) {
    Value result{false, {source_, line_, column_, 1}};
    if (depth > deepest_nesting) {
      fail("values are nested deeper than 16");
      return result;
    }
    if (peek() == '{') {
      result.data = object(depth);
    } else if (peek() == '[') {
      result.data = list(depth);
    } else if (peek() == '"') {
      result.data = string();
    } else if (take_word("true")) {
      result.data = true;
    } else if (take_word("null")) {
      result.data = OtherValue{"null"};
    } else if (!take_word("false")) {
      number(result);
    }
    if (line_ == result.place.line) result.place.width = std::max(column_ - result.place.column, 1);
    return result;
  }

  TableValue object(int depth) {
    TableValue table;
    step();
    if (take('}')) return table;
    do {
      skip_space();
      Place place{source_, line_, column_, 1};
      if (peek() != '"') return fail("expected a name in quotes"), table;
      std::string name = string();
      place.width = std::max(column_ - place.column, 1);
      if (find_member(table, name)) return fail("the name \"" + name + "\" is given twice"), table;
      expect(':');
      skip_space();
      if (failed()) return table;
      Value inner = value(depth + 1);
      table.push_back({std::move(name), place, std::move(inner)});
    } while (!failed() && take(','));
    expect('}');
    return table;
  }

  Array list(int depth) {
    Array items;
    step();
    if (take(']')) return items;
    do {
      skip_space();
      items.push_back(value(depth + 1));
    } while (!failed() && take(','));
    expect(']');
    return items;
  }

  void append_code_point(std::string& to, unsigned point) {
    if (point < 0x80) {
      to += char(point);
    } else if (point < 0x800) {
      to += char(0xC0 | (point >> 6));
      to += char(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      to += char(0xE0 | (point >> 12));
      to += char(0x80 | ((point >> 6) & 0x3F));
      to += char(0x80 | (point & 0x3F));
    } else {
      to += char(0xF0 | (point >> 18));
      to += char(0x80 | ((point >> 12) & 0x3F));
      to += char(0x80 | ((point >> 6) & 0x3F));
      to += char(0x80 | (point & 0x3F));
    }
  }

  unsigned four_digits() {
    unsigned point = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), point, 16);
    if (error != std::errc() || digits.size() < 4 || end != digits.data() + 4)
      return fail("expected four hexadecimal digits"), 0;
    for (int i = 0; i < 4; ++i) step();
    return point;
  }

  void escape(std::string& to) {
    constexpr std::string_view names = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    const std::size_t which = names.find(peek());
    if (peek() != '\0' && which != std::string_view::npos) {
      to += meant[which];
      return step();
    }
    if (peek() != 'u') return fail("unknown escape");
    step();
    unsigned point = four_digits();
    if (point >= 0xD800 && point < 0xDC00 && take_word("\\u")) {
      const unsigned low = four_digits();
      if (low < 0xDC00 || low > 0xDFFF) return fail("half a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xD800 && point < 0xE000) {
      return fail("half a surrogate pair");
    }
    append_code_point(to, point);
  }

  std::string string() {
    std::string result;
    step();
    while (!failed()) {
      if (at_ >= text_.size() || static_cast<unsigned char>(peek()) < 0x20) {
        fail("expected a closing quote");
      } else if (peek() == '"') {
        step();
        return result;
      } else if (peek() == '\\') {
        step();
        escape(result);
      } else {
        result += peek();
        step();
      }
    }
    return result;
  }

  void number(Value& result) {
    const std::string_view rest = text_.substr(at_);
    const std::string_view digits = rest.substr(0, rest.find_first_not_of("0123456789+-.eE"));
    const char* const last = digits.data() + digits.size();
    std::int64_t whole = 0;
    double real = 0;
    if (const auto [end, error] = std::from_chars(digits.data(), last, whole);
        !digits.empty() && error == std::errc() && end == last) {
      result.data = whole;
    } else if (const auto [stop, fault] = std::from_chars(digits.data(), last, real);
               !digits.empty() && fault == std::errc() && stop == last) {
      result.data = real;
    } else {
      return fail("expected a value");
    }
    for (std::size_t i = 0; i < digits.size(); ++i) step();
  }

  std::string_view text_;
  int source_;
  std::size_t at_ = 0;
  int line_ = 1, column_ = 1;
  Diagnostics diagnostics_;
};

}  // namespace

ParsedText parse_json(std::string_view text, int source) { return JsonReader(text, source).read(); }

}  // namespace orrery
