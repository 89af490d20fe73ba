#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/models/transformer/built_in.hpp"

namespace orrery {
namespace {

/// A model written out as its checkpoint would be: every tensor by name, with its shape. Slow, and
/// independent of the formulas.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t size() const {
    std::int64_t product = 1;
    for (const auto extent : shape) product *= extent;
    return product;
  }
};

class Checkpoint {
 public:
  std::vector<Tensor> tensors;

  explicit Checkpoint(const Transformer& model) : m(model) {
    add("model.embed_tokens.weight", {m.vocabulary, m.hidden});
    if (m.learned_positions) add("model.embed_positions.weight", {m.positions, m.hidden});
    for (int i = 0; i < m.layers; ++i)
      layer("model.layers." + std::to_string(i) + ".", m.is_moe[std::size_t(i)]);
    norm("model.norm", m.hidden);
    if (!m.tied_embedding) add("lm_head.weight", {m.vocabulary, m.hidden});
    for (int i = 0; i < m.predict_layers; ++i) {
      const std::string at = "predict." + std::to_string(i) + ".";
      norm(at + "enorm", m.hidden);
      norm(at + "hnorm", m.hidden);
      add(at + "eh_proj.weight", {m.hidden, 2 * m.hidden});
      layer(at, m.is_moe.back());
      norm(at + "shared_head.norm", m.hidden);
    }
  }

 private:
  void add(std::string name, std::vector<std::int64_t> shape) {
    tensors.push_back({std::move(name), std::move(shape)});
  }
  void norm(const std::string& name, std::int64_t width) {
    add(name + ".weight", {width});
    if (m.layer_norm_bias) add(name + ".bias", {width});
  }
  void linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }
  void mlp(const std::string& name, std::int64_t width) {
    if (m.gated) linear(name + ".gate_proj", width, m.hidden, m.all_bias);
    linear(name + ".up_proj", width, m.hidden, m.all_bias);
    linear(name + ".down_proj", m.hidden, width, m.all_bias);
  }
  void latent(const std::string& at, const LatentAttention& a) {
    const int head = a.nope_dim + a.rope_dim;
    if (a.query_rank == 0) {
      add(at + "q_proj.weight", {m.heads * head, m.hidden});
    } else {
      add(at + "q_a_proj.weight", {a.query_rank, m.hidden});
      norm(at + "q_a_layernorm", a.query_rank);
      add(at + "q_b_proj.weight", {m.heads * head, a.query_rank});
    }
    add(at + "kv_a_proj_with_mqa.weight", {a.key_value_rank + a.rope_dim, m.hidden});
    norm(at + "kv_a_layernorm", a.key_value_rank);
    add(at + "kv_b_proj.weight", {m.heads * (a.nope_dim + a.value_dim), a.key_value_rank});
    add(at + "o_proj.weight", {m.hidden, m.heads * a.value_dim});
  }
  void grouped(const std::string& at) {
    linear(at + "q_proj", m.heads * m.head_dim, m.hidden, m.qkv_bias || m.all_bias);
    linear(at + "k_proj", m.key_value_heads * m.head_dim, m.hidden, m.qkv_bias || m.all_bias);
    linear(at + "v_proj", m.key_value_heads * m.head_dim, m.hidden, m.qkv_bias || m.all_bias);
    linear(at + "o_proj", m.hidden, m.heads * m.head_dim, m.output_bias || m.all_bias);
    if (m.query_key_norm) {
      norm(at + "q_norm", m.head_dim);
      norm(at + "k_norm", m.head_dim);
    }
  }
  void layer(const std::string& at, bool moe) {
    norm(at + "input_layernorm", m.hidden);
    norm(at + "post_attention_layernorm", m.hidden);
    if (m.latent)
      latent(at + "self_attn.", *m.latent);
    else
      grouped(at + "self_attn.");
    if (!moe) return mlp(at + "mlp", m.dense_width);
    add(at + "mlp.router.weight", {m.experts->routed, m.hidden});
    if (m.experts->selection_bias) add(at + "mlp.router.e_score_correction_bias", {m.experts->routed});
    for (int e = 0; e < m.experts->routed; ++e)
      mlp(at + "mlp.experts." + std::to_string(e), m.experts->width);
    if (m.experts->shared_width > 0) mlp(at + "mlp.shared_experts", m.experts->shared_width);
    if (m.experts->shared_gate) add(at + "mlp.shared_expert_gate.weight", {1, m.hidden});
  }

  Transformer m;
};

bool has(const std::string& name, std::string_view part) { return name.find(part) != name.npos; }

/// Sums the tensors by their names alone.
ParameterCount sum(const Transformer& model) {
  ParameterCount count;
  for (const Tensor& tensor : Checkpoint(model).tensors) {
    const std::int64_t size = tensor.size();
    if (tensor.name.starts_with("predict.")) {
      count.predict_own += size;
      continue;
    }
    count.total += size;
    const auto experts = tensor.name.find(".experts.");
    if (experts != std::string::npos) count.routed_experts += size;
    // A token visits some experts of a layer; say, the first ones.
    const bool visited =
        experts == std::string::npos || std::stoi(tensor.name.substr(experts + 9)) < model.experts->per_token;
    if (visited) count.activated += size;
    const bool table = has(tensor.name, "embed_tokens");
    if (table) count.embedding = size;
    const bool looked_up = (table && !model.tied_embedding) || has(tensor.name, "embed_positions");
    if (visited && !looked_up) count.activated_no_embedding += size;
  }
  return count;
}

void expect_same(const Transformer& model) {
  const ParameterCount formula = count_parameters(model), listed = sum(model);
  EXPECT_EQ(formula.total, listed.total) << model.name;
  EXPECT_EQ(formula.activated, listed.activated) << model.name;
  EXPECT_EQ(formula.activated_no_embedding, listed.activated_no_embedding) << model.name;
  EXPECT_EQ(formula.predict_own, listed.predict_own) << model.name;
  EXPECT_EQ(formula.routed_experts, listed.routed_experts) << model.name;
  EXPECT_EQ(formula.embedding, listed.embedding) << model.name;
}

TEST(ParameterCount, OfEveryBuiltInModelEqualsAListOfAllItsTensors) {
  for (const auto name : built_in_names) expect_same(built_in(name));
}

TEST(ParameterCount, OfRandomModelsEqualsAListOfAllTheirTensors) {
  std::mt19937_64 random(20250506);
  const auto from = [&](int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  };
  const auto coin = [&] { return from(0, 1) == 1; };
  for (int round = 0; round < 500; ++round) {
    Transformer m;
    m.name = "round " + std::to_string(round);
    m.layers = from(1, 9), m.hidden = from(1, 300), m.heads = from(1, 9), m.head_dim = from(1, 70);
    m.key_value_heads = from(1, m.heads), m.dense_width = from(1, 500), m.vocabulary = from(1, 999);
    m.positions = from(1, 300), m.predict_layers = from(0, 2);
    m.gated = coin(), m.tied_embedding = coin(), m.learned_positions = coin();
    m.qkv_bias = coin(), m.output_bias = coin(), m.layer_norm_bias = coin(), m.query_key_norm = coin();
    if (coin())
      m.latent =
          LatentAttention{from(0, 1) * from(1, 90), from(1, 90), from(1, 30), from(1, 30), from(1, 30)};
    if (coin() && !m.latent) m.all_bias = true;
    for (int i = 0; i < m.layers; ++i) m.is_moe.push_back(false);
    if (coin()) {
      m.experts = Experts{};
      m.experts->routed = from(1, 20), m.experts->per_token = from(1, m.experts->routed);
      m.experts->width = from(1, 90), m.experts->shared_width = from(0, 1) * from(1, 99);
      m.experts->selection_bias = coin(), m.experts->shared_gate = coin();
      for (int i = 0; i < m.layers; ++i) m.is_moe[std::size_t(i)] = coin();
    }
    expect_same(m);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace orrery
