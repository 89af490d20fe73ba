#include "reports/json.hpp"

#include <fmt/format.h>

#include <iterator>

#include "reports/faults.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

using Tree = nlohmann::ordered_json;

void append_number(std::string& text, double number) {
  const std::size_t start = text.size();
  fmt::format_to(std::back_inserter(text), "{}", number);
  if (text.find_first_of(".e", start) == std::string::npos) text += ".0";
}

std::string quoted(const std::string& text) {
  return Tree(text).dump(-1, ' ', false, Tree::error_handler_t::replace);
}

void append(std::string& text, const Tree& tree, std::size_t depth) {
  if (tree.is_number_float()) return append_number(text, tree.get<double>());
  if (tree.is_string()) {
    text += quoted(tree.get_ref<const std::string&>());
    return;
  }
  if (!tree.is_structured() || tree.empty()) {
    text += tree.dump();
    return;
  }
  text += tree.is_object() ? '{' : '[';
  for (auto child = tree.begin(); child != tree.end(); ++child) {
    text += child == tree.begin() ? "\n" : ",\n";
    text.append(2 * (depth + 1), ' ');
    if (tree.is_object()) text += quoted(child.key()) + ": ";
    append(text, *child, depth + 1);
  }
  text += '\n';
  text.append(2 * depth, ' ');
  text += tree.is_object() ? '}' : ']';
}

}  // namespace

std::string to_text(const nlohmann::ordered_json& tree) {
  ORRERY_CHECK(faults_of(tree).empty());
  std::string text;
  append(text, tree, 0);
  text += '\n';
  return text;
}

}  // namespace orrery
