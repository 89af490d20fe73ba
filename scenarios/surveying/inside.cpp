#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"
#include "scenarios/reading/hardware.hpp"
#include "scenarios/surveying/surveying.hpp"

namespace orrery {
namespace {

std::string built_in_nodes_like(const NodeInside& inside) {
  std::string names;
  for (const std::string_view name : data_names(DataKind::Node)) {
    const HardwareReading<NodeSpec> read = read_node(name);
    if (!read.ok() || read.spec.gpus != int(inside.gpus) || read.spec.nics != int(inside.nics.size()))
      continue;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names.empty() ? "none: write a file of your own, as orrery explain hgx-8 shows" : names;
}

/// The NVLinks of a GPU to each peer, where they are the same for all.
std::string nvlinks_of(const NodeInside& inside, std::uint32_t gpu) {
  std::uint32_t least = UINT32_MAX, most = 0;
  for (std::uint32_t peer = 0; peer < inside.gpus; ++peer) {
    if (peer == gpu) continue;
    least = std::min(least, inside.nvlinks_between(gpu, peer));
    most = std::max(most, inside.nvlinks_between(gpu, peer));
  }
  if (inside.gpus < 2) return "-";
  return least == most ? std::to_string(most) : fmt::format("{} to {}", least, most);
}

}  // namespace

Survey survey_inside(const NodeInside& inside) {
  Survey survey;
  survey.page.title = "orrery topology node";
  const std::uint32_t each =
      std::max(1u, inside.gpus / std::uint32_t(std::max<std::size_t>(1, inside.nics.size())));
  Grid grid{{{"GPU"}, {"NVLinks to each peer"}, {"nearest NIC", Align::Left}, {"by", Align::Left}, {"rail"}},
            {}};
  std::uint32_t crossed = 0;
  survey.summary = {{"schema", "orrery-node-1"}, {"gpus", inside.gpus}, {"nics", inside.nics.size()}};
  for (std::uint32_t gpu = 0; gpu < inside.gpus; ++gpu) {
    nlohmann::ordered_json row{{"gpu", gpu}};
    std::vector<std::string> cells{std::to_string(gpu), nvlinks_of(inside, gpu), "-", "-", "-"};
    if (!inside.nics.empty()) {
      const std::size_t nic = inside.nic_of(gpu);
      crossed += nic != gpu / each;
      cells[2] = inside.nics[nic].name;
      cells[3] = nearness_word(inside.near(gpu, nic));
      cells[4] = nic == gpu / each ? std::to_string(nic) : fmt::format("{}, not {}", nic, gpu / each);
      row["nic"] = inside.nics[nic].name;
      row["nearness"] = nearness_word(inside.near(gpu, nic));
      row["rail"] = nic;
    }
    survey.summary["rows"].push_back(std::move(row));
    grid.rows.push_back(std::move(cells));
  }
  Facts facts;
  facts.rows.push_back({"node", fmt::format("{} GPUs, {} NICs", inside.gpus, inside.nics.size())});
  facts.rows.push_back({"rails", inside.nics.empty() ? "no NIC"
                                 : crossed == 0
                                     ? "GPU i and its NIC are on rail i, as fabrics here are built"
                                     : fmt::format("{} GPUs are nearest to another rail's NIC: number "
                                                   "the NICs anew, or expect PCIe in the way",
                                                   crossed)});
  facts.rows.push_back({"built in", built_in_nodes_like(inside)});
  survey.summary["crossed"] = crossed;
  survey.page.sections.push_back({"Inside", {facts, grid}});
  return survey;
}

}  // namespace orrery
