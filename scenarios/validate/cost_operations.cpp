#include "scenarios/validate/cost_operations.hpp"

namespace orrery {

using reference::Operation;
using reference::Pass;

namespace {

constexpr ProductRow query_down{Operation::QueryDown, "query down", {"q_down", ""}};
constexpr ProductRow query_up{Operation::QueryUp, "query up", {"q_up", "q"}};
constexpr ProductRow key_value_down{Operation::KeyValueDown, "key-value down", {"kv_down", ""}};
constexpr ProductRow key_value_up{Operation::KeyValueUp, "key-value up", {"kv_up", ""}};
constexpr ProductRow query_key_value{Operation::QueryKeyValue, "query, key, value", {"qkv", ""}};
constexpr ProductRow output{Operation::AttentionOutput, "attention output", {"o_proj", ""}};

constexpr ProductRow dense_products[] = {query_down,
                                         query_up,
                                         key_value_down,
                                         key_value_up,
                                         query_key_value,
                                         output,
                                         {Operation::DenseUp, "network up", {"ffn up", ""}},
                                         {Operation::DenseDown, "network down", {"ffn down", ""}}};
constexpr ProductRow moe_products[] = {query_down,
                                       query_up,
                                       key_value_down,
                                       key_value_up,
                                       query_key_value,
                                       output,
                                       {Operation::Gate, "gate", {"router", ""}},
                                       {Operation::SharedUp, "shared expert up", {"ffn up", ""}},
                                       {Operation::SharedDown, "shared expert down", {"ffn down", ""}},
                                       {Operation::ExpertUp, "routed experts up", {"experts up", ""}},
                                       {Operation::ExpertDown, "routed experts down", {"experts down", ""}}};
constexpr ProductRow predict_products[] = {{Operation::PredictProjection, "projection", {"projection", ""}}};
constexpr ProductRow head_products[] = {{Operation::Head, "head", {"head", ""}}};

}  // namespace

std::span<const ProductRow> products_of(BlockKind kind) {
  switch (kind) {
    case BlockKind::Dense:
      return dense_products;
    case BlockKind::Moe:
      return moe_products;
    case BlockKind::Predict:
      return predict_products;
    case BlockKind::Head:
      return head_products;
    case BlockKind::Embedding:
      break;
  }
  return {};
}

std::optional<Pass> pass_of(const KernelCall& call, Segment segment, const ProductRow& row) {
  for (const std::string_view name : row.calls) {
    if (name.empty() || !call.name.starts_with(name)) continue;
    const std::string_view rest = call.name.substr(name.size());
    if (rest == " input gradient") return Pass::InputGradient;
    if (rest == " weight gradient") return Pass::WeightGradient;
    if (!rest.empty()) continue;
    const bool forward = segment == Segment::AttentionForward || segment == Segment::FfnForward;
    return forward ? Pass::Forward : Pass::Recompute;
  }
  return std::nullopt;
}

std::string_view pass_letter(Pass pass) {
  switch (pass) {
    case Pass::Forward:
      return "F";
    case Pass::InputGradient:
      return "B";
    case Pass::WeightGradient:
      return "W";
    case Pass::Recompute:
      return "R";
    case Pass::Count:
      break;
  }
  return "";
}

}  // namespace orrery
