#include "reports/catalog.hpp"

#include <gtest/gtest.h>

#include <set>

#include "scratch_folder.hpp"

namespace orrery {
namespace {

Results sample() {
  Results results;
  results.summary["step"]["time_s"] = 19.926;
  results.summary_text = "step  19.93 s\n";
  results.scenario_toml = "orrery = 1\n";
  results.tables = {{"ranks", "", {{"rank", "1", "", std::vector<std::int64_t>{0, 1}}}},
                    {"links", "", {{"link", "", "", std::vector<std::string>{"a"}}}}};
  results.attributes = {{"title", "a run"}};
  results.timeline = {.actors = {"rank 0"},
                      .streams = {"compute"},
                      .names = {"F0"},
                      .slices = {{0, 0, 0, Picoseconds(0), Picoseconds(1)}},
                      .arrows = {}};
  return results;
}

std::vector<std::string> names_of(const Results& results) {
  std::vector<std::string> names;
  for (const OutputFile& file : files_of(results)) names.push_back(file.name);
  return names;
}

TEST(Writers, WriteEveryPartOfTheResults) {
  EXPECT_EQ(names_of(sample()),
            (std::vector<std::string>{"summary.json", "summary.txt", "scenario.toml", "ranks.csv",
                                      "links.csv", "results.h5", "trace.perfetto-trace"}));
}

TEST(Writers, WriteNothingOfNothing) { EXPECT_TRUE(names_of(Results{}).empty()); }

TEST(Writers, HaveNamesOfTheirOwnAndWords) {
  std::set<std::string_view> names;
  for (const Writer& writer : writers()) {
    EXPECT_TRUE(names.insert(writer.name).second) << writer.name;
    EXPECT_FALSE(writer.files.empty());
    EXPECT_FALSE(writer.meaning.empty());
  }
}

TEST(Writers, GiveTheSameBytesTwiceAndTheDiskHasThem) {
  const ScratchFolder scratch;
  ASSERT_FALSE(publish(scratch.path() / "out", files_of(sample())));
  for (const OutputFile& file : files_of(sample())) {
    EXPECT_EQ(bytes_of(scratch.path() / "out" / file.name), file.bytes) << file.name;
  }
}

}  // namespace
}  // namespace orrery
