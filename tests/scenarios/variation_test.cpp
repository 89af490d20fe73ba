#include "scenarios/comparing/variation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery {
namespace {

using Sets = std::vector<std::vector<std::string>>;
using testing::HasSubstr;

Sets alternatives_of(const std::string& argument) {
  const Checked<Variation> read = read_variation(argument);
  EXPECT_TRUE(read.ok()) << argument << ": " << read.findings.front().problem;
  return read.value.alternatives;
}

TEST(Variation, IsAListOfValuesOfAKey) {
  EXPECT_EQ(alternatives_of("a.b=1,two,\"x,y\",[1,2]"),
            (Sets{{"a.b=1"}, {"a.b=two"}, {"a.b=\"x,y\""}, {"a.b=[1,2]"}}));
}

TEST(Variation, ARangeCountsAddsOrMultiplies) {
  EXPECT_EQ(alternatives_of("n=3..5"), (Sets{{"n=3"}, {"n=4"}, {"n=5"}}));
  EXPECT_EQ(alternatives_of("n=8..128*2"), (Sets{{"n=8"}, {"n=16"}, {"n=32"}, {"n=64"}, {"n=128"}}));
  EXPECT_EQ(alternatives_of("n=8..20+8"), (Sets{{"n=8"}, {"n=16"}}));
  // 0.1 + 0.1 + 0.1 is 0.30000000000000004 and still counts as 0.3.
  EXPECT_EQ(alternatives_of("p=0.1..0.3+0.1 USD/h,2 USD/h"),
            (Sets{{"p=0.1 USD/h"}, {"p=0.2 USD/h"}, {"p=0.3 USD/h"}, {"p=2 USD/h"}}));
}

TEST(Variation, ARangeThatHoldsNothingOrDoesNotMoveIsAFinding) {
  const auto problem = [](const std::string& argument) {
    const Checked<Variation> read = read_variation(argument);
    return read.ok() ? "" : read.findings.front().problem + " | " + read.findings.front().remedy;
  };
  EXPECT_THAT(problem("n=128..8*2"), HasSubstr("holds nothing: it ends below its start | 8..128"));
  EXPECT_THAT(problem("n=1..8*1"), HasSubstr("does not move"));
  EXPECT_THAT(problem("n=0..8*2"), HasSubstr("does not move"));
  EXPECT_THAT(problem("n=1..8+0"), HasSubstr("does not move"));
  EXPECT_THAT(problem("n=0..1e9+0.001"), testing::IsEmpty())
      << "a word like any other: the key table judges it";
  EXPECT_THAT(problem("n=0..900000000"), HasSubstr("holds more than 100000 values"));
  EXPECT_THAT(problem("n="), HasSubstr("empty value"));
  EXPECT_THAT(problem("n"), HasSubstr("no KEY=VALUE"));
}

TEST(VariationTable, ARowIsASetOfValuesThatGoTogether) {
  const Checked<Variation> read = read_variation_table("a.x, b.y\r\n1,\"8 GB/s, \"\"slow\"\"\"\n\n2,\n");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value.keys, (std::vector<std::string>{"a.x", "b.y"}));
  // The last row leaves b.y as it is.
  EXPECT_EQ(read.value.alternatives, (Sets{{"a.x=1", "b.y=8 GB/s, \"slow\""}, {"a.x=2"}}));
}

TEST(VariationTable, EveryBadRowIsFoundWithItsLine) {
  const Checked<Variation> read = read_variation_table("a,b\n1,2\n1\n\n3,4,5\n");
  ASSERT_EQ(read.findings.size(), 2u);
  EXPECT_EQ(read.findings[0].key, "3");
  EXPECT_EQ(read.findings[0].problem, "1 fields where the first line has 2");
  EXPECT_EQ(read.findings[1].key, "5");
  EXPECT_THAT(read_variation_table("").findings.front().problem, HasSubstr("empty"));
  EXPECT_THAT(read_variation_table("a,b\n").findings.front().problem, HasSubstr("no values"));
  EXPECT_THAT(read_variation_table("a,a\n1,2\n").findings.front().problem, HasSubstr("two columns"));
  EXPECT_THAT(read_variation_table("a\n\"1\n").findings.front().problem, HasSubstr("never closed"));
}

TEST(Combinations, TheLastVariationIsTheFastest) {
  const Variation first{{"a"}, {{"a=1"}, {"a=2"}}}, second{{"b", "c"}, {{"b=1", "c=1"}, {"b=2"}}};
  const std::vector<Variation> both{first, second};
  EXPECT_EQ(combinations(both),
            (Sets{{"a=1", "b=1", "c=1"}, {"a=1", "b=2"}, {"a=2", "b=1", "c=1"}, {"a=2", "b=2"}}));
  EXPECT_EQ(combination_count(both), 4);
  EXPECT_EQ(combinations({}), (Sets{{}}));
}

}  // namespace
}  // namespace orrery
