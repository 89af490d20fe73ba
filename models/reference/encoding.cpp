#include <algorithm>
#include <map>
#include <queue>
#include <string>

#include "models/reference/text.hpp"

namespace orrery::reference {
namespace {

enum class Mark { Letter, Digit, Space, Other };
Mark mark_of(char c) {
  const auto u = static_cast<unsigned char>(c);
  if ((u | 32) >= 'a' && (u | 32) <= 'z') return Mark::Letter;
  if (u >= 128) return Mark::Letter;  // Parts of a letter of another script.
  if (u >= '0' && u <= '9') return Mark::Digit;
  if (u == ' ' || u == '\n' || u == '\t' || u == '\r') return Mark::Space;
  return Mark::Other;
}

/// Where the word that begins at `first` ends. One space before a word belongs to it.
std::size_t word_end(std::string_view text, std::size_t first) {
  std::size_t at = first;
  if (text[at] == ' ' && at + 1 < text.size() && mark_of(text[at + 1]) != Mark::Space) ++at;
  const Mark mark = mark_of(text[at]);
  while (at < text.size() && mark_of(text[at]) == mark) {
    // The last of several spaces goes with the word behind it.
    if (mark == Mark::Space && at > first && text[at] == ' ' && at + 1 < text.size() &&
        mark_of(text[at + 1]) != Mark::Space)
      break;
    ++at;
  }
  return at;
}

struct Word {
  std::vector<std::int32_t> tokens;
  std::int64_t count = 0;
};

using Pair = std::pair<std::int32_t, std::int32_t>;

struct PairCount {
  std::int64_t count = 0;
  std::vector<std::int32_t> words;  ///< That held it at some time.
};

void merge_in(std::vector<std::int32_t>& tokens, Pair pair, std::int32_t merged) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < tokens.size(); ++from, ++to) {
    const bool found =
        from + 1 < tokens.size() && tokens[from] == pair.first && tokens[from + 1] == pair.second;
    tokens[to] = found ? merged : tokens[from];
    from += found;
  }
  tokens.resize(to);
}

}  // namespace

Encoding learn_encoding(std::string_view text, int vocabulary) {
  std::map<std::string_view, std::int64_t> counts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = word_end(text, at);
    ++counts[text.substr(at, end - at)];
    at = end;
  }
  std::vector<Word> words;
  for (const auto& [letters, count] : counts) {
    Word word{{}, count};
    for (const char c : letters) word.tokens.push_back(static_cast<unsigned char>(c));
    words.push_back(std::move(word));
  }
  std::map<Pair, PairCount> pairs;
  const auto count_pairs = [&](std::int32_t index, std::int64_t sign) {
    const Word& word = words[std::size_t(index)];
    for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
      PairCount& pair = pairs[{word.tokens[i], word.tokens[i + 1]}];
      pair.count += sign * word.count;
      if (sign > 0 && (pair.words.empty() || pair.words.back() != index)) pair.words.push_back(index);
    }
  };
  for (std::size_t i = 0; i < words.size(); ++i) count_pairs(std::int32_t(i), 1);
  struct Candidate {
    std::int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {  // The largest count, then the smallest pair, is on top.
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  std::priority_queue<Candidate> queue;
  for (const auto& [pair, count] : pairs) queue.push({count.count, pair});
  Encoding encoding;
  while (encoding.vocabulary() < vocabulary && !queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    PairCount& now = pairs[best.pair];
    if (now.count != best.count) {  // Outdated: again with its present count.
      if (now.count > 1) queue.push({now.count, best.pair});
      continue;
    }
    if (best.count < 2) break;
    const std::int32_t merged = encoding.vocabulary();
    encoding.merges.push_back({best.pair.first, best.pair.second});
    std::vector<std::int32_t> touched = std::move(now.words);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    std::map<Pair, bool> fresh;
    for (const std::int32_t index : touched) {
      count_pairs(index, -1);
      Word& word = words[std::size_t(index)];
      merge_in(word.tokens, best.pair, merged);
      count_pairs(index, 1);
      for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i) {
        if (word.tokens[i] == merged || word.tokens[i + 1] == merged)
          fresh[{word.tokens[i], word.tokens[i + 1]}] = true;
      }
    }
    for (const auto& [pair, unused] : fresh) queue.push({pairs[pair].count, pair});
  }
  return encoding;
}

std::vector<std::int32_t> encode_text(const Encoding& encoding, std::string_view text) {
  std::map<Pair, std::int32_t> rank;
  for (std::size_t i = 0; i < encoding.merges.size(); ++i)
    rank.emplace(Pair{encoding.merges[i].left, encoding.merges[i].right}, std::int32_t(i));
  std::map<std::string_view, std::vector<std::int32_t>> known;
  std::vector<std::int32_t> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = word_end(text, at);
    const auto [entry, is_new] = known.try_emplace(text.substr(at, end - at));
    std::vector<std::int32_t>& word = entry->second;
    if (is_new) {
      for (const char c : entry->first) word.push_back(static_cast<unsigned char>(c));
      while (word.size() > 1) {  // The earliest merge first, as they were learned.
        auto best = rank.end();
        for (std::size_t i = 0; i + 1 < word.size(); ++i) {
          const auto found = rank.find({word[i], word[i + 1]});
          if (found != rank.end() && (best == rank.end() || found->second < best->second)) best = found;
        }
        if (best == rank.end()) break;
        merge_in(word, best->first, 256 + best->second);
      }
    }
    tokens.insert(tokens.end(), word.begin(), word.end());
    at = end;
  }
  return tokens;
}

std::string decode_text(const Encoding& encoding, const std::vector<std::int32_t>& tokens) {
  std::vector<std::string> spelled(256);
  for (int byte = 0; byte < 256; ++byte) spelled[std::size_t(byte)] = std::string(1, char(byte));
  for (const Encoding::Merge& merge : encoding.merges)
    spelled.push_back(spelled[std::size_t(merge.left)] + spelled[std::size_t(merge.right)]);
  std::string text;
  for (const std::int32_t token : tokens) text += spelled[std::size_t(token)];
  return text;
}

}  // namespace orrery::reference
