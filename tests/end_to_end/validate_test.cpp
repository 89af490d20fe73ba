#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

/// One of 256 words.
std::string word(std::uint32_t i) {
  return {char('a' + i % 23), char('a' + i / 16 % 16), char('a' + i * 5 % 19)};
}

/// A text with something to learn: each second word follows from the first.
std::string some_text() {
  std::string text;
  std::uint32_t state = 1;
  for (int line = 0; line < 60'000; ++line) {
    state = state * 1664525u + 1013904223u;
    text += " " + word(state >> 24) + " " + word((state >> 24) * 7 % 256);
  }
  return text;
}

constexpr const char* tiny_sizes =
    " --hidden 16 --layers 2 --vocabulary 800 --steps 4 --sequences 4 --length 16 --held-out 8192 --quick";

/// One quick validation whose files all tests of this suite read.
class Validate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new ScratchFolder;
    put(folder() / "small.toml", small_scenario);
    outcome_ = orrery(folder(), "validate small.toml --quick --steps 20 --out courts");
  }
  static void TearDownTestSuite() {
    delete scratch_;
    scratch_ = nullptr;
  }
  static std::filesystem::path folder() { return scratch_->path(); }
  static Json summary() { return Json::parse(bytes_of(folder() / "courts/validate.json")); }
  static inline ScratchFolder* scratch_ = nullptr;
  static inline Outcome outcome_{};
};

TEST_F(Validate, three_courts_hold_and_say_so_on_the_first_screen) {
  ASSERT_EQ(outcome_.code, 0) << outcome_.out << outcome_.err;
  const std::string first_screen = outcome_.out.substr(0, 1500);
  for (const char* court : {"cost", "balance", "precision"}) EXPECT_THAT(first_screen, HasSubstr(court));
  EXPECT_THAT(first_screen, HasSubstr("holds"));
  EXPECT_THAT(outcome_.out, testing::Not(HasSubstr("FAILS")));
}

TEST_F(Validate, every_judged_figure_of_the_json_holds_by_its_own_rule) {
  const Json tree = summary();
  EXPECT_EQ(tree.at("holds"), true);
  ASSERT_EQ(tree.at("courts").size(), 3u);
  std::size_t judged = 0;
  for (const Json& court : tree.at("courts")) {
    EXPECT_FALSE(court.at("evidence").empty()) << court.at("name");
    for (const Json& line : court.at("evidence")) {
      const std::string rule = line.at("rule");
      if (rule == "beside") continue;
      ++judged;
      const double measured = line.at("measured"), expected = line.at("expected");
      const bool held = rule == "equal"     ? measured == expected
                        : rule == "within"  ? std::abs(measured - expected) <= double(line.at("tolerance"))
                        : rule == "at most" ? measured <= expected
                                            : measured >= expected;
      EXPECT_TRUE(held) << line;
      EXPECT_EQ(line.at("holds"), held) << line;
    }
  }
  EXPECT_GE(judged, 20u);
}

TEST_F(Validate, the_text_that_was_trained_on_is_named_with_its_hash) {
  EXPECT_EQ(std::string(summary().at("text_hash_fnv1a")).size(), 16u);
  EXPECT_THAT(bytes_of(folder() / "courts/validate.txt"),
              HasSubstr(std::string(summary().at("text_hash_fnv1a"))));
}

TEST_F(Validate, h5py_reads_the_tables_and_the_traces) {
  const Outcome read =
      run_in(folder(), "python3 '" ORRERY_SOURCE "/tests/end_to_end/read_validation.py' courts");
  if (read.code == 77) GTEST_SKIP() << read.out;
  EXPECT_EQ(read.code, 0) << read.out << read.err;
}

TEST_F(Validate, a_scenario_runs_on_the_trace_that_a_court_left) {
  const Outcome even = orrery(folder(), "run small.toml --json -q --out even --set routing.row_spread=0");
  const Outcome none =
      orrery(folder(), "run small.toml --json -q --out none --set routing.trace=courts/routing-none.h5");
  ASSERT_EQ(none.code, 0) << none.err;
  const auto time = [](const Outcome& outcome) {
    return double(Json::parse(outcome.out).at("step").at("time_s"));
  };
  EXPECT_GT(time(none), time(even)) << "a gate that nobody balances overloads some ranks";
  EXPECT_EQ(Json::parse(none.out).at("routing").at("trace").at("balancing"), "none");
}

TEST_F(Validate, a_trace_of_another_gate_or_half_a_file_is_refused) {
  const std::string trace = bytes_of(folder() / "courts/routing-bias.h5");
  put(folder() / "half.h5", trace.substr(0, trace.size() / 2));
  const Outcome other =
      orrery(folder(), "run deepseek-v3 --out other --set routing.trace=courts/routing-bias.h5");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("routing.trace"));
  EXPECT_THAT(other.err, HasSubstr("256"));
  const Outcome half = orrery(folder(), "run small.toml --out half --set routing.trace=half.h5");
  EXPECT_EQ(half.code, 2);
  EXPECT_THAT(half.err, HasSubstr("half.h5"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "other"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "half"));
}

TEST(ValidateAgain, one_thread_or_two_write_the_same_bytes) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  put(scratch.path() / "words.txt", some_text());
  for (const char* threads : {"1", "2"}) {
    const Outcome outcome =
        orrery(scratch.path(), std::string("validate small.toml -q --text words.txt --out t") + threads +
                                   " -j " + threads + tiny_sizes);
    ASSERT_TRUE(outcome.code == 0 || outcome.code == 4) << outcome.err;
  }
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path() / "t1")) {
    const std::filesystem::path twin = scratch.path() / "t2" / entry.path().filename();
    EXPECT_EQ(bytes_of(entry.path()), bytes_of(twin)) << entry.path();
  }
}

TEST(ValidateAgain, a_dense_model_is_judged_without_a_balance_court) {
  const ScratchFolder scratch;
  const Outcome outcome =
      orrery(scratch.path(), "validate zero-bubble-6.2b-1f1b --court balance --quick --out dense");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("no experts"));
}

/// A request that cannot be heard, and what its refusal says.
struct BadRequest {
  std::string arguments;
  std::vector<std::string> pieces;
};
void PrintTo(const BadRequest& request, std::ostream* stream) { *stream << request.arguments; }

class BadRequests : public testing::TestWithParam<BadRequest> {};

TEST_P(BadRequests, are_refused_before_anything_is_computed) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  put(scratch.path() / "empty.txt", "");
  put(scratch.path() / "short.txt", "Too little to learn from.");
  put(scratch.path() / "binary.txt", std::string("text\0more", 9));
  put(scratch.path() / "latin.txt", "caf\xE9 cr\xE8me\n");
  std::string dull;
  for (int i = 0; i < 300'000; ++i) dull += "a b ";
  put(scratch.path() / "dull.txt", dull);
  const auto before = names_in(scratch.path());
  const Outcome outcome =
      orrery(scratch.path(), "validate small.toml --court balance " + GetParam().arguments);
  EXPECT_EQ(outcome.code, 2) << outcome.out;
  EXPECT_EQ(outcome.out, "");
  for (const std::string& piece : GetParam().pieces) EXPECT_THAT(outcome.err, HasSubstr(piece));
  EXPECT_EQ(names_in(scratch.path()), before);
}

INSTANTIATE_TEST_SUITE_P(Text, BadRequests,
                         testing::Values(BadRequest{"--text nowhere.txt", {"no file", "nowhere.txt"}},
                                         BadRequest{"--text .", {"folder"}},
                                         BadRequest{"--text empty.txt", {"empty"}},
                                         BadRequest{"--text short.txt", {"short.txt", "needed"}},
                                         BadRequest{"--text binary.txt", {"not UTF-8", "position 4"}},
                                         BadRequest{"--text latin.txt", {"not UTF-8", "position 3"}},
                                         BadRequest{"--text dull.txt --quick", {"% of the text"}}));
INSTANTIATE_TEST_SUITE_P(
    Sizes, BadRequests,
    testing::Values(BadRequest{"--court balanse", {"balanse", "balance"}},
                    BadRequest{"--experts 63 --groups 8", {"--experts", "63", "multiple of 8"}},
                    BadRequest{"--groups 4 --groups-per-token 5", {"--groups-per-token", "up to 4"}},
                    BadRequest{"--experts 16 --groups 8 --groups-per-token 2 --per-token 6",
                               {"--per-token", "up to 4"}},
                    BadRequest{"--hidden 40", {"--hidden", "multiple of 16", "48"}},
                    BadRequest{"--steps 0", {"--steps"}}));

}  // namespace
}  // namespace orrery
