#include "scenarios/reading/length_list.hpp"

#include <charconv>
#include <string>

namespace orrery {
namespace {

constexpr std::string_view blank = " \t\r";
constexpr std::size_t most_findings = 5;

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(blank) - first + 1);
}

}  // namespace

Checked<std::vector<double>> read_lengths(std::string_view text) {
  Checked<std::vector<double>> read;
  int number = 0;
  while (!text.empty() && read.findings.size() < most_findings) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    double tokens = 0;
    const auto [stopped, error] = std::from_chars(line.data(), line.data() + line.size(), tokens);
    if (error == std::errc() && stopped == line.data() + line.size() && tokens > 0 && tokens <= 1e7) {
      read.value.push_back(tokens);
    } else {
      read.findings.push_back({"",
                               "line " + std::to_string(number) + ": '" + std::string(line.substr(0, 40)) +
                                   "' is not a number of tokens",
                               "one number from 1 to 10,000,000 a line"});
    }
  }
  if (read.value.empty() && read.findings.empty())
    read.findings.push_back({"", "there is no length in it", "one number of tokens a line"});
  return read;
}

}  // namespace orrery
