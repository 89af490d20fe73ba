#include "topologies/files/xml.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "topologies/files/graph_text.hpp"

namespace orrery {
namespace {

constexpr std::pair<std::string_view, char> entities[] = {
    {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
constexpr std::size_t deepest = 64;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_name(char c) {
  return !is_space(c) && c != '<' && c != '>' && c != '/' && c != '=' && c != '"' && c != '\'' && c != '&';
}

class Reading {
 public:
  explicit Reading(std::string_view text) : text_(text) {}

  Checked<std::vector<XmlEvent>> read() {
    while (ok() && at_ < text_.size()) {
      if (text_[at_] == '<') {
        read_tag();
      } else {
        read_text();
      }
    }
    if (ok() && !open_.empty())
      refuse(open_.back().second, "<" + open_.back().first + "> is not closed",
             "</" + open_.back().first + ">");
    return std::move(out_);
  }

 private:
  bool ok() const { return out_.ok(); }
  void refuse(int line, std::string problem, std::string remedy) {
    if (ok()) out_.findings.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }
  bool sees(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  void go_to(std::size_t end) {
    line_ += int(std::count(text_.begin() + std::ptrdiff_t(at_), text_.begin() + std::ptrdiff_t(end), '\n'));
    at_ = end;
  }
  /// Past the next `end`, and what stands before it.
  std::string_view up_to(std::string_view end, const char* what) {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) {
      refuse(line_, std::string("a ") + what + " does not end", std::string(end));
      return {};
    }
    const std::string_view between = text_.substr(at_, found - at_);
    go_to(found + end.size());
    return between;
  }
  void skip_space() {
    std::size_t end = at_;
    while (end < text_.size() && is_space(text_[end])) ++end;
    go_to(end);
  }
  std::string read_name() {
    std::size_t end = at_;
    while (end < text_.size() && is_name(text_[end])) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    go_to(end);
    return std::string(name);
  }

  std::string plain(std::string_view raw) {
    std::string text;
    for (std::size_t i = 0; i < raw.size() && ok(); ++i) {
      if (raw[i] != '&') {
        text += raw[i];
        continue;
      }
      const std::size_t end = raw.find(';', i);
      const std::string_view name = raw.substr(i + 1, end == std::string_view::npos ? 0 : end - i - 1);
      const auto found = std::find_if(std::begin(entities), std::end(entities),
                                      [&](const auto& entity) { return entity.first == name; });
      unsigned number = 0;
      if (found != std::end(entities)) {
        text += found->second;
      } else if (name.starts_with('#') &&
                 std::from_chars(name.data() + 1, name.data() + name.size(), number).ptr ==
                     name.data() + name.size() &&
                 number > 0 && number < 128) {
        text += char(number);
      } else {
        refuse(line_, "an unknown entity '&" + std::string(name.substr(0, 20)) + "'",
               "&lt; &gt; &amp; &quot; &apos;");
      }
      i = end;
    }
    return text;
  }

  void read_text() {
    const std::size_t end = std::min(text_.find('<', at_), text_.size());
    const std::string_view raw = text_.substr(at_, end - at_);
    if (!std::all_of(raw.begin(), raw.end(), is_space)) {
      if (open_.empty()) return refuse(line_, "text outside of any element", "<graphml>");
      out_.value.push_back({XmlEvent::Text, plain(raw), {}, line_});
    }
    go_to(end);
  }

  void read_tag() {
    if (sees("<!--")) return void(up_to("-->", "comment"));
    if (sees("<?")) return void(up_to("?>", "instruction"));
    if (sees("<![CDATA[")) {
      at_ += 9;
      const int line = line_;
      const std::string_view raw = up_to("]]>", "CDATA section");
      if (ok()) out_.value.push_back({XmlEvent::Text, std::string(raw), {}, line});
      return;
    }
    if (sees("<!")) return refuse(line_, "a document type", "leave it out: its entities are not read");
    const int line = line_;
    ++at_;
    if (sees("/")) {
      ++at_;
      const std::string name = read_name();
      skip_space();
      if (!sees(">")) return refuse(line_, "</" + name + " does not end", ">");
      ++at_;
      return close(name, line);
    }
    XmlEvent event{XmlEvent::Open, read_name(), {}, line};
    if (event.name.empty()) return refuse(line, "'<' without a name", "&lt; for the sign itself");
    while (true) {
      skip_space();
      if (sees(">") || sees("/>")) break;
      const std::string key = read_name();
      skip_space();
      if (key.empty() || !sees("="))
        return refuse(line_, "<" + event.name + "> is broken off, or has an attribute without a value",
                      "name=\"value\"");
      ++at_;
      skip_space();
      const std::string quote = sees("'") ? "'" : "\"";
      if (!sees(quote)) return refuse(line_, key + " has no quoted value", "name=\"value\"");
      ++at_;
      std::string value = plain(up_to(quote, "quoted value"));
      if (!ok()) return;
      if (!event.attributes.emplace(key, std::move(value)).second)
        return refuse(line_, key + " stands twice in <" + event.name + ">", "once");
    }
    const bool empty = sees("/>");
    at_ += empty ? 2 : 1;
    if (open_.size() >= deepest) return refuse(line, "elements nest too deep", "at most 64 levels");
    open_.push_back({event.name, line});
    const std::string name = event.name;
    out_.value.push_back(std::move(event));
    if (empty) close(name, line);
  }

  void close(const std::string& name, int line) {
    if (open_.empty()) return refuse(line, "</" + name + "> closes nothing", "leave it out");
    if (open_.back().first != name)
      return refuse(line,
                    "</" + name + "> closes <" + open_.back().first + "> of line " +
                        std::to_string(open_.back().second),
                    "</" + open_.back().first + "> first");
    open_.pop_back();
    out_.value.push_back({XmlEvent::Close, name, {}, line});
  }

  std::string_view text_;
  Checked<std::vector<XmlEvent>> out_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<std::pair<std::string, int>> open_;
};

}  // namespace

Checked<std::vector<XmlEvent>> read_xml(std::string_view text) { return Reading(text).read(); }

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto found = std::find_if(std::begin(entities), std::end(entities),
                                    [&](const auto& entity) { return entity.second == c; });
    if (found == std::end(entities)) {
      out += c;
    } else {
      out.append("&").append(found->first).append(";");
    }
  }
  return out;
}

}  // namespace orrery
