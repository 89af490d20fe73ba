#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"

namespace orrery::reference {

/// Byte-pair encoding (Sennrich et al., arXiv 1508.07909) on bytes: 256 bytes, then one token a merge. Merges
/// never cross a boundary between words (a word is a run of letters with the space before it, a run of
/// digits, of other marks, or of spaces), so that common words become tokens.
struct Encoding {
  struct Merge {
    std::int32_t left, right;
  };
  std::vector<Merge> merges;  ///< Token 256 + i is merge i.
  int vocabulary() const { return 256 + int(merges.size()); }
};
/// The most frequent pair first, the smaller pair of equals; stops early when no pair occurs twice.
Encoding learn_encoding(std::string_view text, int vocabulary);
std::vector<std::int32_t> encode_text(const Encoding& encoding, std::string_view text);
std::string decode_text(const Encoding& encoding, const std::vector<std::int32_t>& tokens);

/// Text cut into a part that is trained on and one that is never seen: every tenth block of 4 KiB (at a word
/// boundary) is held out, so that both parts are of one kind.
struct Corpus {
  Encoding encoding;
  std::vector<std::int32_t> training, held_out;
  std::uint64_t hash = 0;  ///< FNV-1a of the bytes.
  std::int64_t bytes = 0;
  double largest_share = 0;  ///< Of the commonest token in `training`.
};
/// The encoding is learned on the training part alone. Refused: not UTF-8, text with zero bytes, too short
/// for `least_tokens` training tokens or `least_held_out`, a token above 5 % of the training part.
Checked<Corpus> read_corpus(std::string_view text, int vocabulary, std::int64_t least_tokens,
                            std::int64_t least_held_out);

}  // namespace orrery::reference
