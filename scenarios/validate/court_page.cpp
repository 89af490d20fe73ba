#include "scenarios/validate/court_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/numbers.hpp"

namespace orrery {
namespace {

std::string figure(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? grouped(std::int64_t(value)) : fmt::format("{:.5g}", value);
}

std::string_view rule_name(Rule rule) {
  switch (rule) {
    case Rule::Equal:
      return "equal";
    case Rule::Interval:
      return "within";
    case Rule::AtMost:
      return "at most";
    case Rule::AtLeast:
      return "at least";
    case Rule::Beside:
      return "beside";
  }
  return "";
}

/// "= 4", "3.97 ± 0.02", "<= 0.1", or the figure alone where nothing is judged.
std::string expectation(const Evidence& evidence) {
  if (!evidence.expected) return "";
  const std::string value = figure(*evidence.expected);
  switch (evidence.rule) {
    case Rule::Equal:
      return "= " + value;
    case Rule::Interval:
      return fmt::format("{} ± {:.2g}", value, evidence.tolerance);
    case Rule::AtMost:
      return "<= " + value;
    case Rule::AtLeast:
      return ">= " + value;
    case Rule::Beside:
      return value;
  }
  return value;
}

std::string verdict(const Evidence& evidence) {
  if (evidence.rule == Rule::Beside) return "";
  return holds(evidence) ? "holds" : "FAILS";
}

bool judged(const Evidence& evidence) { return evidence.rule != Rule::Beside; }

std::string score(const Court& court) {
  const auto all = std::count_if(court.evidence.begin(), court.evidence.end(), judged);
  const auto good = std::count_if(court.evidence.begin(), court.evidence.end(), [](const Evidence& evidence) {
    return judged(evidence) && holds(evidence);
  });
  return fmt::format("{} ({} of {} figures)", holds(court) ? "holds" : "FAILS", good, all);
}

/// Figures that are exactly as they should be are counted, not listed: files have them.
bool worth_a_line(const Evidence& evidence) { return evidence.rule != Rule::Equal || !holds(evidence); }

Section evidence_section(const Court& court) {
  Grid grid;
  grid.headings = {
      {"figure", Align::Left}, {"measured"}, {"expected"}, {"", Align::Left}, {"from", Align::Left}};
  std::size_t equal = 0;
  for (const Evidence& evidence : court.evidence) {
    equal += !worth_a_line(evidence);
    if (!worth_a_line(evidence)) continue;
    grid.rows.push_back({evidence.figure, figure(evidence.measured), expectation(evidence), verdict(evidence),
                         evidence.note});
  }
  const std::string unlisted =
      equal == 0 ? "" : fmt::format(" Exactly equal and not listed: {}; evidence.csv has all.", equal);
  return {court.title, {grid, Paragraph{"Verdict: " + score(court) + "." + unlisted}}};
}

}  // namespace

Page page_of(const Validation& validation, const std::string& title) {
  Page page{title, {}};
  Facts facts;
  for (const Court& court : validation.courts) facts.rows.push_back({court.name, score(court)});
  Section verdicts{"Verdicts", {facts}};
  for (const std::string& note : validation.notes) verdicts.blocks.push_back(Paragraph{note});
  page.sections.push_back(std::move(verdicts));
  for (const Court& court : validation.courts) {
    page.sections.insert(page.sections.end(), court.sections.begin(), court.sections.end());
    page.sections.push_back(evidence_section(court));
  }
  return page;
}

nlohmann::ordered_json summary_of(const Validation& validation, const std::string& scenario) {
  nlohmann::ordered_json tree{{"scenario", scenario}, {"holds", validation.holds()}};
  for (const Attribute& attribute : validation.provenance) tree[attribute.name] = attribute.value;
  tree["notes"] = validation.notes;
  tree["courts"] = nlohmann::ordered_json::array();
  for (const Court& court : validation.courts) {
    nlohmann::ordered_json entry{{"name", court.name}, {"holds", holds(court)}};
    entry["evidence"] = nlohmann::ordered_json::array();
    for (const Evidence& evidence : court.evidence) {
      nlohmann::ordered_json line{{"figure", evidence.figure}, {"measured", evidence.measured}};
      if (evidence.expected) line["expected"] = *evidence.expected;
      line["rule"] = rule_name(evidence.rule);
      if (evidence.rule == Rule::Interval) line["tolerance"] = evidence.tolerance;
      line["unit"] = evidence.unit;
      if (judged(evidence)) line["holds"] = holds(evidence);
      line["note"] = evidence.note;
      entry["evidence"].push_back(std::move(line));
    }
    tree["courts"].push_back(std::move(entry));
  }
  return tree;
}

std::vector<Table> tables_of(const Validation& validation) {
  std::vector<std::string> courts, figures, rules, units, verdicts, notes, expected;
  std::vector<double> measured, tolerance;
  for (const Court& court : validation.courts) {
    for (const Evidence& evidence : court.evidence) {
      courts.push_back(court.name);
      figures.push_back(evidence.figure);
      measured.push_back(evidence.measured);
      expected.push_back(evidence.expected ? fmt::format("{}", *evidence.expected) : "");
      rules.emplace_back(rule_name(evidence.rule));
      tolerance.push_back(evidence.tolerance);
      units.push_back(evidence.unit);
      verdicts.push_back(verdict(evidence));
      notes.push_back(evidence.note);
    }
  }
  std::vector<Table> tables{{"evidence",
                             "every figure that a court heard",
                             {{"figure", "", "what is judged", figures},
                              {"court", "", "cost, balance or precision", courts},
                              {"measured", "", "in `unit`", measured},
                              {"expected", "", "in `unit`; empty: nothing to hold it against", expected},
                              {"rule", "", "how the two are held against each other", rules},
                              {"tolerance", "", "in `unit`, of the rule `within`", tolerance},
                              {"unit", "", "of the figures", units},
                              {"verdict", "", "empty: not judged", verdicts},
                              {"note", "", "where the expected figure comes from", notes}}}};
  for (const Court& court : validation.courts)
    tables.insert(tables.end(), court.tables.begin(), court.tables.end());
  return tables;
}

}  // namespace orrery
