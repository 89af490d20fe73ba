#include "reports/csv.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "reports/faults.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

using Records = std::vector<std::vector<std::string>>;

/// A reader after RFC 4180's grammar, written apart from the writer.
Records read_csv(const std::string& csv) {
  Records records;
  std::size_t i = 0;
  while (i < csv.size()) {
    records.emplace_back();
    for (;;) {
      std::string cell;
      if (csv.at(i) == '"') {
        for (++i;; ++i) {
          if (csv.at(i) == '"' && (i + 1 >= csv.size() || csv[i + 1] != '"')) break;
          if (csv[i] == '"') ++i;
          cell += csv[i];
        }
        ++i;
      } else {
        while (csv.at(i) != ',' && csv[i] != '\n') cell += csv[i++];
      }
      records.back().push_back(cell);
      if (csv.at(i++) == '\n') break;
    }
  }
  return records;
}

using Numbers = std::vector<double>;
using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

TEST(Csv, IsAHeaderWithUnitsAndARecordARow) {
  const Table table{.name = "stages",
                    .meaning = "",
                    .columns = {{"stage", "1", "", Integers{0, 1}},
                                {"busy_s", "s", "", Numbers{0.1, 2}},
                                {"layers", "", "", Texts{"0-3", ""}}}};
  EXPECT_EQ(to_csv(table), "stage,busy_s,layers\n0,0.1,0-3\n1,2,\n");
}

TEST(Csv, QuotesCommasQuotesAndLineEndsAndNothingElse) {
  const Table table{
      .name = "t",
      .meaning = "",
      .columns = {
          {"name", "", "", Texts{"a,b", "say \"x\"", "two\nlines", "cr\r", " plain; 'text' ", "µs → 層"}},
          {"n", "1", "", Integers{1, 2, 3, 4, 5, 6}}}};
  EXPECT_EQ(
      to_csv(table),
      "name,n\n\"a,b\",1\n\"say \"\"x\"\"\",2\n\"two\nlines\",3\n\"cr\r\",4\n plain; 'text' ,5\nµs → 層,6\n");
}

TEST(Csv, HasAHeaderEvenWithoutRows) {
  const Table table{
      .name = "t", .meaning = "", .columns = {{"a_s", "s", "", Numbers{}}, {"b", "", "", Texts{}}}};
  EXPECT_EQ(to_csv(table), "a_s,b\n");
}

// An empty line is skipped by readers, so a lone empty cell must be visible.
TEST(Csv, KeepsARowWhoseOnlyCellIsEmpty) {
  const Table table{.name = "t", .meaning = "", .columns = {{"a", "", "", Texts{"", "x"}}}};
  EXPECT_EQ(to_csv(table), "a\n\"\"\nx\n");
}

TEST(Csv, MendsTextThatIsNotUtf8) {
  const Table table{.name = "t", .meaning = "", .columns = {{"a", "", "", Texts{"x\xFFy"}}}};
  EXPECT_EQ(to_csv(table), "a\nx\uFFFDy\n");
}

TEST(Csv, ReadsBackBitForBitOverRandomTables) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "csv"});
    const std::uint32_t rows = random.below(20);
    Numbers numbers;
    Integers integers;
    Texts texts;
    for (std::uint32_t row = 0; row < rows; ++row) {
      const auto number = std::bit_cast<double>(random.bits());
      numbers.push_back(std::isfinite(number) ? number : -0.0);
      integers.push_back(std::int64_t(random.bits()));
      const std::string letters = "a,\"\n\r é";
      std::string text;
      for (std::uint32_t i = random.below(8); i > 0; --i) text += letters[random.below(6)];
      texts.push_back(text);
    }
    const Table table{
        .name = "t",
        .meaning = "",
        .columns = {{"x", "s", "", numbers}, {"a,\"b\"", "", "", texts}, {"i", "1", "", integers}}};
    const std::string csv = to_csv(table);
    EXPECT_EQ(csv, to_csv(table));
    const Records records = read_csv(csv);
    ASSERT_EQ(records.size(), rows + 1u);
    EXPECT_EQ(records[0], (std::vector<std::string>{"x", "a,\"b\"", "i"}));
    for (std::uint32_t row = 0; row < rows; ++row) {
      const auto& record = records[row + 1];
      ASSERT_EQ(record.size(), 3u);
      const double read = std::strtod(record[0].c_str(), nullptr);
      EXPECT_EQ(std::bit_cast<std::uint64_t>(read), std::bit_cast<std::uint64_t>(numbers[row])) << record[0];
      EXPECT_EQ(record[1], texts[row]);
      EXPECT_EQ(std::strtoll(record[2].c_str(), nullptr, 10), integers[row]);
    }
  }
}

TEST(TableFaults, AreNamedByColumn) {
  const double infinite = std::numeric_limits<double>::infinity();
  const Table table{.name = "t",
                    .meaning = "",
                    .columns = {{"a", "s", "", Numbers{1, infinite}},
                                {"a", "seconds", "", Numbers{1, 2}},
                                {"b/c", "days since 1970", "", Integers{1, 2}},
                                {"d", "1", "", Integers{1}}}};
  std::string found;
  for (const Finding& finding : faults_of(table)) found += finding.key + ": " + finding.problem + "\n";
  EXPECT_EQ(found,
            "t.a: row 1 is inf\n"
            "t.a: is there twice\n"
            "t.a: has a unit of calendars\n"
            "t.b/c: cannot be the name of a column\n"
            "t.b/c: has a unit of calendars\n"
            "t.d: has 1 rows, the first column 2\n");
  EXPECT_EQ(faults_of(Table{.name = "", .meaning = "", .columns = {}}).size(), 2u);
}

TEST(CsvDeathTest, StopsOnAFaultOfOurs) {
  const Table table{.name = "t", .meaning = "", .columns = {{"a", "s", "", Numbers{std::nan("")}}}};
  EXPECT_DEATH(to_csv(table), "fault in orrery");
}

}  // namespace
}  // namespace orrery
