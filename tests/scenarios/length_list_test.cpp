#include "scenarios/reading/length_list.hpp"

#include <gtest/gtest.h>

#include "sim/random.hpp"

namespace orrery {
namespace {

TEST(LengthList, IsOneNumberALine) {
  const auto read = read_lengths("# tokens\n100\n\n 2500.5 \r\n3");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value, (std::vector<double>{100, 2500.5, 3}));
}

TEST(LengthList, NamesTheLineOfWhatIsNoLength) {
  const auto read = read_lengths("100\nlong\n-3\n1e9\n5 6\nnan\n7");
  ASSERT_EQ(read.findings.size(), 5u);
  EXPECT_EQ(read.findings[0].problem, "line 2: 'long' is not a number of tokens");
  EXPECT_EQ(read.findings[3].problem, "line 5: '5 6' is not a number of tokens");
  EXPECT_EQ(read_lengths("").findings.front().problem, "there is no length in it");
  EXPECT_EQ(read_lengths("# nothing").findings.size(), 1u);
}

TEST(LengthList, NeverFailsOnAnyBytes) {
  RandomStream random(1, {.owner = "test", .purpose = "bytes"});
  for (int tries = 0; tries < 2000; ++tries) {
    std::string text(random.below(60), ' ');
    for (char& c : text) c = char(random.below(256));
    const auto read = read_lengths(text);
    EXPECT_EQ(read.ok(), !read.value.empty() && read.findings.empty());
  }
}

}  // namespace
}  // namespace orrery
