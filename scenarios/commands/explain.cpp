#include "scenarios/commands/explain.hpp"

#include <fmt/format.h>

#include "models/kernels/family.hpp"
#include "models/pipeline/schedule.hpp"
#include "models/transformer/transformer.hpp"
#include "scenarios/reading/embedded.hpp"
#include "scenarios/reading/scenario.hpp"
#include "topologies/catalog.hpp"
#include "topologies/routing.hpp"

namespace orrery {
namespace {

/// A data file is its own best explanation: it carries every number with its source.
std::string data_file(const DataRow& row) {
  return fmt::format("{}: {} (built in, {})\n\n{}", row.name, data_kind_name(row.kind), row.path, row.text);
}

std::string family_errors(const DataRow& row) {
  const Checked<KernelFamily> family = read_kernel_family(row.text, row.name);
  if (!family.ok()) return {};
  std::string text = fmt::format(
      "{}: kernel family, measured on {}\n{}\n\nmean absolute error, kernels of 100 us or more (decoding: 20 "
      "us)\n",
      row.name, family.value.fitted_on.gpu, family.value.about);
  for (const TableError& e : family.value.errors) {
    const auto percent = [](const std::optional<double>& p) {
      return p ? fmt::format("{:.1f} %", *p) : std::string("-");
    };
    text +=
        fmt::format("  {:<44} {:<22} fitted {:>7} ({} rows), held out {:>7} ({} rows)\n", e.table, e.what,
                    percent(e.fitted_percent), e.fitted_rows, percent(e.held_out_percent), e.held_out_rows);
  }
  return text + "\n" + std::string(row.text);
}

std::string model_numbers(const DataRow& row) {
  const Checked<Transformer> model = read_transformer(row.text, row.name);
  if (!model.ok()) return {};
  const ParameterCount count = count_parameters(model.value);
  return fmt::format(
      "{}: {} parameters, {} active a token (embedding and head counted), {} in multi-token-prediction "
      "modules\n"
      "{} bytes of KV cache a token in BF16\n\n",
      row.name, count.total, count.activated, count.predict_own,
      kv_cache_bytes_per_token(model.value).value());
}

}  // namespace

std::optional<std::string> explanation(std::string_view name) {
  std::string text;
  if (const KeyRow* key = find_key(name)) text += reference_entry(*key);
  for (const DataRow& row : data_rows()) {
    if (row.name != name) continue;
    if (row.kind == DataKind::Kernels) {
      text += family_errors(row);
      continue;
    }
    if (row.kind == DataKind::Model) text += model_numbers(row);
    text += data_file(row);
  }
  if (const ScheduleKind* kind = find_schedule(name)) {
    text +=
        fmt::format("{}: pipeline schedule\n{}\nsee it: orrery schedule {} --ranks 8 --micro-batches 20\n",
                    kind->name, kind->help, kind->name);
  }
  if (const TopologyKind* kind = find_topology(name)) {
    text += fmt::format("{}: topology\n{}\n", kind->name, kind->help);
    if (!kind->shape.empty()) text += fmt::format("cluster.shape lists: {}\n", kind->shape);
  }
  if (const RoutingKind* kind = find_routing(name))
    text += fmt::format("{}: routing of flows\n{}\n", kind->name, kind->help);
  for (int i = 0; i < docstring_count; ++i) {
    if (docstrings[i].name == name)
      text += fmt::format("{} ({})\n\n{}", name, docstrings[i].header, docstrings[i].text);
  }
  if (text.empty()) return std::nullopt;
  return text;
}

std::vector<std::string_view> explained_names() {
  std::vector<std::string_view> names;
  for (const auto& key : scenario_keys()) names.push_back(key.name);
  for (const DataRow& row : data_rows()) names.push_back(row.name);
  for (const ScheduleKind& kind : schedule_kinds()) names.push_back(kind.name);
  for (const TopologyKind& kind : topology_kinds()) names.push_back(kind.name);
  for (const RoutingKind& kind : routing_kinds()) names.push_back(kind.name);
  for (int i = 0; i < docstring_count; ++i) names.push_back(docstrings[i].name);
  return names;
}

}  // namespace orrery
