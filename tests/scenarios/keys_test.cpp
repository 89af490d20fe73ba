// Every key wrong in name, type, unit and range: the wrong inputs are made from the key table itself.
#include "scenarios/reading/keys.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "scenarios/reading/failure_table.hpp"
#include "scenarios/reading/hardware.hpp"
#include "scenarios/reading/scenario.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

/// Keys that exclude others of their section; left out of the good document.
bool is_alternative(const KeyRow& row) {
  static const std::set<std::string_view> alternatives{"phase[].steps",
                                                       "phase[].gpu_hours",
                                                       "phase[].instances",
                                                       "phase[].instance_tokens",
                                                       "phase[].prompts",
                                                       "phase[].prompt_tokens",
                                                       "phase[].answer_tokens",
                                                       "phase[].answer_lengths",
                                                       "phase[].answer_limit",
                                                       "phase[].host_link",
                                                       "train.steps"};
  return alternatives.count(row.name) > 0;
}

struct Written {
  std::string text;
  int line = 0;  ///< Of the line under test.
};

/// A document with every key as its row's example; `row` as `line` instead (or `line` beside it).
Written document_with(const KeyRow& row, const std::string& line, bool beside) {
  Written written;
  int lines = 0;
  std::string_view section = "\n";  // No section has this name.
  const auto add = [&](const std::string& text) {
    written.text += text + "\n";
    ++lines;
  };
  for (const KeyRow& each : scenario_keys()) {
    if (each.section() != section) {
      section = each.section();
      if (!section.empty())
        add(each.repeated() ? "[[" + std::string(section) + "]]" : "[" + std::string(section) + "]");
    }
    const bool wanted = each.name == row.name;
    if ((!wanted || beside) && !is_alternative(each)) {
      std::string good = example_line(each);
      if (each.name == "published[].what") good = "what = \"step.time_s\"";
      add(good);
    }
    if (wanted) {
      add(line);
      written.line = lines;
    }
  }
  return written;
}

/// Exactly one finding, at the line, in that column, with a remedy.
Diagnostic only_finding(const KeyRow& row, const std::string& line, int column, bool beside) {
  const Written written = document_with(row, line, beside);
  DocumentReading document = read_document_text({"a.toml", written.text}, {});
  EXPECT_TRUE(document.diagnostics.empty())
      << row.name << "\n"
      << diagnostics_text(document.diagnostics, document.document.sources);
  const ScenarioReading reading = read_scenario(std::move(document.document));
  const std::string shown = std::string(row.name) + " with: " + line + "\n" +
                            diagnostics_text(reading.diagnostics, reading.document.sources);
  EXPECT_EQ(reading.diagnostics.size(), 1u) << shown;
  if (reading.diagnostics.size() != 1) return {};
  const Diagnostic& found = reading.diagnostics[0];
  EXPECT_EQ(found.places.size(), 1u) << shown;
  if (found.places.size() == 1) {
    EXPECT_EQ(found.places[0].line, written.line) << shown;
    EXPECT_EQ(found.places[0].column, column) << shown;
  }
  EXPECT_FALSE(found.remedy.empty()) << shown;
  EXPECT_EQ(found.fault, Fault::Input);
  return found;
}

std::string assignment(const KeyRow& row, const std::string& value) {
  return std::string(row.leaf()) + " = " + value;
}
int value_column(const KeyRow& row) { return int(row.leaf().size()) + 4; }

TEST(EveryKey, ReadsItsOwnExample) {
  const KeyRow& first = scenario_keys()[0];
  const Written written = document_with(first, example_line(first), false);
  DocumentReading document = read_document_text({"a.toml", written.text}, {});
  const ScenarioReading reading = read_scenario(std::move(document.document));
  EXPECT_TRUE(reading.ok()) << written.text
                            << diagnostics_text(reading.diagnostics, reading.document.sources);
}

TEST(EveryKey, MisspelledIsRefusedWithItsName) {
  for (const KeyRow& row : scenario_keys()) {
    const std::string leaf(row.leaf());
    const Diagnostic found = only_finding(row, "q" + leaf + " = 1", 1, true);
    EXPECT_THAT(found.problem, HasSubstr("unknown key 'q" + leaf + "'"));
    EXPECT_EQ(found.remedy, "did you mean '" + leaf + "'?") << row.name;
  }
}

TEST(EveryKey, OfTheWrongTypeSaysWhatItTakes) {
  for (const KeyRow& row : scenario_keys()) {
    for (const char* wrong : {"true", "1979-05-27", "{ a = 1 }"}) {
      const Diagnostic found = only_finding(row, assignment(row, wrong), value_column(row), false);
      EXPECT_THAT(found.problem, HasSubstr("takes " + describe(row.shape) + ", found ")) << row.name;
      EXPECT_THAT(found.remedy, HasSubstr("as in " + std::string(row.leaf()) + " = ")) << row.name;
    }
  }
}

TEST(EveryQuantity, WithAWrongUnitOrNoneNamesTheUnits) {
  int quantities = 0;
  for (const KeyRow& row : scenario_keys()) {
    if (row.shape.type != ValueType::Quantity) continue;
    ++quantities;
    const QuantityKind kind = row.shape.quantity;
    for (const std::string wrong : {"\"5 parsecs\"", "\"much\"", "\"\""})
      only_finding(row, assignment(row, wrong), value_column(row), false);
    const std::string other = kind == QuantityKind::Time ? "\"5 GB\"" : "\"5 ms\"";
    EXPECT_THAT(only_finding(row, assignment(row, other), value_column(row), false).remedy,
                HasSubstr("is a unit of "))
        << row.name;
    if (bare_number_allowed(kind)) continue;
    EXPECT_THAT(only_finding(row, assignment(row, "5"), value_column(row), false).problem,
                HasSubstr("needs a unit"))
        << row.name;
    EXPECT_THAT(only_finding(row, assignment(row, "0.5"), value_column(row), false).remedy,
                HasSubstr(kind_units(kind)))
        << row.name;
  }
  EXPECT_GE(quantities, 8);
}

/// The value in the kind's unit of size one.
std::string in_plain_unit(QuantityKind kind, double value) {
  constexpr const char* units[] = {" B",   " B/s",   " s",       " FLOP/s", "", " W", " J",
                                   " USD", " USD/h", " USD/kWh", " kg/kWh", "", " m"};
  return fmt::format("\"{}{}\"", value, units[int(kind)]);
}

TEST(EveryNumber, OutOfRangeNamesTheRange) {
  int numbers = 0;
  for (const KeyRow& row : scenario_keys()) {
    std::vector<std::string> wrong;
    const double least = row.shape.least, most = row.shape.most;
    const bool list = row.shape.type == ValueType::Integers || row.shape.type == ValueType::WordOrIntegers;
    if (row.shape.type == ValueType::Integer || list)
      wrong = {fmt::format("{:.0f}", least - 1), fmt::format("{:.0f}", most + 1)};
    if (row.shape.type == ValueType::Number)
      wrong = {fmt::format("{}", least - 0.5), fmt::format("{}", most + 0.5), "inf", "nan"};
    if (row.shape.type == ValueType::Quantity)
      wrong = {in_plain_unit(row.shape.quantity, least - 1), in_plain_unit(row.shape.quantity, most * 2)};
    for (const std::string& value : wrong) {
      ++numbers;
      const Diagnostic found = only_finding(row, assignment(row, list ? "[1, " + value + "]" : value),
                                            value_column(row) + (list ? 4 : 0), false);
      EXPECT_THAT(found.problem, HasSubstr("is out of range")) << row.name;
      EXPECT_EQ(found.remedy, "allowed is " + describe(row.shape)) << row.name;
    }
  }
  EXPECT_GE(numbers, 70);
}

TEST(EveryWord, ThatIsUnknownListsOrSuggestsTheKnown) {
  for (const KeyRow& row : scenario_keys()) {
    if (!row.shape.words) continue;
    const std::string good(row.shape.words().back());
    EXPECT_EQ(only_finding(row, assignment(row, "\"" + good + "q\""), value_column(row), false).remedy,
              "did you mean '" + good + "'?");
    EXPECT_THAT(only_finding(row, assignment(row, "\"qqqqqqqqqqqqqqqq\""), value_column(row), false).remedy,
                HasSubstr("known: "));
    for (const std::string_view word : row.shape.words()) {
      const CheckedValue checked = check_value(row, {std::string(word), {}}, "");
      EXPECT_TRUE(checked.diagnostics.empty()) << row.name << " " << word;
    }
  }
}

TEST(EveryDataName, ThatIsUnknownSuggestsTheNearest) {
  for (const KeyRow& row : scenario_keys()) {
    if (row.shape.type != ValueType::Data) continue;
    const auto names = data_names(row.shape.data);
    ASSERT_FALSE(names.empty()) << row.name;
    const std::string name(names.front());
    const Diagnostic found =
        only_finding(row, assignment(row, "\"" + name + "qq\""), value_column(row), false);
    EXPECT_THAT(found.problem,
                HasSubstr("unknown " + std::string(data_kind_name(row.shape.data)) + " '" + name + "qq'"));
    EXPECT_THAT(found.remedy, HasSubstr("did you mean '"));
    EXPECT_THAT(only_finding(row, assignment(row, "\"no/such/file.toml\""), value_column(row), false).problem,
                HasSubstr("there is no file 'no/such/file.toml'"));
    only_finding(row, assignment(row, "\"\""), value_column(row), false);
  }
}

TEST(EveryText, HasALimit) {
  for (const KeyRow& row : scenario_keys()) {
    if (row.shape.type != ValueType::Text) continue;
    const CheckedValue good = check_value(row, {std::string(4096, 'x'), {}}, "");
    EXPECT_TRUE(good.diagnostics.empty());
    const CheckedValue bad = check_value(row, {std::string(4097, 'x'), {}}, "");
    EXPECT_EQ(bad.diagnostics.size(), 1u);
  }
}

TEST(EveryRequiredKey, IsMissedByName) {
  int required_keys = 0;
  for (const KeyRow& row : scenario_keys()) {
    if (row.missing.means != Missing::Means::Fault) continue;
    ++required_keys;
    const Written written = document_with(row, "", false);
    DocumentReading document = read_document_text({"a.toml", written.text}, {});
    const ScenarioReading reading = read_scenario(std::move(document.document));
    ASSERT_EQ(reading.diagnostics.size(), 1u) << row.name;
    EXPECT_THAT(reading.diagnostics[0].problem, HasSubstr("is missing"));
    EXPECT_THAT(reading.diagnostics[0].remedy, HasSubstr("write " + std::string(row.leaf()) + " = "));
    EXPECT_EQ(reading.diagnostics[0].places.size(), 1u);
  }
  EXPECT_GE(required_keys, 9);
}

TEST(EveryDefault, PassesItsOwnRow) {
  // A document of required keys alone: every default is read, and none is refused.
  std::string text;
  std::string_view section;
  for (const KeyRow& row : scenario_keys()) {
    if (row.missing.means != Missing::Means::Fault || row.repeated()) continue;
    if (row.section() != section) text += "[" + std::string(section = row.section()) + "]\n";
    text += example_line(row) + "\n";
  }
  DocumentReading document = read_document_text({"a.toml", text}, {});
  const ScenarioReading reading = read_scenario(std::move(document.document));
  EXPECT_TRUE(reading.ok()) << text << diagnostics_text(reading.diagnostics, reading.document.sources);
  EXPECT_EQ(reading.scenario.plan.schedule, "1f1b");
  EXPECT_EQ(reading.scenario.plan.recompute, std::vector<std::string>{"none"});
  EXPECT_EQ(reading.scenario.routing.row_spread, 0);
  EXPECT_EQ(reading.scenario.simulation.seed, 1u);
}

TEST(KeyTable, NamesAreUniqueAndDescribed) {
  std::set<std::string_view> names;
  for (const KeyRow& row : scenario_keys()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_GT(row.help.size(), 10u) << row.name;
    EXPECT_EQ(find_key(row.name), static_cast<const KeyRow*>(find_key(row.name)));
    ASSERT_NE(find_key(row.name), nullptr);
    EXPECT_THAT(reference_entry(row), HasSubstr("example: " + std::string(row.leaf())));
  }
  EXPECT_EQ(find_key("phase.tokens")->name, "phase[].tokens");
  EXPECT_EQ(find_key("nothing"), nullptr);
}

// Table 5 of The Llama 3 Herd of Models: 419 unexpected interruptions and 47 planned ones in 54 days.
TEST(FailureTable, OfLlama3HasEveryInterruptionOfItsTable) {
  const auto read = read_failures("llama-3-405b");
  ASSERT_TRUE(read.ok());
  double unexpected = 0, planned = 0;
  for (const FailureCause& cause : read.spec.causes) (cause.planned ? planned : unexpected) += cause.count;
  EXPECT_EQ(unexpected, 419);
  EXPECT_EQ(planned, 47);
  EXPECT_EQ(read.spec.gpus, 16384);
  EXPECT_EQ(read.spec.observed, Seconds(54 * 86400));
  EXPECT_FALSE(read_failures("llama-4").ok());
}

TEST(EveryHardwareFile, ReadsAndNamesASourceForEveryNumber) {
  const auto check = [](auto read, DataKind kind, std::size_t least) {
    const auto names = data_names(kind);
    EXPECT_GE(names.size(), least);
    for (const std::string_view name : names) {
      const auto reading = read(name);
      EXPECT_TRUE(reading.ok()) << name << "\n"
                                << diagnostics_text(reading.diagnostics, reading.document.sources);
      EXPECT_EQ(reading.spec.name, name);
      EXPECT_GE(reading.spec.sources.size(), 2u);
    }
  };
  check(read_gpu, DataKind::Gpu, 6);
  check(read_nic, DataKind::Nic, 2);
  check(read_switch, DataKind::Switch, 1);
  check(read_node, DataKind::Node, 6);
  check(read_prices, DataKind::Prices, 2);
}

TEST(HardwareFile, HoldsThePublishedH800) {
  const GpuSpec h800 = read_gpu("h800").spec;
  EXPECT_EQ(h800.multiprocessors, 132);            // profile-data train.json, deviceProperties
  EXPECT_EQ(h800.memory.value(), 84'943'110'144);  // ibid., totalGlobalMem
  EXPECT_EQ(h800.bf16.value(), 989e12);            // divisor of the published MFU
  EXPECT_EQ(h800.hbm.value(), 3.35e12);
  EXPECT_EQ(h800.nvlink_achieved.value(), 160e9);  // DeepSeek-V3 report, 3.2.2
  EXPECT_EQ(h800.rent.value(), 2.0);
  EXPECT_EQ(read_gpu("a100-80gb").spec.fp8.value(), 0);  // no FP8 units
  EXPECT_EQ(default_node("h800"), "h800-node");
  EXPECT_EQ(default_node("/my/gpu.toml"), "hgx-8");
  // Two switches more between leaves: 3.7 us less 2.8 us (arXiv 2505.09343 TableValue 5).
  EXPECT_DOUBLE_EQ(
      read_nic("connectx-7").spec.latency.value() + 2 * read_switch("qm9700").spec.hop_latency.value(),
      3.7e-6);
}

TEST(HardwareFile, WithoutASourceIsRefused) {
  std::string text(*find_data(DataKind::Gpu, "h800"));
  const std::size_t at = text.rfind("hbm = ");
  text.erase(at, text.find('\n', at) + 1 - at);
  const auto reading = read_gpu_text({"mine.toml", text});
  ASSERT_EQ(reading.diagnostics.size(), 1u);
  EXPECT_EQ(reading.diagnostics[0].problem, "hbm has no source");
  EXPECT_EQ(reading.diagnostics[0].places.at(0).line, 6);
  const auto surplus = read_gpu_text(
      {"mine.toml", std::string(*find_data(DataKind::Gpu, "h800")) + "price = \"somewhere\"\n"});
  ASSERT_EQ(surplus.diagnostics.size(), 1u);
  EXPECT_EQ(surplus.diagnostics[0].problem, "source.price has no number");
}

}  // namespace
}  // namespace orrery
