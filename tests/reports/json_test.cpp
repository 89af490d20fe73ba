#include "reports/json.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "reports/faults.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using Tree = nlohmann::ordered_json;

TEST(Json, KeepsTheOrderOfKeysAndTheTypesOfNumbers) {
  Tree tree;
  tree["step"]["time_s"] = 19.926;
  tree["step"]["tokens"] = 62914560;
  tree["price"] = 2.0;
  tree["phases"] = {{{"name", "pre-training"}}, Tree::array(), nullptr, true, "µ\"\\\n"};
  tree["none"] = Tree::object();
  EXPECT_EQ(to_text(tree), R"({
  "step": {
    "time_s": 19.926,
    "tokens": 62914560
  },
  "price": 2.0,
  "phases": [
    {
      "name": "pre-training"
    },
    [],
    null,
    true,
    "µ\"\\\n"
  ],
  "none": {}
}
)");
}

TEST(Json, WritesScalarsAlone) {
  EXPECT_EQ(to_text(Tree(1e300)), "1e+300\n");
  EXPECT_EQ(to_text(Tree("x")), "\"x\"\n");
  EXPECT_EQ(to_text(Tree()), "null\n");
}

TEST(Json, ReadsBackEqualOverRandomNumbers) {
  RandomStream random(1, {.owner = "test", .purpose = "json"});
  Tree tree = Tree::array();
  for (int i = 0; i < 20'000; ++i) {
    const auto number = std::bit_cast<double>(random.bits());
    if (std::isfinite(number)) tree.push_back(number);
    tree.push_back(std::int64_t(random.bits()));
    tree.push_back(random.bits());
  }
  const std::string text = to_text(tree);
  EXPECT_EQ(text, to_text(tree));
  const Tree read = Tree::parse(text);
  ASSERT_EQ(read.size(), tree.size());
  for (std::size_t i = 0; i < tree.size(); ++i) {
    ASSERT_EQ(read[i], tree[i]);
    ASSERT_EQ(read[i].is_number_float(), tree[i].is_number_float()) << tree[i];
  }
}

// 5e-324 is the case where "%.17g" prints seventeen digits and the shortest needs one.
TEST(Json, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(to_text(Tree(5e-324)), "5e-324\n");
  EXPECT_EQ(to_text(Tree(0.1 + 0.2)), "0.30000000000000004\n");
  EXPECT_EQ(to_text(Tree(9007199254740993.0)), "9007199254740992.0\n");
}

TEST(Json, MendsTextThatIsNotUtf8) {
  const Tree tree{{"a\xFF", "b\xC3"}};
  EXPECT_EQ(to_text(tree), "{\n  \"a\uFFFD\": \"b\uFFFD\"\n}\n");
}

TEST(JsonFaults, NameTheKeyOfANumberThatIsNone) {
  Tree tree;
  tree["step"]["parts"] = {1.0, std::nan("")};
  const Findings findings = faults_of(tree);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].key, "step.parts[1]");
  EXPECT_DEATH(to_text(tree), "fault in orrery");
}

}  // namespace
}  // namespace orrery
