#include <utility>

#include "models/reference/model.hpp"
#include "sim/random.hpp"

namespace orrery::reference {
namespace {

enum class Kind { Weight, Norm };

/// Collects views in the order in which it is shown tensors; empty ones have no view.
template <class Real>
class TensorList {
 public:
  template <class Tensor>
  void add(std::string name, Tensor& tensor, Kind kind = Kind::Weight) {
    if (tensor.size() == 0) return;
    list_.push_back(
        {std::move(name), Eigen::Map<Vector<Real>>(tensor.data(), tensor.size()), kind != Kind::Norm});
  }

  void add(const std::string& of, AttentionWeights<Real>& w) {
    add(of + "query down", w.query_down);
    add(of + "query norm", w.query_norm, Kind::Norm);
    add(of + "query up", w.query_up);
    add(of + "key-value down", w.key_value_down);
    add(of + "key-value norm", w.key_value_norm, Kind::Norm);
    add(of + "key-value up", w.key_value_up);
    add(of + "query", w.query);
    add(of + "key", w.key);
    add(of + "value", w.value);
    add(of + "attention output", w.output);
  }

  void add(const std::string& of, FfnWeights<Real>& w) {
    add(of + "gate and up", w.gate_up);
    add(of + "down", w.down);
  }

  void add(const std::string& of, MoeWeights<Real>& w) {
    add(of + "gate", w.gate.centroid);
    for (std::size_t e = 0; e < w.expert.size(); ++e)
      add(of + "expert " + std::to_string(e) + " ", w.expert[e]);
    add(of + "shared ", w.shared);
  }

  void add(const std::string& of, BlockWeights<Real>& w) {
    add(of + "attention norm", w.attention_norm, Kind::Norm);
    add(of, w.attention);
    add(of + "network norm", w.network_norm, Kind::Norm);
    add(of + "dense ", w.dense);
    add(of, w.moe);
  }

  void add(const std::string& of, PredictWeights<Real>& w) {
    add(of + "hidden norm", w.hidden_norm, Kind::Norm);
    add(of + "embedding norm", w.embedding_norm, Kind::Norm);
    add(of + "projection", w.projection);
    add(of, w.block);
    add(of + "final norm", w.final_norm, Kind::Norm);
  }

  std::vector<NamedTensor<Real>> taken() { return std::move(list_); }

 private:
  std::vector<NamedTensor<Real>> list_;
};

template <class Real>
AttentionWeights<Real> sized_attention(const ModelShape& shape) {
  AttentionWeights<Real> w;
  const int hidden = shape.hidden, heads = shape.heads;
  if (!shape.latent) {
    w.query.resize(heads * shape.head_dim, hidden);
    w.key.resize(shape.key_value_heads * shape.head_dim, hidden);
    w.value.resize(shape.key_value_heads * shape.head_dim, hidden);
    w.output.resize(hidden, heads * shape.head_dim);
    return w;
  }
  const LatentShape& latent = *shape.latent;
  if (latent.query_rank > 0) {
    w.query_down.resize(latent.query_rank, hidden);
    w.query_norm.resize(latent.query_rank);
  }
  w.query_up.resize(heads * (latent.nope_dim + latent.rope_dim),
                    latent.query_rank > 0 ? latent.query_rank : hidden);
  w.key_value_down.resize(latent.key_value_rank + latent.rope_dim, hidden);
  w.key_value_norm.resize(latent.key_value_rank);
  w.key_value_up.resize(heads * (latent.nope_dim + latent.value_dim), latent.key_value_rank);
  w.output.resize(hidden, heads * latent.value_dim);
  return w;
}

template <class Real>
FfnWeights<Real> sized_network(int hidden, int width) {
  FfnWeights<Real> w;
  w.gate_up.resize(2 * width, hidden);
  w.down.resize(hidden, width);
  return w;
}

template <class Real>
MoeWeights<Real> sized_experts(const ExpertShape& shape, int hidden) {
  MoeWeights<Real> w;
  w.gate.centroid.resize(shape.gate.experts, hidden);
  w.expert.assign(std::size_t(shape.gate.experts), sized_network<Real>(hidden, shape.width));
  if (shape.shared_width > 0) w.shared = sized_network<Real>(hidden, shape.shared_width);
  return w;
}

template <class Real>
BlockWeights<Real> sized_dense_block(const ModelShape& shape) {
  return {Vector<Real>(shape.hidden),
          sized_attention<Real>(shape),
          Vector<Real>(shape.hidden),
          sized_network<Real>(shape.hidden, shape.dense_width),
          {}};
}

template <class Real>
BlockWeights<Real> sized_expert_block(const ModelShape& shape) {
  return {Vector<Real>(shape.hidden),
          sized_attention<Real>(shape),
          Vector<Real>(shape.hidden),
          {},
          sized_experts<Real>(*shape.experts, shape.hidden)};
}

template <class Real>
ModelWeights<Real> sized_model(const ModelShape& shape) {
  ModelWeights<Real> w;
  w.embedding.resize(shape.vocabulary, shape.hidden);
  for (const bool moe : shape.is_moe) {
    w.block.push_back(moe ? sized_expert_block<Real>(shape) : sized_dense_block<Real>(shape));
  }
  w.final_norm.resize(shape.hidden);
  w.head.resize(shape.vocabulary, shape.hidden);
  for (int p = 0; p < shape.predict_layers; ++p) {
    w.predict.push_back({Vector<Real>(shape.hidden), Vector<Real>(shape.hidden),
                         Matrix<Real>(shape.hidden, 2 * shape.hidden),
                         shape.experts ? sized_expert_block<Real>(shape) : sized_dense_block<Real>(shape),
                         Vector<Real>(shape.hidden)});
  }
  return w;
}

}  // namespace

template <class Real>
std::vector<NamedTensor<Real>> tensors_of(ModelWeights<Real>& weights) {
  TensorList<Real> list;
  list.add("embedding", weights.embedding);
  for (std::size_t b = 0; b < weights.block.size(); ++b) {
    list.add("layer " + std::to_string(b) + " ", weights.block[b]);
  }
  list.add("final norm", weights.final_norm, Kind::Norm);
  list.add("head", weights.head);
  for (std::size_t p = 0; p < weights.predict.size(); ++p) {
    list.add("predict " + std::to_string(p) + " ", weights.predict[p]);
  }
  return list.taken();
}

template <class Real>
ModelWeights<Real> initial_weights(const ModelShape& shape, double spread, std::uint64_t seed) {
  ModelWeights<Real> weights = sized_model<Real>(shape);
  for (NamedTensor<Real>& tensor : tensors_of(weights)) {
    if (!tensor.decays) {
      tensor.values.setOnes();
      continue;
    }
    // One stream a tensor, so that a further layer or expert changes nobody else's numbers.
    RandomStream random(seed, {.owner = tensor.name, .purpose = "initial weights"});
    for (Eigen::Index i = 0; i < tensor.values.size(); ++i) {
      tensor.values[i] = Real(float(random.normal() * spread));
    }
  }
  return weights;
}

template <class Real>
ModelWeights<Real> zeros_like(const ModelWeights<Real>& weights) {
  ModelWeights<Real> zeros = weights;
  for (NamedTensor<Real>& tensor : tensors_of(zeros)) tensor.values.setZero();
  return zeros;
}

Biases zero_biases(const ModelShape& shape) {
  Biases biases;
  if (!shape.experts) return biases;
  const SelectionBias none(std::size_t(shape.experts->gate.experts), 0.0);
  for (const bool moe : shape.is_moe) {
    if (moe) biases.push_back(none);
  }
  for (int p = 0; p < shape.predict_layers; ++p) biases.push_back(none);
  return biases;
}

template ModelWeights<float> initial_weights(const ModelShape&, double, std::uint64_t);
template ModelWeights<double> initial_weights(const ModelShape&, double, std::uint64_t);
template ModelWeights<float> zeros_like(const ModelWeights<float>&);
template ModelWeights<double> zeros_like(const ModelWeights<double>&);
template std::vector<NamedTensor<float>> tensors_of(ModelWeights<float>&);
template std::vector<NamedTensor<double>> tensors_of(ModelWeights<double>&);

}  // namespace orrery::reference
