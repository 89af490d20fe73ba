#include <fmt/format.h>
#include <tbb/global_control.h>

#include <filesystem>
#include <set>

#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/comparing/variation.hpp"
#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/show.hpp"
#include "scenarios/sweeping/crew.hpp"
#include "scenarios/sweeping/journal.hpp"
#include "scenarios/sweeping/sweep.hpp"

namespace orrery {
namespace {

using Sets = std::vector<std::string>;

constexpr double most_points = 1e6;
constexpr std::int64_t largest_table = 64 << 20;

/// A sweep that can be run.
struct PlannedSweep {
  ScenarioReading base;
  std::vector<Sets> points;  ///< What varies, of each.
  Sets common;               ///< Under every point: --set, --fidelity.
  SweepView view;
  std::string folder;
  Weighing how;
  JournalKey key;
};

/// Reads a file of --vary-csv; a fault shows its line.
std::variant<Variation, int> read_table(const CommandLine& line, const std::string& path) {
  OpenedData opened =
      open_file(path, largest_table, "a CSV file: keys first, then a line for each set of values");
  if (!opened.diagnostics.empty()) return refuse(line, {}, std::move(opened.diagnostics));
  Checked<Variation> read = read_variation_table(opened.source.text);
  if (read.ok()) return std::move(read.value);
  const Document document{{}, {opened.source}};
  Diagnostics faults;
  for (const Finding& f : read.findings) {
    const int row = std::stoi(f.key);
    faults.push_back(
        {"--vary-csv", f.problem, f.remedy, {{.source = 0, .line = row, .column = 1, .width = 1}}});
  }
  return refuse(line, document, std::move(faults));
}

std::variant<std::vector<Variation>, int> read_variations(const CommandLine& line) {
  std::vector<Variation> all;
  for (const std::string& argument : line.vary) {
    Checked<Variation> read = read_variation(argument);
    if (!read.ok()) return refuse_usage(line, read.findings.front().problem, read.findings.front().remedy);
    all.push_back(std::move(read.value));
  }
  for (const std::string& path : line.sweep.tables) {
    std::variant<Variation, int> read = read_table(line, path);
    if (const int* refused = std::get_if<int>(&read)) return *refused;
    all.push_back(std::move(std::get<Variation>(read)));
  }
  if (all.empty())
    return refuse_usage(line, "sweep needs something that varies",
                        "as in --vary cluster.nodes=64..256*2 or --vary-csv sets.csv");
  std::set<std::string> keys;
  for (const Variation& variation : all) {
    for (const std::string& key : variation.keys)
      if (!keys.insert(key).second)
        return refuse_usage(line, key + " varies twice", "one --vary with all its values");
  }
  if (combination_count(all) > most_points)
    return refuse_usage(line, fmt::format("{:.0f} combinations", combination_count(all)),
                        fmt::format("at most {:.0f}: fewer values, or several sweeps", most_points));
  return all;
}

/// Faults of single values, each distinct one held against the key table by itself: a wrong word is wrong in
/// every point. What values are together is known only when a point is built. `files`: those that values
/// name.
Diagnostics value_faults(const std::string& scenario, const Sets& common,
                         std::span<const Variation> variations, Document& document,
                         std::set<std::string>& files) {
  std::set<std::string> seen;
  for (const Variation& variation : variations) {
    for (std::size_t i = 0; i < variation.alternatives.size(); ++i) {
      for (const std::string& set : variation.alternatives[i]) {
        if (!seen.insert(set).second) continue;
        Sets sets = common;
        sets.push_back(set);
        DocumentReading read = read_document(scenario, sets);
        Diagnostics faults = std::move(read.diagnostics);
        if (faults.empty()) faults = check_values(read.document);
        if (!faults.empty()) {
          for (Diagnostic& fault : faults)
            if (!variation.lines.empty())
              fault.problem = fmt::format("line {} of --vary-csv: {}", variation.lines[i], fault.problem);
          document = std::move(read.document);
          return faults;
        }
        for (std::string& file : named_files(read.document)) files.insert(std::move(file));
      }
    }
  }
  return {};
}

/// The texts that an answer depends on besides the scenario's keys, in short.
std::string fingerprints(const std::set<std::string>& files) {
  std::string all;
  for (const std::string& file : files)
    all += file + " " + fingerprint(open_file(file, std::int64_t(1) << 32, "").source.text) + "\n";
  return all;
}

std::variant<PlannedSweep, int> plan_sweep(const CommandLine& line) {
  std::variant<std::vector<Variation>, int> read = read_variations(line);
  if (const int* refused = std::get_if<int>(&read)) return *refused;
  const auto& variations = std::get<std::vector<Variation>>(read);
  PlannedSweep plan;
  const std::string& scenario = line.names.front();
  plan.view.fidelity = line.fidelity.empty() ? "lockstep" : line.fidelity;
  plan.common = line.sets;
  plan.common.push_back("simulation.fidelity=" + plan.view.fidelity);
  plan.base = read_scenario(scenario, plan.common);
  if (!plan.base.ok()) return refuse(line, plan.base.document, plan.base.diagnostics);
  Document document;
  std::set<std::string> files;  // Of every value that varies, and so of the base's.
  Diagnostics faults = value_faults(scenario, plan.common, variations, document, files);
  if (!faults.empty()) return refuse(line, document, std::move(faults));
  plan.points = combinations(variations);
  plan.how.depth = line.sweep.phases ? RunDepth::Phases : RunDepth::FullBatch;
  // A base that names what is not there makes no point: said once, with its place.
  const Assembled base = assemble(plan.base);
  Sets first = plan.common;
  first.insert(first.end(), plan.points.front().begin(), plan.points.front().end());
  if (!base.ok() && !assemble(read_scenario(scenario, first)).ok())
    return refuse(line, base.document, base.diagnostics);
  plan.view.title =
      "orrery sweep: " + (plan.base.scenario.title.empty() ? scenario : plan.base.scenario.title);
  plan.view.depth = base.answers() ? RunDepth::Phases : plan.how.depth;
  for (const Variation& variation : variations)
    plan.view.keys.insert(plan.view.keys.end(), variation.keys.begin(), variation.keys.end());
  plan.folder = line.out.empty() ? default_folder(scenario) + "-sweep" : line.out;
  plan.key = {"orrery " ORRERY_VERSION, scenario,
              fingerprint(show_scenario(plan.base.document) + fingerprints(files) +
                          (line.sweep.phases ? "phases" : "full batch"))};
  return plan;
}

Figures unable(PointOutcome outcome, std::string why) {
  Figures figures;
  figures.outcome = outcome;
  figures.why = std::move(why);
  return figures;
}

Figures weigh_point(const PlannedSweep& plan, const std::string& scenario, const Sets& sets,
                    RoutingPools& pools) {
  try {
    Sets all = plan.common;
    all.insert(all.end(), sets.begin(), sets.end());
    const ScenarioReading reading = read_scenario(scenario, all);
    if (!reading.ok()) return unable(PointOutcome::Refused, reading.diagnostics.front().problem);
    const Assembled assembled = assemble(reading);
    if (!assembled.ok()) return unable(PointOutcome::Refused, assembled.diagnostics.front().problem);
    Weighing how = plan.how;
    if (reading.scenario.simulation.memory == "report") how.too_large = TooLarge::Simulate;
    return weigh(assembled, how, pools);
  } catch (const std::exception& fault) {
    return unable(PointOutcome::Failed, fault.what());
  }
}

/// Simulates what the journal does not hold yet. The exit code of a refusal, or none.
std::optional<int> fill(const CommandLine& line, const PlannedSweep& plan, Journal& journal,
                        const PointJob& job, std::span<const int> open) {
  std::optional<PublishFault> fault;
  const std::size_t known = plan.points.size() - open.size();
  Progress progress(
      fmt::format("{} points{}", open.size(), known > 0 ? fmt::format(" ({} known)", known) : ""),
      progress_outlet(line));
  int finished = 0;
  line.crew->lead(open, job, [&](int i, const std::string& answer) {
    fault = journal.append(plan.points[std::size_t(i)], figures_of(nlohmann::ordered_json::parse(answer)));
    progress.update(double(++finished) / double(open.size()));
    return !fault;
  });
  if (!fault) return std::nullopt;
  return refuse_world(line, to_text(*fault) + "; the points before it are kept: run the same command again");
}

int publish_sweep(const CommandLine& line, const PlannedSweep& plan, const Journal& journal) {
  std::vector<SweepPoint> points;
  std::string lines = journal_head(plan.key);
  for (const Sets& sets : plan.points) {
    points.push_back({sets, *journal.find(sets)});
    lines += journal_line(sets, points.back().figures);
  }
  Results results;
  results.stem = "sweep";
  results.summary = sweep_summary(plan.view, points);
  results.tables = {sweep_table(plan.view, points)};
  return deliver(line, plan.base.document, plan.folder, std::move(results), sweep_page(plan.view, points),
                 {{"points.jsonl", lines}});
}

}  // namespace

int sweep_command(const CommandLine& line) {
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, thread_count(line));
  std::variant<PlannedSweep, int> planned = plan_sweep(line);
  if (const int* refused = std::get_if<int>(&planned)) return *refused;
  const PlannedSweep& plan = std::get<PlannedSweep>(planned);
  const std::string& scenario = line.names.front();
  RoutingPools pools;
  const auto weigh_one = [&](int i) {
    return to_json(weigh_point(plan, scenario, plan.points[std::size_t(i)], pools)).dump();
  };
  if (line.crew->rank > 0) {
    line.crew->follow(weigh_one);
    return done;
  }
  if (const auto fault = publish(plan.folder, {})) return refuse_world(line, to_text(*fault));
  std::variant<Journal, Finding, PublishFault> opened =
      Journal::open((std::filesystem::path(plan.folder) / "points.jsonl").string(), plan.key);
  if (const auto* fault = std::get_if<PublishFault>(&opened)) return refuse_world(line, to_text(*fault));
  if (const auto* foreign = std::get_if<Finding>(&opened))
    return refuse_usage(line, foreign->problem, foreign->remedy);
  Journal& journal = std::get<Journal>(opened);
  std::vector<int> open;
  for (std::size_t i = 0; i < plan.points.size(); ++i)
    if (!journal.find(plan.points[i])) open.push_back(int(i));
  if (const auto refused = fill(line, plan, journal, weigh_one, open)) return *refused;
  return publish_sweep(line, plan, journal);
}

}  // namespace orrery
