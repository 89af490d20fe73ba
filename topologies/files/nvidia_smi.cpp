#include <algorithm>
#include <map>

#include "topologies/files/graph_text.hpp"
#include "topologies/files/node_inside.hpp"

namespace orrery {
namespace {

/// Without escape sequences: the heading is underlined.
std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      out += text[i];
      continue;
    }
    while (i < text.size() && text[i] != 'm') ++i;
  }
  return out;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line) {
    const bool space = c == ' ' || c == '\t' || c == '\r';
    if (!space) word += c;
    if (space && !word.empty()) words.push_back(std::move(word)), word.clear();
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool numbered(std::string_view word, std::string_view kind, std::uint32_t& number) {
  return word.starts_with(kind) && read_whole(word.substr(kind.size()), number);
}

bool find_nearness(std::string_view word, Nearness& nearness) {
  for (int n = 0; n <= int(Nearness::Sys); ++n) {
    if (nearness_word(Nearness(n)) != word) continue;
    nearness = Nearness(n);
    return true;
  }
  return false;
}

constexpr std::uint32_t most_devices = 1024;

}  // namespace

Checked<NodeInside> read_nvidia_smi(std::string_view text) {
  Checked<NodeInside> out;
  NodeInside& inside = out.value;
  const std::string clean = plain(text);
  std::vector<std::string> columns;  // GPUs, then NICs: as far as the matrix goes.
  std::vector<bool> told;
  const auto refuse = [&](int line, std::string problem, std::string remedy) {
    out.findings.push_back(at_line(line, std::move(problem), std::move(remedy)));
  };
  int number = 0;
  for (std::size_t begin = 0; begin < clean.size() && out.findings.size() < most_findings;) {
    const std::size_t end = std::min(clean.find('\n', begin), clean.size());
    const std::vector<std::string> words = words_of(std::string_view(clean).substr(begin, end - begin));
    begin = end + 1;
    ++number;
    std::uint32_t device = 0;
    if (words.empty()) continue;
    if (columns.empty()) {
      // What the shell printed before, or a row without its heading.
      if (words[0] != "GPU0" || (words.size() > 1 && words[1] == "X")) continue;
      for (const std::string& word : words) {
        if (numbered(word, "GPU", device) && device == inside.gpus && inside.nics.empty()) {
          ++inside.gpus;
        } else if (numbered(word, "NIC", device) || word.starts_with("mlx")) {
          inside.nics.push_back({word, {}});
        } else {
          break;  // "CPU Affinity" and what follows.
        }
        columns.push_back(word);
      }
      if (columns.size() > most_devices) {
        refuse(number, std::to_string(columns.size()) + " devices",
               "at most " + std::to_string(most_devices));
        return out;
      }
      inside.nvlinks.assign(std::size_t(inside.gpus) * inside.gpus, 0);
      inside.nearness.assign(std::size_t(inside.gpus) * inside.nics.size(), Nearness::Sys);
      told.assign(inside.gpus, false);
      continue;
    }
    // "NIC0: mlx5_0" in the legend names the columns.
    if (words.size() == 2 && words[0].ends_with(":")) {
      for (NodeInside::Nic& nic : inside.nics)
        if (nic.name + ":" == words[0]) nic.name = words[1];
      continue;
    }
    if (!numbered(words[0], "GPU", device)) continue;  // A NIC's own row says the same again.
    if (device >= inside.gpus || told[device]) {
      refuse(number, "a row of '" + words[0] + "'", "one for every GPU of the heading");
      continue;
    }
    if (words.size() < 1 + columns.size()) {
      refuse(number, "the row of '" + words[0] + "' is cut short",
             std::to_string(columns.size()) + " columns");
      continue;
    }
    told[device] = true;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::string& word = words[1 + c];
      std::uint32_t links = 0;
      Nearness nearness = Nearness::Sys;
      const bool gpu = c < inside.gpus;
      if (gpu && numbered(word, "NV", links)) {
        inside.nvlinks[device * inside.gpus + c] = links;
      } else if (find_nearness(word, nearness)) {
        if (!gpu) inside.nearness[device * inside.nics.size() + (c - inside.gpus)] = nearness;
      } else if (word != "X" || c != device) {
        refuse(number, "'" + word.substr(0, 20) + "' between '" + words[0] + "' and '" + columns[c] + "'",
               "NV and a number, PIX, PXB, PHB, NODE or SYS");
      }
    }
  }
  if (columns.empty()) refuse(0, "there is no heading of GPUs", "what nvidia-smi topo -m prints");
  for (std::uint32_t gpu = 0; gpu < told.size(); ++gpu)
    if (!told[gpu] && out.findings.empty())
      refuse(0, "GPU" + std::to_string(gpu) + " has no row", "the whole matrix");
  return out;
}

}  // namespace orrery
