#include <algorithm>
#include <optional>
#include <string>

#include "models/reference/text.hpp"
#include "sim/hash.hpp"

namespace orrery::reference {
namespace {

constexpr std::size_t block_bytes = 4096, held_out_every = 10;
constexpr double most_common = 0.05;

/// The first byte that is not part of a UTF-8 sequence (RFC 3629: no overlong forms, no surrogates).
std::optional<std::size_t> not_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) {
      return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned first = byte(at);
    const int more = first < 0x80                    ? 0
                     : first >= 0xC2 && first < 0xE0 ? 1
                     : first >= 0xE0 && first < 0xF0 ? 2
                     : first >= 0xF0 && first < 0xF5 ? 3
                                                     : -1;
    if (more < 0 || first == 0) return at;
    for (int i = 1; i <= more; ++i) {
      if ((byte(at + std::size_t(i)) & 0xC0) != 0x80) return at;
    }
    const unsigned second = byte(at + 1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
      return at;
    at += std::size_t(more) + 1;
  }
  return std::nullopt;
}

}  // namespace

Checked<Corpus> read_corpus(std::string_view text, int vocabulary, std::int64_t least_tokens,
                            std::int64_t least_held_out) {
  Checked<Corpus> checked;
  const auto refuse = [&](std::string problem, std::string remedy) {
    checked.findings.push_back({"text", std::move(problem), std::move(remedy)});
    return std::move(checked);
  };
  if (text.empty()) return refuse("the text is empty", "any UTF-8 text of a megabyte or more");
  if (const auto at = not_utf8(text)) {
    return refuse("the text is not UTF-8: byte " + std::to_string(static_cast<unsigned char>(text[*at])) +
                      " at position " + std::to_string(*at),
                  "a plain text file in UTF-8, without zero bytes");
  }
  Corpus& corpus = checked.value;
  corpus.hash = fnv1a(text);
  corpus.bytes = std::int64_t(text.size());
  std::string training, held_out;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    std::size_t end = std::min(text.size(), at + block_bytes);
    while (end < text.size() && text[end] != ' ' && text[end] != '\n') ++end;
    (number % held_out_every == held_out_every - 1 ? held_out : training) += text.substr(at, end - at);
    at = end;
  }
  corpus.encoding = learn_encoding(training, vocabulary);
  corpus.training = encode_text(corpus.encoding, training);
  corpus.held_out = encode_text(corpus.encoding, held_out);
  if (std::int64_t(corpus.training.size()) < least_tokens ||
      std::int64_t(corpus.held_out.size()) < least_held_out) {
    return refuse("the text has " + std::to_string(corpus.training.size()) + " tokens to train on and " +
                      std::to_string(corpus.held_out.size()) + " held out; " + std::to_string(least_tokens) +
                      " and " + std::to_string(least_held_out) + " are needed",
                  "a longer text, or fewer held-out tokens");
  }
  std::vector<std::int64_t> counts(std::size_t(corpus.encoding.vocabulary()));
  for (const std::int32_t token : corpus.training) ++counts[std::size_t(token)];
  const auto commonest = std::max_element(counts.begin(), counts.end());
  corpus.largest_share = double(*commonest) / double(corpus.training.size());
  if (corpus.largest_share > most_common) {
    return refuse("one token is " + std::to_string(100 * corpus.largest_share) +
                      " % of the text; balance would be that of a single token",
                  "a text of words, of which no token is more than 5 %");
  }
  return checked;
}

}  // namespace orrery::reference
