#include <nlohmann/json.hpp>
#include <string>

#include "models/transformer/read_parts.hpp"

namespace orrery {
namespace {

using nlohmann::json;

constexpr ConfigKeys::Names routed_names{"n_routed_experts", "num_experts", "num_local_experts"};
constexpr ConfigKeys::Names per_token_names{"num_experts_per_tok", "experts_per_token",
                                            "n_activated_experts"};
constexpr ConfigKeys::Names expert_width_names{"moe_intermediate_size", "moe_inter_dim"};
constexpr ConfigKeys::Names group_names{"n_group", "n_expert_groups"};
constexpr ConfigKeys::Names chosen_group_names{"topk_group", "n_limited_groups"};
constexpr ConfigKeys::Names scoring_names{"scoring_func", "score_func"};
constexpr Range group_range{1, expert_range.most};

void read_groups(ConfigKeys& keys, Experts& experts) {
  const auto groups = keys.integer(group_names, group_range);
  const auto chosen = groups.value_or(1) > 1 ? keys.required_integer(chosen_group_names, {1, *groups})
                                             : keys.integer(chosen_group_names, group_range);
  const auto method = keys.text({"topk_method"});
  if (method && *method != "greedy" && *method != "group_limited_greedy" && *method != "noaux_tc") {
    keys.refuse_value("topk_method", json(*method), "greedy, group_limited_greedy or noaux_tc");
  }
  if (method) experts.selection_bias = *method == "noaux_tc";
  if (method == "greedy" || groups.value_or(1) == 1) return;  // Greedy looks at no group.

  experts.groups = *groups;
  experts.groups_per_token = chosen.value_or(1);
  if (experts.routed % experts.groups != 0) {
    keys.refuse(keys.spelling(group_names), "found " + std::to_string(experts.groups),
                "a divisor of the " + std::to_string(experts.routed) + " routed experts");
  } else if (chosen && experts.groups_per_token * (experts.routed / experts.groups) < experts.per_token) {
    keys.refuse(keys.spelling(chosen_group_names),
                "found " + std::to_string(*chosen) + " groups, which hold fewer experts than a token visits",
                "enough groups of " + std::to_string(experts.routed / experts.groups) + " experts for " +
                    std::to_string(experts.per_token));
  }
}

void read_shared_experts(ConfigKeys& keys, Experts& experts) {
  const auto count = keys.integer({"n_shared_experts", "num_shared_experts"}, {0, 1024});
  const auto gated_width = keys.integer({"shared_expert_intermediate_size"}, {0, width_range.most});
  const auto plain_width = keys.integer({"moe_shared_expert_intermediate_size"}, {0, width_range.most});
  const auto width = gated_width ? gated_width : plain_width;
  experts.shared_width = width ? *width : count.value_or(0) * experts.width;
  experts.shared_gate = gated_width.value_or(0) > 0;  // Qwen's: the only family with this key.
  if (width && count && *count > 1) {
    keys.refuse("n_shared_experts", "found " + std::to_string(*count) + " beside a width of their own",
                "one of the two: the width of all shared experts together is ambiguous");
  }
}

}  // namespace

std::optional<Experts> read_experts(ConfigKeys& keys, const Family& family, int dense_width) {
  const int routed = keys.integer(routed_names, expert_range).value_or(0);
  if (routed == 0) return std::nullopt;
  Experts experts;
  experts.routed = routed;
  experts.per_token = keys.required_integer(per_token_names, {1, routed}).value_or(1);
  const auto own_width = keys.integer(expert_width_names, width_range);  // Mixtral's have the dense width.
  experts.width = own_width.value_or(dense_width);
  if (experts.width == 0) keys.required_integer(expert_width_names, width_range);

  experts.sigmoid = family.sigmoid_router;
  if (const auto scoring = keys.text(scoring_names)) {
    experts.sigmoid = *scoring == "sigmoid";
    if (*scoring != "sigmoid" && *scoring != "softmax") {
      keys.refuse_value(keys.spelling(scoring_names), json(*scoring), "softmax or sigmoid");
    }
  }
  // DeepSeek's own files have no topk_method, and its code adds the bias where its models score by sigmoid.
  experts.selection_bias = family.sigmoid_router || (keys.find("dim") && experts.sigmoid);
  read_groups(keys, experts);
  read_shared_experts(keys, experts);
  return experts;
}

}  // namespace orrery
