#include "reports/terminal.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "reports/unicode.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

Page sample() {
  return {
      .title = "DeepSeek-V3 on 2,048 × H800",
      .sections = {
          {"What", {Facts{{{"model", "671.0 B parameters"}, {"batch", "15,360 sequences"}}}}},
          {"Time",
           {Bars{{{"experts", 0.5, "10.00 s"}, {"attention", 0.25, "5.000 s"}, {"→ idle", 0.01, "0.200 s"}}},
            Paragraph{"Shares are of the mean step."}}},
          {"Cost",
           {Grid{{{"phase", Align::Left}, {"days"}, {"cost"}},
                 {{"pre-training", "54.20", "5.328 M USD"}, {"all", "56.70", "5.576 M USD"}}}}},
          {"Published", {Comparison{{{"step", "19.53 s", "19.93 s", -2.0, "ISCA 2025"}}}}}}};
}

// The whole picture: labels to the left, numbers to the right. Of 60 columns the margin takes 2, labels 9,
// shares 6, values 7 and gaps 3 * 2: the bars have 30. Against the largest share, 0.5, a share of 0.25 takes
// 15 columns and one of 0.01 takes 0.6, that is 4.8 eighths: 5.
TEST(Terminal, PrintsEveryKindOfBlock) {
  EXPECT_EQ(to_text(sample(), Style{.columns = 60}),
            "DeepSeek-V3 on 2,048 × H800\n"
            "═══════════════════════════\n"
            "\n"
            "What\n"
            "  model  671.0 B parameters\n"
            "  batch  15,360 sequences\n"
            "\n"
            "Time\n"
            "  experts    ██████████████████████████████  50.0 %  10.00 s\n"
            "  attention  ███████████████                 25.0 %  5.000 s\n"
            "  → idle     ▋                                1.0 %  0.200 s\n"
            "\n"
            "  Shares are of the mean step.\n"
            "\n"
            "Cost\n"
            "  phase          days         cost\n"
            "  pre-training  54.20  5.328 M USD\n"
            "  all           56.70  5.576 M USD\n"
            "\n"
            "Published\n"
            "        simulated  published   error  source\n"
            "  step    19.53 s    19.93 s  -2.0 %  ISCA 2025\n");
}

TEST(Terminal, AsciiStyleIsAscii) {
  const std::string text = to_text(sample(), Style{.columns = 60, .glyphs = Glyphs::Ascii});
  for (const char c : text) ASSERT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7F)) << int(c);
  EXPECT_NE(text.find("DeepSeek-V3 on 2,048 x H800\n===========================\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("  experts    ###########################"), std::string::npos) << text;
  EXPECT_NE(text.find("  -> idle    # "), std::string::npos) << text;
}

TEST(Terminal, ColourChangesNothingButColour) {
  const std::string plain = to_text(sample(), Style{.columns = 60});
  std::string coloured = to_text(sample(), Style{.columns = 60, .colour = Colour::Ansi});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_NE(coloured.find('\x1b'), std::string::npos);
  for (std::size_t start; (start = coloured.find('\x1b')) != std::string::npos;) {
    coloured.erase(start, coloured.find('m', start) - start + 1);
  }
  std::istringstream lines(coloured);  // Spaces at line ends may hide behind the code that ends a colour.
  std::string stripped;
  for (std::string line; std::getline(lines, line);)
    stripped += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  EXPECT_EQ(stripped, plain);
}

TEST(Terminal, BreaksTextCellsAndKeepsNumbersWhole) {
  const Page document{
      .title = "",
      .sections = {{"",
                    {Grid{{{"what", Align::Left}, {"value"}, {"source", Align::Left}},
                          {{"step time", "19.93 s", "Insights into DeepSeek-V3, ISCA 2025, table 4"}}}}}}};
  EXPECT_EQ(to_text(document, Style{.columns = 40}),
            "  what         value  source\n"
            "  step time  19.93 s  Insights into\n"
            "                      DeepSeek-V3, ISCA\n"
            "                      2025, table 4\n");
}

TEST(Terminal, AGridOfTooManyColumnsBecomesAList) {
  Grid grid;
  std::vector<std::string> row;
  for (int i = 0; i < 8; ++i) {
    grid.headings.push_back({"column " + std::to_string(i)});
    row.push_back(std::to_string(i * 1111));
  }
  grid.rows = {row};
  const std::string text = to_text({.title = "", .sections = {{"", {grid}}}}, Style{.columns = 40});
  EXPECT_EQ(text.substr(0, 31), "  column 0  0\n  column 1  1111\n");
}

TEST(Terminal, MakesEscapeSequencesInNamesHarmless) {
  const Page document{.title = "a\x1b[2Jb", .sections = {{"c\nd", {Facts{{{"e\rf", "g\x07"}}}}}}};
  EXPECT_EQ(to_text(document, Style{}), "a\uFFFD[2Jb\n══════\n\nc d\n  e f  g\uFFFD\n");
}

std::string any_text(RandomStream& random, std::uint32_t longest) {
  const char* const pieces[] = {
      "a", "word", " ", "µ", "層", "e\u0301", "→", "12.5", "\xFF", "longlonglonglong", "  ", "\n"};
  std::string text;
  for (std::uint32_t i = random.below(longest + 1); i > 0; --i) text += pieces[random.below(12)];
  return text;
}

Page any_document(RandomStream& random) {
  Page document{.title = any_text(random, 20), .sections = {}};
  for (int s = 0; s < 3; ++s) {
    Section section{.title = any_text(random, 10), .blocks = {}};
    section.blocks.push_back(Paragraph{any_text(random, 60)});
    Facts facts;
    Bars bars;
    Grid grid;
    Comparison comparison;
    for (std::uint32_t c = 0; c < 1 + random.below(6); ++c) {
      grid.headings.push_back({any_text(random, 4), random.below(2) == 0 ? Align::Left : Align::Right});
    }
    for (std::uint32_t r = random.below(5); r > 0; --r) {
      facts.rows.push_back({any_text(random, 20), any_text(random, 40)});
      bars.rows.push_back({any_text(random, 20), random.uniform() * 1.2 - 0.1, any_text(random, 10)});
      comparison.rows.push_back(
          {any_text(random, 20), "1.5 s", "2.5 s", random.uniform() * 200 - 100, any_text(random, 30)});
      grid.rows.emplace_back();
      for (std::size_t c = 0; c < grid.headings.size(); ++c) grid.rows.back().push_back(any_text(random, 12));
    }
    section.blocks.insert(section.blocks.end(), {facts, bars, grid, comparison});
    document.sections.push_back(section);
  }
  return document;
}

TEST(Terminal, NoLineIsWiderThanTheStyleOrEndsInASpace) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "document"});
    const Page document = any_document(random);
    const Style style{.columns = int(40 + random.below(61)),
                      .glyphs = random.below(2) == 0 ? Glyphs::Ascii : Glyphs::Unicode};
    const std::string text = to_text(document, style);
    ASSERT_EQ(text, valid_utf8(text));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      ASSERT_LE(display_width(line), style.columns) << "seed " << seed << ": " << line;
      ASSERT_FALSE(line.ends_with(' ')) << "seed " << seed << ": " << line;
    }
  }
}

TEST(Layout, WrapsBetweenWordsAndLosesNoLetter) {
  EXPECT_EQ(wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("abcdefgh ij", 5), (std::vector<std::string>{"abcde", "fgh", "ij"}));
  EXPECT_EQ(wrapped("a\n\nb", 5), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(wrapped("層層層", 4), (std::vector<std::string>{"層層", "層"}));
  EXPECT_EQ(wrapped("", 4), (std::vector<std::string>{""}));
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "wrap"});
    const std::string text = any_text(random, 40);
    const int width = int(2 + random.below(30));
    const auto without_blanks = [](std::string letters) {
      std::erase_if(letters, [](char c) { return c == ' ' || c == '\n'; });
      return letters;
    };
    std::string joined;
    for (const std::string& line : wrapped(text, width)) {
      ASSERT_LE(display_width(line), width) << line;
      joined += line;
    }
    ASSERT_EQ(without_blanks(joined), without_blanks(valid_utf8(text)));
  }
}

// Eighths: a bar of n eighths shows n / 8 whole blocks and one block of n % 8 eighths, U+2590 - n % 8.
TEST(Layout, BarsAreTrueToAnEighthOfAColumn) {
  EXPECT_EQ(bar(1, 3, Glyphs::Unicode), "███");
  EXPECT_EQ(bar(0.5, 3, Glyphs::Unicode), "█▌");
  EXPECT_EQ(bar(9 / 8.0 / 3, 3, Glyphs::Unicode), "█▏");
  EXPECT_EQ(bar(7 / 8.0 / 3, 3, Glyphs::Unicode), "▉");
  EXPECT_EQ(bar(1e-9, 3, Glyphs::Unicode), "▏");
  EXPECT_EQ(bar(0, 3, Glyphs::Unicode), "");
  EXPECT_EQ(bar(-1, 3, Glyphs::Unicode), "");
  EXPECT_EQ(bar(7, 3, Glyphs::Unicode), "███");
  EXPECT_EQ(bar(0.5, 4, Glyphs::Ascii), "##");
}

TEST(Layout, CountsColumnsAsATerminalShowsThem) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("µs → █"), 6);
  EXPECT_EQ(display_width("層"), 2);
  EXPECT_EQ(display_width("e\u0301"), 1);  // One letter and its accent.
  EXPECT_EQ(padded("層", 4, Align::Right), "  層");
  EXPECT_EQ(shortened("attention", 5, Glyphs::Unicode), "atte…");
  EXPECT_EQ(shortened("attention", 5, Glyphs::Ascii), "at...");
}

TEST(Unicode, MendsWhatIsNotWellFormed) {
  EXPECT_EQ(valid_utf8("aµ層😀"), "aµ層😀");
  EXPECT_EQ(valid_utf8("\xC0\xAF"), "\uFFFD\uFFFD");                      // Overlong.
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // A surrogate.
  EXPECT_EQ(valid_utf8("\xE5\xB1"), "\uFFFD\uFFFD");                      // Cut off.
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // Above U+10FFFF.
  EXPECT_EQ(to_ascii("3 µs × 2 → ≤ 層 e\u0301"), "3 us x 2 -> <= ? e");
}

Surroundings terminal() {
  return {.stream = Surroundings::Stream::Terminal,
          .columns = 120,
          .term = "xterm",
          .language = "C.UTF-8",
          .no_color = {},
          .force_color = {}};
}

TEST(ChooseStyle, ColoursATerminalOnlyAndHonoursNoColor) {
  EXPECT_EQ(choose_style(terminal()).colour, Colour::Ansi);
  EXPECT_EQ(choose_style(Surroundings{}).colour, Colour::None);
  Surroundings with = terminal();
  with.no_color = "1";
  EXPECT_EQ(choose_style(with).colour, Colour::None);
  EXPECT_EQ(choose_style(with, Wish::Always).colour, Colour::Ansi);
  with.no_color = "";  // Set but empty means nothing, says no-color.org.
  EXPECT_EQ(choose_style(with).colour, Colour::Ansi);
  with.term = "dumb";
  EXPECT_EQ(choose_style(with).colour, Colour::None);
  Surroundings forced;
  forced.force_color = "1";
  EXPECT_EQ(choose_style(forced).colour, Colour::Ansi);
  EXPECT_EQ(choose_style(forced, Wish::Never).colour, Colour::None);
}

TEST(ChooseStyle, FallsBackToAsciiAndKeepsToAHundredColumns) {
  EXPECT_EQ(choose_style(terminal()).columns, 100);
  Surroundings narrow = terminal();
  narrow.columns = 20;
  EXPECT_EQ(choose_style(narrow).columns, 40);
  narrow.columns = 72;
  EXPECT_EQ(choose_style(narrow).columns, 72);
  EXPECT_EQ(choose_style(terminal()).glyphs, Glyphs::Unicode);
  EXPECT_EQ(choose_style(terminal(), Wish::Automatic, Wish::Always).glyphs, Glyphs::Ascii);
  Surroundings latin = terminal();
  latin.language = "de_DE.ISO-8859-1";
  EXPECT_EQ(choose_style(latin).glyphs, Glyphs::Ascii);
  latin.language = "en_US.utf8";
  EXPECT_EQ(choose_style(latin).glyphs, Glyphs::Unicode);
}

}  // namespace
}  // namespace orrery
