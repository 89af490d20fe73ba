#include <fmt/format.h>

#include "reports/numbers.hpp"
#include "scenarios/surveying/surveying.hpp"

namespace orrery {
namespace {

constexpr std::int64_t element = 4;  // nccl-tests' default type is float.

bool reduces(Collective kind) { return kind == Collective::AllReduce || kind == Collective::ReduceScatter; }

/// As nccl-tests prints rates: GB/s with two digits after the point.
std::string gigabytes(double rate) { return fmt::format("{:.2f}", rate / 1e9); }

}  // namespace

Survey survey_collectives(const SurveyedCluster& cluster, const CollectiveBench& bench) {
  Survey survey;
  const int ranks = int(cluster.fabric.gpus());
  survey.page.title =
      fmt::format("orrery topology bench: {}, {} GPUs", cluster.fabric.topology, grouped(ranks));
  survey.summary = {{"schema", "orrery-collectives-1"},
                    {"topology", cluster.fabric.topology},
                    {"gpus", ranks},
                    {"rows", nlohmann::ordered_json::array()}};
  for (const CollectiveAlgorithm* algorithm : bench.algorithms) {
    Grid grid{{{"size (B)"},
               {"count (elements)"},
               {"type"},
               {"redop"},
               {"root"},
               {"time (us)"},
               {"algbw (GB/s)"},
               {"busbw (GB/s)"}},
              {}};
    for (const Bytes size : bench.sizes) {
      Router router(cluster.fabric, cluster.assembled.plan.routing);
      const Seconds time = simulate_collective(*algorithm, {router, size});
      const double rate = double(size.value()) / time.value();
      const double bus = rate * bus_factor(algorithm->kind, ranks);
      const char* redop = reduces(algorithm->kind) ? "sum" : "none";
      const int root = algorithm->kind == Collective::Broadcast ? 0 : -1;
      grid.rows.push_back({std::to_string(size.value()), std::to_string(size.value() / element), "float",
                           redop, std::to_string(root), fmt::format("{:.2f}", time.value() * 1e6),
                           gigabytes(rate), gigabytes(bus)});
      survey.summary["rows"].push_back({{"collective", collective_name(algorithm->kind)},
                                        {"algorithm", algorithm->name},
                                        {"size_bytes", size.value()},
                                        {"count", size.value() / element},
                                        {"type", "float"},
                                        {"redop", redop},
                                        {"root", root},
                                        {"time_s", time.value()},
                                        {"algbw_bytes_per_s", rate},
                                        {"busbw_bytes_per_s", bus}});
    }
    survey.page.sections.push_back({fmt::format("{}, {}", collective_name(algorithm->kind), algorithm->name),
                                    {Paragraph{std::string(algorithm->help)}, grid}});
  }
  if (!bench.left_out.empty()) {
    Section rest{"Left out", {}};
    for (const std::string& why : bench.left_out) rest.blocks.push_back(Paragraph{why});
    survey.page.sections.push_back(std::move(rest));
    survey.summary["left_out"] = bench.left_out;
  }
  return survey;
}

}  // namespace orrery
