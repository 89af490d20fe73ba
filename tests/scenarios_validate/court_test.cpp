#include "scenarios/validate/court.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "scenarios/validate/court_page.hpp"

namespace orrery {
namespace {

Evidence evidence(double measured, std::optional<double> expected, Rule rule, double tolerance = 0) {
  return {"a figure", measured, expected, rule, tolerance, "1", ""};
}

TEST(Court, EachRuleHoldsUpToItsBoundAndNotBeyond) {
  EXPECT_TRUE(holds(evidence(4, 4.0, Rule::Equal)));
  EXPECT_FALSE(holds(evidence(4.0000001, 4.0, Rule::Equal)));
  EXPECT_TRUE(holds(evidence(4.5, 4.0, Rule::Interval, 0.5)));
  EXPECT_TRUE(holds(evidence(3.5, 4.0, Rule::Interval, 0.5)));
  EXPECT_FALSE(holds(evidence(4.51, 4.0, Rule::Interval, 0.5)));
  EXPECT_TRUE(holds(evidence(4, 4.0, Rule::AtMost)));
  EXPECT_FALSE(holds(evidence(4.1, 4.0, Rule::AtMost)));
  EXPECT_TRUE(holds(evidence(4, 4.0, Rule::AtLeast)));
  EXPECT_FALSE(holds(evidence(3.9, 4.0, Rule::AtLeast)));
  EXPECT_TRUE(holds(evidence(9, 4.0, Rule::Beside)));
}

TEST(Court, NotANumberFailsByEveryRuleOnEitherSide) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Rule rule : {Rule::Equal, Rule::Interval, Rule::AtMost, Rule::AtLeast, Rule::Beside})
    EXPECT_FALSE(holds(evidence(nan, 4.0, rule, 1e9)));
  for (const Rule rule : {Rule::Equal, Rule::Interval, Rule::AtMost, Rule::AtLeast}) {
    EXPECT_FALSE(holds(evidence(4, nan, rule, 1e9)));
    EXPECT_FALSE(holds(evidence(4, std::nullopt, rule, 1e9))) << "nothing to hold it against";
  }
}

TEST(Court, OneFailingFigureFailsTheCourtAndTheValidation) {
  Validation validation;
  Court court{.name = "cost", .title = "Cost", .evidence = {}, .tables = {}, .sections = {}};
  court.evidence = {evidence(4, 4.0, Rule::Equal), evidence(9, 4.0, Rule::Beside)};
  validation.courts = {court, court};
  EXPECT_TRUE(validation.holds());
  validation.courts[1].evidence.push_back(evidence(5, 4.0, Rule::Equal));
  EXPECT_FALSE(validation.holds());
}

TEST(CourtPage, CountsJudgedFiguresAloneAndNamesTheOneThatFails) {
  Validation validation;
  Court court{.name = "cost", .title = "Cost: counted", .evidence = {}, .tables = {}, .sections = {}};
  court.evidence = {evidence(4, 4.0, Rule::Equal), evidence(5, 4.0, Rule::AtMost),
                    evidence(9, 4.0, Rule::Beside)};
  court.evidence[1].figure = "rows of an expert";
  validation.courts = {court};
  const std::string text = to_text(page_of(validation, "a title"), Style{});
  EXPECT_NE(text.find("FAILS (1 of 2 figures)"), std::string::npos) << text;
  EXPECT_NE(text.find("rows of an expert"), std::string::npos) << text;
  EXPECT_NE(text.find("Exactly equal and not listed: 1"), std::string::npos) << text;
  const nlohmann::ordered_json tree = summary_of(validation, "a scenario");
  EXPECT_EQ(tree.at("holds"), false);
  EXPECT_EQ(tree.at("courts")[0].at("evidence")[0].at("holds"), true);
  EXPECT_EQ(tree.at("courts")[0].at("evidence")[1].at("holds"), false);
  EXPECT_FALSE(tree.at("courts")[0].at("evidence")[2].contains("holds")) << "beside: no verdict";
  EXPECT_EQ(std::get<std::vector<double>>(tables_of(validation).front().columns[2].values).size(), 3u);
}

}  // namespace
}  // namespace orrery
