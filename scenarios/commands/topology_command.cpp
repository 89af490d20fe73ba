#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "scenarios/commands/question.hpp"
#include "scenarios/commands/refusal.hpp"
#include "scenarios/reading/nearest.hpp"
#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/quantity.hpp"
#include "scenarios/surveying/surveying.hpp"
#include "topologies/catalog.hpp"
#include "topologies/files/files.hpp"

namespace orrery {
namespace {

/// The cluster that a topology by its name alone is built for.
constexpr const char* usual_cluster = "deepseek-v3";

std::string underscored(std::string_view text) {
  std::string word(text);
  std::replace(word.begin(), word.end(), '-', '_');
  return word;
}

int print(const CommandLine& line, const Survey& survey) {
  if (line.json) {
    std::cout << survey.summary.dump(2) << "\n";
  } else if (!line.quiet) {
    std::cout << to_text(survey.page, choose_style(look_around(1), Wish::Automatic, ascii_wish(line)));
  }
  return survey.sound ? done : gate_failed;
}

int show(const CommandLine& line, const SurveyedCluster& cluster) {
  return print(line, survey_shape(cluster));
}
int cost(const CommandLine& line, const SurveyedCluster& cluster) {
  return print(line, survey_cost(cluster));
}
int check(const CommandLine& line, const SurveyedCluster& cluster) {
  return print(line, survey_weakness(cluster));
}

int write(const CommandLine& line, const SurveyedCluster& cluster) {
  std::vector<std::string_view> names;
  for (const FabricWriter& writer : fabric_writers()) {
    names.push_back(writer.name);
    if (writer.name != line.topology.format) continue;
    std::cout << writer.write(cluster.fabric);
    return done;
  }
  return refuse_usage(line, "no format is called '" + line.topology.format + "'",
                      suggestion(line.topology.format, names));
}

/// What is to be timed; a finding names what is wrong with the words.
Checked<CollectiveBench> bench_of(const CommandLine& line, const Fabric& fabric) {
  Checked<CollectiveBench> bench;
  const TopologyWishes& wishes = line.topology;
  const std::string kind = underscored(wishes.collective), algorithm = underscored(wishes.algorithm);
  std::vector<std::string> kinds, names;
  for (const CollectiveAlgorithm& row : collective_algorithms()) {
    kinds.push_back(underscored(collective_name(row.kind)));
    if (kinds.back() != kind) continue;
    names.emplace_back(row.name);
    if (!algorithm.empty() && row.name != algorithm) continue;
    const Findings lacks = row.check(fabric);
    // All algorithms means all that run here; one by its name must.
    if (!lacks.empty() && !algorithm.empty()) bench.findings = lacks;
    if (lacks.empty()) bench.value.algorithms.push_back(&row);
    if (!lacks.empty())
      bench.value.left_out.push_back(fmt::format("{}: {}", row.name, lacks.front().problem));
  }
  const auto suggest = [](const std::string& wrong, const std::vector<std::string>& known) {
    return suggestion(wrong, std::vector<std::string_view>(known.begin(), known.end()));
  };
  kinds.erase(std::unique(kinds.begin(), kinds.end()), kinds.end());
  if (names.empty()) {
    bench.findings.push_back(
        {"", "no collective is called '" + wishes.collective + "'", suggest(kind, kinds)});
  } else if (bench.value.algorithms.empty() && bench.ok()) {
    bench.findings.push_back(
        {"", "no algorithm of " + kind + " is called '" + wishes.algorithm + "'", suggest(algorithm, names)});
  }
  for (const std::string& words : wishes.bytes) {
    for (std::size_t begin = 0; begin <= words.size();) {
      const std::size_t end = std::min(words.find(',', begin), words.size());
      const Checked<double> size = read_quantity(words.substr(begin, end - begin), QuantityKind::Size);
      for (const Finding& f : size.findings)
        bench.findings.push_back({"", "--bytes: " + f.problem, f.remedy});
      if (size.ok() && size.value < 1)
        bench.findings.push_back({"", "--bytes: a message of nothing", "a size above zero"});
      bench.value.sizes.push_back(Bytes(std::int64_t(size.value)));
      begin = end + 1;
    }
  }
  return bench;
}

int bench(const CommandLine& line, const SurveyedCluster& cluster) {
  const Checked<CollectiveBench> wanted = bench_of(line, cluster.fabric);
  if (!wanted.ok())
    return refuse_usage(line, wanted.findings.front().problem, wanted.findings.front().remedy);
  return print(line, survey_collectives(cluster, wanted.value));
}

bool is_scenario(const std::string& name) {
  const auto known = data_names(DataKind::Scenario);
  return name.ends_with(".toml") || std::find(known.begin(), known.end(), name) != known.end();
}

constexpr std::int64_t largest_node_file = 4 << 20;

int look_inside(const CommandLine& line) {
  const std::string& path = line.names.back();
  OpenedData opened =
      open_file(path, largest_node_file, "nvidia-smi topo -m > FILE, or NCCL_TOPO_DUMP_FILE=FILE");
  Diagnostics faults = std::move(opened.diagnostics);
  Checked<NodeInside> read;
  if (faults.empty()) read = read_node_inside(opened.source.text);
  for (Finding& f : read.findings) faults.push_back({"", path + ": " + f.problem, std::move(f.remedy), {}});
  if (!faults.empty()) return refuse(line, {}, std::move(faults));
  return print(line, survey_inside(read.value));
}

struct Action {
  std::string_view name;
  int (*run)(const CommandLine&, const SurveyedCluster&);
};
// `node` is of a file alone.
constexpr Action actions[] = {{"show", show},    {"cost", cost},   {"check", check},
                              {"export", write}, {"bench", bench}, {"node", nullptr}};

}  // namespace

int topology_command(const CommandLine& line) {
  const auto action = std::find_if(std::begin(actions), std::end(actions),
                                   [&](const Action& a) { return a.name == line.names.front(); });
  if (action == std::end(actions)) {
    std::vector<std::string_view> names;
    for (const Action& a : actions) names.push_back(a.name);
    return refuse_usage(line, "topology cannot '" + line.names.front() + "'",
                        suggestion(line.names.front(), names));
  }
  if (line.names.size() != 2)
    return refuse_usage(line, "topology " + line.names.front() + " takes one FABRIC",
                        "a topology of orrery list, a scenario, or a file");
  if (!action->run) return look_inside(line);
  std::string scenario = line.names.back();
  std::vector<std::string> sets = line.sets;
  // Before what the user sets, which may set it again. What is neither a topology nor a scenario is a file of
  // a fabric.
  const std::string& fabric_name = line.names.back();
  if (find_topology(scenario)) {
    sets.insert(sets.begin(), "cluster.topology=" + scenario);
    scenario = usual_cluster;
  } else if (!is_scenario(scenario)) {
    sets.insert(sets.begin(), "cluster.cabling=\"" + fabric_name + "\"");
    scenario = usual_cluster;
  }
  const ScenarioReading reading = read_scenario(scenario, sets);
  if (!reading.ok()) return refuse(line, reading.document, reading.diagnostics);
  const Assembled assembled = assemble_cluster(reading);
  if (!assembled.ok()) return refuse(line, assembled.document, assembled.diagnostics);
  const Fabric fabric = cluster_fabric(assembled.plan);
  return action->run(line, {assembled, fabric});
}

}  // namespace orrery
