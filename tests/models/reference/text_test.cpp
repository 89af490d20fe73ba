#include "models/reference/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/random.hpp"

namespace orrery::reference {
namespace {

/// Words of few letters in random order, with digits, marks, several spaces, line ends and letters of two
/// bytes.
std::string any_text(RandomStream& random, int words) {
  static const char* const pieces[] = {"a", "b",  "ab", "ba", " ",        "  ", "\n",
                                       "1", "22", ",",  ".(", "\xC3\xA9", "cab"};
  std::string text;
  for (int i = 0; i < words; ++i) text += pieces[random.below(std::size(pieces))];
  return text;
}

TEST(Encoding, GivesEveryTextBack) {
  RandomStream random(1, {.owner = "test", .purpose = "text"});
  for (int run = 0; run < 100; ++run) {
    const Encoding encoding = learn_encoding(any_text(random, 400), 256 + int(random.below(40)));
    const std::string other = any_text(random, 200);
    EXPECT_EQ(decode_text(encoding, encode_text(encoding, other)), other);
  }
  EXPECT_TRUE(encode_text({}, "").empty());
}

using Pair = std::pair<std::int32_t, std::int32_t>;

/// Byte-pair encoding as its paper says it: all pairs of all words counted again before every merge. Words
/// are what an encoding without merges can tell apart, so they are cut by `cut`.
Encoding slow_twin(const std::vector<std::string>& words, int vocabulary) {
  std::vector<std::vector<std::int32_t>> tokens;
  for (const std::string& word : words) {
    tokens.emplace_back();
    for (const char c : word) tokens.back().push_back(static_cast<unsigned char>(c));
  }
  Encoding encoding;
  while (encoding.vocabulary() < vocabulary) {
    std::map<Pair, std::int64_t> counts;
    for (const auto& word : tokens)
      for (std::size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    const auto best = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second < b.second : a.first > b.first;
    });
    if (best == counts.end() || best->second < 2) break;
    const std::int32_t merged = encoding.vocabulary();
    encoding.merges.push_back({best->first.first, best->first.second});
    for (auto& word : tokens) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (Pair{word[i], word[i + 1]} != best->first) continue;
        word[i] = merged;
        word.erase(word.begin() + std::ptrdiff_t(i) + 1);
      }
    }
  }
  return encoding;
}

TEST(Encoding, LearnsTheMergesOfThePaper) {
  RandomStream random(2, {.owner = "test", .purpose = "text"});
  for (int run = 0; run < 30; ++run) {
    std::string text;
    std::vector<std::string> words;
    for (int i = 0; i < 60; ++i) {
      std::string word = i == 0 ? "" : " ";  // The space before a word is part of it.
      const int letters = 1 + int(random.below(5));
      for (int l = 0; l < letters; ++l) word += char('a' + random.below(4));
      text += word;
      words.push_back(word);
    }
    const Encoding fast = learn_encoding(text, 280), slow = slow_twin(words, 280);
    ASSERT_EQ(fast.merges.size(), slow.merges.size());
    for (std::size_t i = 0; i < fast.merges.size(); ++i) {
      EXPECT_EQ(fast.merges[i].left, slow.merges[i].left) << i;
      EXPECT_EQ(fast.merges[i].right, slow.merges[i].right) << i;
    }
  }
}

TEST(Encoding, MakesACommonWordOneTokenAndNeverJoinsTwoWords) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += " the cat";
  const Encoding encoding = learn_encoding(text, 300);
  EXPECT_EQ(encode_text(encoding, " the").size(), 1u);
  EXPECT_EQ(encode_text(encoding, " the cat").size(), 2u) << "the pair is common, but of two words";
}

std::string plain_words(int count) {
  RandomStream random(3, {.owner = "test", .purpose = "text"});
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += ' ';
    for (int l = 0; l < 3; ++l) text += char('a' + random.below(20));
  }
  return text;
}

TEST(Corpus, HoldsOutATenthThatIsNotTrainedOn) {
  const std::string text = plain_words(50'000);
  const Checked<Corpus> corpus = read_corpus(text, 300, 1000, 1000);
  ASSERT_TRUE(corpus.ok()) << corpus.findings.front().problem;
  const std::string training = decode_text(corpus.value.encoding, corpus.value.training);
  const std::string held_out = decode_text(corpus.value.encoding, corpus.value.held_out);
  EXPECT_EQ(training.size() + held_out.size(), text.size()) << "every byte is in one of the two";
  EXPECT_NEAR(double(held_out.size()) / double(text.size()), 0.1, 0.02);
  // Blocks of 4 KiB up to the next space: nine are trained on, the tenth is held out, and so on.
  std::string again;
  std::size_t in_training = 0, in_held_out = 0;
  for (int block = 0; again.size() < text.size(); ++block) {
    const bool out = block % 10 == 9;
    const std::string& from = out ? held_out : training;
    std::size_t& at = out ? in_held_out : in_training;
    std::size_t end = std::min(from.size(), at + 4096);
    while (again.size() + (end - at) < text.size() && text[again.size() + (end - at)] != ' ') ++end;
    again += from.substr(at, end - at);
    at = end;
  }
  EXPECT_EQ(again, text);
  EXPECT_EQ(corpus.value.bytes, std::int64_t(text.size()));
  EXPECT_LE(corpus.value.largest_share, 0.05);
}

TEST(Corpus, HashesByFnv1a) {
  // Published test vector of FNV-1a 64: "foobar". Too short to train on, but hashed.
  const Checked<Corpus> corpus = read_corpus("foobar", 256, 0, 0);
  EXPECT_EQ(corpus.value.hash, 0x85944171F73967E8ull);
}

Finding refusal(std::string_view text, std::int64_t least = 10) {
  const Checked<Corpus> corpus = read_corpus(text, 300, least, least);
  EXPECT_EQ(corpus.findings.size(), 1u);
  return corpus.ok() ? Finding{} : corpus.findings.front();
}

TEST(Corpus, RefusesWhatIsNoText) {
  using namespace std::string_view_literals;
  const auto says = [](const Finding& finding, const char* piece) {
    EXPECT_NE(finding.problem.find(piece), std::string::npos) << finding.problem;
    EXPECT_NE(finding.remedy, "");
  };
  says(refusal(""), "empty");
  says(refusal("a\0b"sv), "position 1");
  says(refusal("ab\xFF"), "byte 255 at position 2");
  says(refusal("caf\xE9 au lait"), "position 3");   // Latin-1.
  says(refusal("\xC0\xAF"), "position 0");          // An overlong '/'.
  says(refusal("x\xED\xA0\x80"), "position 1");     // Half a surrogate pair.
  says(refusal("\xF5\x80\x80\x80"), "position 0");  // Beyond Unicode.
  says(refusal("abc\xE2\x82"), "position 3");       // Cut off.
  says(refusal("too short", 1000), "1000 are needed");
  std::string dull;
  for (int i = 0; i < 30'000; ++i) dull += " no";
  says(refusal(dull), "% of the text");
}

TEST(Corpus, ReadsLettersOfEveryScript) {
  std::string text = plain_words(30'000) + " \xC3\xA9t\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xEF\xBF\xBD";
  EXPECT_TRUE(read_corpus(text, 300, 1000, 1000).ok());
}

}  // namespace
}  // namespace orrery::reference
