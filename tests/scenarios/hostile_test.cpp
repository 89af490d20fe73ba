#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/reading/show.hpp"
#include "scenarios/reading/text_reader.hpp"
#include "sim/random.hpp"
#include "tests/scenarios/reading.hpp"

namespace orrery {
namespace {

/// A text must come back as a scenario or as findings that can be printed; nothing else may happen.
void expect_an_answer(const std::string& text) {
  const ScenarioReading reading = read_text(text);
  if (!reading.ok()) {
    ASSERT_FALSE(messages(reading).empty());
    ASSERT_FALSE(diagnostics_json(reading.diagnostics, reading.document.sources).empty());
  } else {
    ASSERT_FALSE(show_scenario(reading.document).empty());
  }
}

TEST(Hostile, TheMainScenarioCutAtEveryByteGetsAnAnswer) {
  const std::string text(*find_data(DataKind::Scenario, "deepseek-v3"));
  for (std::size_t length = 0; length < text.size(); ++length) expect_an_answer(text.substr(0, length));
}

TEST(Hostile, MutatedScenariosGetAnAnswer) {
  RandomStream random(3, {"test", "hostile"});
  const std::string good(*find_data(DataKind::Scenario, "deepseek-v3"));
  constexpr std::string_view pieces[] = {"[",
                                         "]",
                                         "[[",
                                         "{",
                                         "}",
                                         "\"",
                                         "'''",
                                         "\"\"\"",
                                         "=",
                                         ".",
                                         "#",
                                         "\n",
                                         "\r",
                                         "\x00",
                                         "\xEF\xB3\xBF*",
                                         "\xF0\x9F\x98\x80",
                                         "-",
                                         "1e999",
                                         "9223372036854775808",
                                         "inf",
                                         "nan",
                                         "1979-05-27",
                                         "true",
                                         "\\u0000",
                                         "include = [\"deepseek-v3\"]\n",
                                         "phase = 1\n",
                                         "[phase]\n",
                                         "[plan.x]\n",
                                         "[[plan]]\n"};
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (std::uint32_t edits = 1 + random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(std::uint32_t(text.size()));
      switch (random.below(4)) {
        case 0:
          text.erase(at, 1 + random.below(40));
          break;
        case 1:
          text.insert(at, pieces[random.below(std::size(pieces))]);
          break;
        case 2:
          text[at] = char(random.below(256));
          break;
        default:
          text.insert(at, text.substr(random.below(std::uint32_t(text.size())), random.below(60)));
          break;
      }
    }
    expect_an_answer(text);
  }
}

TEST(Hostile, MutatedJsonGetsAnAnswer) {
  RandomStream random(4, {"test", "hostile"});
  const std::string good =
      R"({"plan": {"sequence": 4096, "recompute": ["norm", "x\u00e9"]}, "phase": [{"name":"a"}], "n": -1e3})";
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (std::uint32_t edits = 1 + random.below(3); edits > 0; --edits) {
      const std::size_t at = random.below(std::uint32_t(text.size()));
      random.below(2) == 0 ? void(text.erase(at, 1 + random.below(8)))
                           : void(text[at] = "{}[]\",:\\u0e-"[random.below(12)]);
      if (text.empty()) text = " ";
    }
    const ParsedText parsed = parse_json(text, 0);
    ASSERT_LE(parsed.diagnostics.size(), 1u);
  }
}

}  // namespace
}  // namespace orrery
