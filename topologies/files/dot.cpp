#include <cctype>

#include "topologies/files/files.hpp"
#include "topologies/files/graph_text.hpp"

namespace orrery {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// A word, a quoted string or a sign of a DOT text; empty at its end.
struct Token {
  std::string text;
  bool quoted = false;
  int line = 0;
};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  /// Finding: a string or a comment that does not end.
  Token next(Findings& findings) {
    skip(findings);
    Token token{{}, false, line_};
    if (at_ >= text_.size()) return token;
    const char c = text_[at_];
    if (c == '"') {
      token.quoted = true;
      ++at_;
      while (at_ < text_.size() && text_[at_] != '"') {
        if (text_[at_] == '\n') ++line_;
        if (text_[at_] == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\'))
          ++at_;
        token.text += text_[at_++];
      }
      if (at_ >= text_.size()) findings.push_back(at_line(token.line, "a string does not end", "\""));
      ++at_;
      return token;
    }
    if (text_.substr(at_).starts_with("--") || text_.substr(at_).starts_with("->")) {
      token.text = text_.substr(at_, 2);
      at_ += 2;
      return token;
    }
    if (!is_word(c)) {
      token.text = c;
      ++at_;
      return token;
    }
    while (at_ < text_.size() && is_word(text_[at_]) && !text_.substr(at_).starts_with("--") &&
           !text_.substr(at_).starts_with("->"))
      token.text += text_[at_++];
    return token;
  }

 private:
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-' || c == '+' ||
           static_cast<unsigned char>(c) >= 128;
  }
  void skip(Findings& findings) {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.front() == '\n') {
        ++line_, ++at_;
      } else if (std::isspace(static_cast<unsigned char>(rest.front()))) {
        ++at_;
      } else if (rest.starts_with("//") || rest.front() == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest.starts_with("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) findings.push_back(at_line(line_, "a comment does not end", "*/"));
        for (const char c : rest.substr(0, end == std::string_view::npos ? end : end - at_))
          line_ += c == '\n';
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

class Reading {
 public:
  explicit Reading(std::string_view text) : tokens_(text) { step(); }

  Checked<GraphText> read() {
    if (is("strict")) step();
    if (!is("graph") && !is("digraph")) return refused("'graph'");
    step();
    if (!is("{")) {
      out_.value.topology = now_.text;
      step();
    }
    if (!is("{")) return refused("'{'");
    step();
    while (out_.findings.size() < most_findings && !is("}")) {
      if (now_.text.empty() && !now_.quoted) return refused("'}'");
      if (!statement()) break;
    }
    return std::move(out_);
  }

 private:
  void step() { now_ = tokens_.next(out_.findings); }
  bool is(std::string_view text) const { return !now_.quoted && now_.text == text; }
  Checked<GraphText> refused(const char* wanted) {
    refuse(wanted);
    return std::move(out_);
  }
  bool refuse(const char* wanted) {
    out_.findings.push_back(at_line(
        now_.line,
        now_.text.empty() && !now_.quoted ? "the text ends" : "found '" + now_.text.substr(0, 40) + "'",
        std::string(wanted) + " is wanted here"));
    return false;
  }
  bool is_name() const {
    return now_.quoted || (!now_.text.empty() && now_.text.find_first_of("{}[];,=-<>:") == std::string::npos);
  }

  /// a box, a cable or chain of cables, a default (graph, node, edge), or key = value.
  bool statement() {
    if (is(";")) return step(), true;
    if (is("subgraph") || is("{")) return refuse("a box or a cable: parts of graphs are not read;");
    if (!is_name()) return refuse("a box or a cable");
    const Token first = now_;
    step();
    std::vector<std::string> chain{first.text};
    while (is("--") || is("->")) {
      step();
      if (!is_name()) return refuse("the other end of the cable");
      chain.push_back(now_.text);
      step();
    }
    if (chain.size() == 1 && is("=")) {
      step();
      if (!is_name()) return refuse("a value");
      return step(), true;
    }
    Attributes of_it;
    while (is("["))
      if (!attributes(of_it)) return false;
    const bool word =
        !first.quoted && (first.text == "graph" || first.text == "node" || first.text == "edge");
    if (chain.size() == 1 && !word) add_box(out_, first.text, of_it, first.line);
    for (std::size_t i = 1; i < chain.size(); ++i) add_cable(out_, chain[i - 1], chain[i], of_it, first.line);
    return true;
  }

  bool attributes(Attributes& of_it) {
    step();
    while (!is("]")) {
      if (!is_name()) return refuse("']'");
      const std::string key = now_.text;
      step();
      if (!is("=")) return refuse("'='");
      step();
      if (!is_name() && now_.text.find_first_not_of("0123456789.eE+-") != std::string::npos)
        return refuse("a value");
      of_it[key] = now_.text;
      step();
      if (is(",") || is(";")) step();
    }
    return step(), true;
  }

  Tokens tokens_;
  Token now_;
  Checked<GraphText> out_;
};

}  // namespace

std::string to_dot(const Fabric& fabric) {
  const GraphText text = graph_text(fabric);
  std::string out = "graph " + quoted(text.topology) + " {\n";
  for (const GraphText::Box& box : text.boxes)
    out += "  " + quoted(box.name) + " [kind=" + std::string(kind_word(box.kind)) +
           ", group=" + std::to_string(box.group) + ", index=" + std::to_string(box.index) + "];\n";
  for (const GraphText::Cable& cable : text.cables)
    out += "  " + quoted(cable.from) + " -- " + quoted(cable.to) +
           " [bytes_per_s=" + quoted(exact(cable.rate.value())) +
           ", latency_s=" + quoted(exact(cable.latency.value())) + "];\n";
  return out + "}\n";
}

Checked<Fabric> read_dot(std::string_view text, const FabricRequest&) {
  Checked<GraphText> graph = Reading(text).read();
  if (graph.ok()) return fabric_from(graph.value);
  Checked<Fabric> refused;
  refused.findings = std::move(graph.findings);
  return refused;
}

}  // namespace orrery
