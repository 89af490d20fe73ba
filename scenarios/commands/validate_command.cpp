#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/validate/court_page.hpp"
#include "scenarios/validate/validate.hpp"

namespace orrery {
namespace {

/// The courts that the command line names, in their own order; all of them when it names none. A wrong name
/// is a finding.
Checked<std::vector<CourtName>> asked_courts(const CommandLine& line) {
  Checked<std::vector<CourtName>> courts;
  std::vector<std::string_view> names;
  for (const CourtKind& kind : court_kinds()) names.push_back(kind.name);
  for (const std::string& name : line.validate.courts) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    courts.findings.push_back({"--court", "no court is called '" + name + "'", suggestion(name, names)});
  }
  for (const CourtKind& kind : court_kinds()) {
    const auto& asked = line.validate.courts;
    if (asked.empty() || std::find(asked.begin(), asked.end(), kind.name) != asked.end())
      courts.value.push_back(kind.court);
  }
  return courts;
}

/// One line of progress at a time; the courts report from many threads.
class CourtLines {
 public:
  explicit CourtLines(Progress::Outlet outlet) : outlet_(std::move(outlet)) {}
  void update(const std::string& what, double share) {
    const std::lock_guard lock(one_);
    if (what != what_) {
      line_.reset();
      line_ = std::make_unique<Progress>(what, outlet_);
      what_ = what;
    }
    line_->update(share);
  }

 private:
  Progress::Outlet outlet_;
  std::mutex one_;
  std::string what_;
  std::unique_ptr<Progress> line_;
};

/// By the option that it is about, where there is one.
int refuse_finding(const CommandLine& line, const Finding& finding) {
  const bool option = finding.key.starts_with("--");
  return refuse_usage(line, (option ? finding.key + ": " : "") + finding.problem, finding.remedy);
}

Checked<Validation> hear(const CommandLine& line, const ValidateRequest& request) {
  CourtLines lines(progress_outlet(line));
  return validate(request, [&](const std::string& what, double share) { lines.update(what, share); });
}

}  // namespace

int validate_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  const Checked<std::vector<CourtName>> courts = asked_courts(line);
  if (!courts.ok())
    return refuse_usage(line, courts.findings.front().problem, courts.findings.front().remedy);
  const std::variant<Question, int> read = read_question(line);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const Question& question = std::get<Question>(read);

  const Checked<Validation> heard = hear(line, {.plan = &question.assembled.plan,
                                                .courts = courts.value,
                                                .quick = line.validate.quick,
                                                .text = line.validate.text,
                                                .sizes = line.validate.sizes,
                                                .seeds = line.validate.seeds});
  if (!heard.ok()) return refuse_finding(line, heard.findings.front());
  const Validation& validation = heard.value;

  Results results;
  results.stem = "validate";
  results.summary = summary_of(validation, line.names.front());
  results.tables = tables_of(validation);
  results.attributes = validation.provenance;
  results.attributes.push_back({"seed", std::to_string(question.assembled.plan.seed)});
  const Page page = page_of(validation, "orrery validate " + question.assembled.plan.model.name);
  const int code =
      deliver(line, question.reading.document, question.folder, std::move(results), page, validation.traces);
  return code != done || validation.holds() ? code : int(gate_failed);
}

}  // namespace orrery
