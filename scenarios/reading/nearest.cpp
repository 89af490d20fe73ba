#include "scenarios/reading/nearest.hpp"

#include <algorithm>
#include <vector>

namespace orrery {

int edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t longest = 64;  // Names are short; a hostile one need not cost its square.
  a = a.substr(0, longest);
  b = b.substr(0, longest);
  // Three rows of the usual matrix: a swap looks back two.
  std::vector<int> older(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = int(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = int(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], older[j - 2] + 1);
    }
    std::swap(older, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string joined(std::span<const std::string_view> words, std::string_view between) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

std::string suggestion(std::string_view wanted, std::span<const std::string_view> candidates) {
  if (candidates.empty()) return "there are none yet";
  const auto nearest = std::ranges::min_element(
      candidates, {}, [&](std::string_view candidate) { return edit_distance(wanted, candidate); });
  if (edit_distance(wanted, *nearest) <= std::max(2, int(wanted.size()) / 3))
    return "did you mean '" + std::string(*nearest) + "'?";
  return "known: " + joined(candidates, ", ");
}

}  // namespace orrery
