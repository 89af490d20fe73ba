#include "scenarios/answering/figure_words.hpp"

#include <algorithm>
#include <cmath>

#include "reports/numbers.hpp"
#include "scenarios/reading/scenario.hpp"

namespace orrery {
namespace {

struct Words {
  std::string_view key, label;
};
constexpr Words whole_keys[] = {{"step.time_s", "step"},
                                {"memory.peak_bytes", "peak memory"},
                                {"energy.gpu_energy_j", "energy of the GPUs"}};
constexpr Words leaves[] = {{"tokens_per_day", "tokens a day"},
                            {"tokens_per_s_per_gpu", "tokens/s a GPU"},
                            {"sequences_per_s_per_gpu", "sequences/s a GPU"},
                            {"mfu_causal", "MFU, attention causal"},
                            {"mfu_noncausal", "MFU, attention in full"},
                            {"flops_per_s_per_gpu_causal", "rate of a GPU, attention causal"},
                            {"flops_per_s_per_gpu_noncausal", "rate of a GPU, attention in full"},
                            {"gpu_hours", "GPU-hours"},
                            {"cost_usd", "cost"}};
constexpr Words scopes[] = {
    {"rank0", "rank 0"}, {"min", "least rank"}, {"max", "most rank"}, {"run", "whole run"}};

std::string spaced(std::string_view text) {
  std::string words(text);
  std::replace_if(
      words.begin(), words.end(), [](char c) { return c == '_' || c == '.'; }, ' ');
  return words;
}

std::string said(std::string_view word, std::span<const Words> table) {
  const auto row = std::find_if(table.begin(), table.end(), [&](const Words& w) { return w.key == word; });
  return row == table.end() ? spaced(word) : std::string(row->label);
}

std::string leaf_words(std::string_view leaf) {
  for (const StepPart& part : step_parts) {
    if (leaf == part.key) return part.label;
  }
  return said(leaf, leaves);
}

}  // namespace

std::string figure_label(std::string_view key) {
  for (const Words& whole : whole_keys) {
    if (key == whole.key) return std::string(whole.label);
  }
  const std::size_t first = key.find('.'), last = key.rfind('.');
  if (first == std::string_view::npos) return spaced(key);
  const std::string_view root = key.substr(0, first);
  const std::string leaf = leaf_words(key.substr(last + 1));
  if (root == "run") return "whole run, " + leaf;
  if (first == last) return root == "step" ? leaf : spaced(root) + " " + leaf;
  const std::string scope = said(key.substr(first + 1, last - first - 1), scopes);
  return root == "phases" ? scope + ", " + leaf : leaf + ", " + scope;
}

std::string gpu_hours_text(double hours) {
  return hours >= 1e4 ? four_digits(hours / 1000) + " K" : four_digits(hours);
}

std::string figure_text(std::string_view key, double value) {
  switch (kind_of_summary_key(key)) {
    case QuantityKind::Time:
      return human(Seconds(value));
    case QuantityKind::Share:
      return percent(value);
    case QuantityKind::Money:
      return human(Dollars(value));
    case QuantityKind::Compute:
      return human(FlopsPerSecond(value));
    case QuantityKind::Bandwidth:
      return human(BytesPerSecond(value));
    case QuantityKind::Size:
      return decimal_bytes(Bytes(std::llround(value)));
    case QuantityKind::Power:
      return human(Watts(value));
    case QuantityKind::Energy:
      return four_digits(value / 3.6e9) + " MWh";
    case QuantityKind::Count:
    case QuantityKind::MoneyPerEnergy:
    case QuantityKind::CarbonPerEnergy:
    case QuantityKind::MoneyPerHour:
    case QuantityKind::Length:
      break;
  }
  if (key.ends_with("gpu_hours")) return gpu_hours_text(value);
  return value >= 1e4 ? human_count(value) : four_digits(value);
}

}  // namespace orrery
