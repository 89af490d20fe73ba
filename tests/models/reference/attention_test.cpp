#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "attention_sample.hpp"
#include "gradient_check.hpp"
#include "models/reference/scaling.hpp"

namespace orrery::reference {
namespace {

TEST(Attention, GradientsAreCentralDifferencesForEveryKindAndSeed) {
  for (const auto& [kind, name] : layer_kinds) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      RandomStream random(seed, {.owner = "test", .purpose = "attention gradient"});
      const ModelShape shape = any_layer(kind, random);
      const int length = int(2 + random.below(4)), sequences = int(1 + random.below(2));
      Matrix<double> x = layer_matrix<double>(random, sequences * length, shape.hidden);
      const Matrix<double> d_y = layer_matrix<double>(random, sequences * length, shape.hidden);
      AttentionWeights<double> w = layer_weights<double>(shape, random);
      const LayerRun<double> run = layer_run(x, w, shape, length, d_y, full_numerics);
      const auto loss = [&] {
        Ledger ledger;
        AttentionKept<double> kept;
        const Context context{full_numerics, {}, ledger};
        return attention_forward(x, w, shape, length, context, kept).cwiseProduct(d_y).sum();
      };
      ASSERT_LE(gradient_error(x, run.d_x, loss), 1e-6) << name << ", x, seed " << seed;
      each_layer_tensor(w, run.d_w, [&](const char* tensor, auto& values, const auto& analytic) {
        ASSERT_LE(gradient_error(values, analytic, loss), 1e-6)
            << name << ", " << tensor << ", seed " << seed;
      });
    }
  }
}

TEST(Attention, AddsItsWeightGradientsToWhatIsThere) {
  for (const auto& [kind, name] : layer_kinds) {
    RandomStream random(1, {.owner = "test", .purpose = "adds"});
    const ModelShape shape = small_layer(kind);
    const Matrix<double> x = layer_matrix<double>(random, 20, shape.hidden);
    const auto w = layer_weights<double>(shape, random);
    const LayerRun<double> run = layer_run(x, w, shape, 10, x, full_numerics);
    AttentionWeights<double> twice = run.d_w;
    AttentionKept<double> kept = run.kept;
    kept.x = x;
    Ledger ledger;
    attention_backward(x, kept, w, shape, 10, {full_numerics, {}, ledger}, twice);
    each_layer_tensor(twice, run.d_w, [&, &kind_name = name](const char* tensor, auto& a, const auto& b) {
      EXPECT_GT(b.norm(), 0) << kind_name << ", " << tensor;
      EXPECT_LE((a - 2 * b).norm(), 1e-12 * b.norm()) << kind_name << ", " << tensor;
    });
  }
}

/// The definition of MLA token by token and head by head, with the rotation as complex multiplication.
Matrix<double> plain_latent(const Matrix<double>& x, const AttentionWeights<double>& w,
                            const ModelShape& shape, int length) {
  const LatentShape& l = *shape.latent;
  const auto norm = [&](const Eigen::VectorXd& v, const Vector<double>& weight) -> Eigen::VectorXd {
    const double size = std::sqrt(v.squaredNorm() / double(v.size()) + shape.norm_epsilon);
    return v.cwiseProduct(weight.transpose()) / size;
  };
  const auto turned = [&](Eigen::VectorXd v, int position) {
    for (int i = 0; i < l.rope_dim / 2; ++i) {
      const double angle = position * std::pow(shape.rotary.base, -2.0 * i / l.rope_dim);
      const double re = v(2 * i), im = v(2 * i + 1);
      v(2 * i) = re * std::cos(angle) - im * std::sin(angle);
      v(2 * i + 1) = re * std::sin(angle) + im * std::cos(angle);
    }
    return v;
  };
  const int key_dim = l.nope_dim + l.rope_dim;
  Matrix<double> mixed(x.rows(), shape.heads * l.value_dim);
  for (int first = 0; first < x.rows(); first += length) {
    std::vector<Eigen::VectorXd> query, latent, rotary_key;
    for (int t = 0; t < length; ++t) {
      const Eigen::VectorXd token = x.row(first + t);
      query.push_back(w.query_up * (l.query_rank > 0 ? norm(w.query_down * token, w.query_norm) : token));
      const Eigen::VectorXd down = w.key_value_down * token;
      latent.push_back(w.key_value_up * norm(down.head(l.key_value_rank), w.key_value_norm));
      rotary_key.push_back(turned(down.tail(l.rope_dim), t));
    }
    for (int h = 0; h < shape.heads; ++h) {
      for (int t = 0; t < length; ++t) {
        const Eigen::VectorXd q = query[std::size_t(t)].segment(h * key_dim, key_dim);
        Eigen::VectorXd weight(t + 1);
        for (int s = 0; s <= t; ++s) {
          const auto key = latent[std::size_t(s)].segment(h * (l.nope_dim + l.value_dim), l.nope_dim);
          const double score =
              q.head(l.nope_dim).dot(key) + turned(q.tail(l.rope_dim), t).dot(rotary_key[std::size_t(s)]);
          weight(s) = std::exp(score / std::sqrt(double(key_dim)));
        }
        weight /= weight.sum();
        Eigen::VectorXd sum = Eigen::VectorXd::Zero(l.value_dim);
        for (int s = 0; s <= t; ++s) {
          sum += weight(s) *
                 latent[std::size_t(s)].segment(h * (l.nope_dim + l.value_dim) + l.nope_dim, l.value_dim);
        }
        mixed.row(first + t).segment(h * l.value_dim, l.value_dim) = sum;
      }
    }
  }
  return mixed * w.output.transpose();
}

TEST(Attention, LatentAttentionIsItsDefinitionTokenByToken) {
  for (const LayerKind kind : {LayerKind::Compressed, LayerKind::Uncompressed}) {
    RandomStream random(2, {.owner = "test", .purpose = "definition"});
    const ModelShape shape = small_layer(kind);
    const Matrix<double> x = layer_matrix<double>(random, 2 * 75, shape.hidden);
    const auto w = layer_weights<double>(shape, random);
    const Matrix<double> expected = plain_latent(x, w, shape, 75);
    const LayerRun<double> run = layer_run(x, w, shape, 75, x, full_numerics);
    EXPECT_LE((run.y - expected).norm(), 1e-13 * expected.norm());
  }
}

// YaRN multiplies the scale, so it makes a softmax sharper; V3's numbers: 192^-1/2 * 1.8738543 = 0.1352337.
TEST(Attention, TheScaleIsThatOfDeepSeekV3) {
  ModelShape shape;
  shape.heads = 128;
  shape.latent = LatentShape{1536, 512, 128, 64, 128};
  EXPECT_NEAR(core_shape(shape, 4096).scale, 1 / std::sqrt(192.0), 1e-15);
  shape.rotary.factor = 40;
  EXPECT_NEAR(core_shape(shape, 4096).scale, 0.1352338, 2e-7);
  EXPECT_EQ(core_shape(shape, 4096).key_dim, 192);
  EXPECT_EQ(core_shape(shape, 4096).value_dim, 128);
  EXPECT_EQ(core_shape(shape, 4096).key_value_heads, 128);
}

template <class Real>
void expect_same_bits_recomputed(const Numerics& numerics, const std::string& what) {
  for (const auto& [kind, name] : layer_kinds) {
    RandomStream random(3, {.owner = "test", .purpose = "recompute"});
    const ModelShape shape = small_layer(kind);
    const Matrix<Real> x = layer_matrix<Real>(random, 150, shape.hidden);
    const Matrix<Real> d_y = layer_matrix<Real>(random, 150, shape.hidden);
    const auto w = layer_weights<Real>(shape, random);
    const LayerRun<Real> kept = layer_run(x, w, shape, 75, d_y, numerics);
    for (const Recompute recompute : {Recompute{.norm = true}, Recompute{.up_projection = true},
                                      Recompute{.norm = true, .up_projection = true}}) {
      LayerRun<Real> again = layer_run(x, w, shape, 75, d_y, numerics, recompute);
      EXPECT_EQ(again.y, kept.y) << what << ", " << name;
      EXPECT_EQ(again.d_x, kept.d_x) << what << ", " << name;
      each_layer_tensor(again.d_w, kept.d_w,
                        [&, &kind_name = name](const char* tensor, auto& a, const auto& b) {
                          EXPECT_EQ(a, b) << what << ", " << kind_name << ", " << tensor;
                          EXPECT_TRUE(a.allFinite()) << what << ", " << kind_name << ", " << tensor;
                        });
      if (kind == LayerKind::Grouped) continue;
      EXPECT_EQ(again.kept.key_value_normed.size(), 0);
      EXPECT_EQ(again.kept.keys.size() == 0, recompute.up_projection);
      EXPECT_EQ(again.kept.values.size() == 0, recompute.up_projection);
      EXPECT_EQ(again.kept.queries.size() == 0, recompute.up_projection && kind == LayerKind::Compressed);
    }
  }
}

TEST(Attention, RecomputationChangesNoBitOfAnyGradient) {
  expect_same_bits_recomputed<double>(full_numerics, "double");
  expect_same_bits_recomputed<float>(full_numerics, "float");
  expect_same_bits_recomputed<float>(bf16_numerics, "BF16");
  expect_same_bits_recomputed<float>(fp8_numerics, "FP8");
}

TEST(Attention, TheFp8RecipeKeepsTheOutputProjectionsInputInE5M6) {
  RandomStream random(7, {.owner = "test", .purpose = "e5m6"});
  const ModelShape shape = small_layer(LayerKind::Compressed);
  const Matrix<float> x = layer_matrix<float>(random, 150, shape.hidden);
  const auto w = layer_weights<float>(shape, random);
  const Matrix<float> mixed = layer_run(x, w, shape, 75, x, fp8_numerics).kept.mixed;
  EXPECT_EQ(quantised(mixed, e5m6, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo), mixed);
  const Matrix<float> finer = layer_run(x, w, shape, 75, x, bf16_numerics).kept.mixed;
  EXPECT_NE(quantised(finer, e5m6, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo), finer);
}

// BF16 moves each operand by up to 0.2 %, E4M3 by up to 3 %; some products and sums later the gradients of
// the layer are as far off, and not exact either.
TEST(Attention, PrecisionsComeOutAsFarApartAsTheirRoundings) {
  for (const auto& [kind, name] : layer_kinds) {
    RandomStream random(8, {.owner = "test", .purpose = "precision"});
    const ModelShape shape = small_layer(kind);
    const Matrix<float> x = layer_matrix<float>(random, 150, shape.hidden);
    const Matrix<float> d_y = layer_matrix<float>(random, 150, shape.hidden);
    const auto w = layer_weights<float>(shape, random);
    const LayerRun<float> exact = layer_run(x, w, shape, 75, d_y, full_numerics);
    const auto off = [](const Matrix<float>& a, const Matrix<float>& b) { return (a - b).norm() / b.norm(); };
    for (const auto& [numerics, least, most] :
         {std::tuple{bf16_numerics, 1e-3f, 2e-2f}, std::tuple{fp8_numerics, 2e-2f, 2e-1f}}) {
      const LayerRun<float> run = layer_run(x, w, shape, 75, d_y, numerics);
      for (const float one :
           {off(run.y, exact.y), off(run.d_x, exact.d_x), off(run.d_w.output, exact.d_w.output)}) {
        EXPECT_GE(one, least) << name;
        EXPECT_LE(one, most) << name;
      }
    }
  }
}

// FP8 shares scales within a token (tiles along the row) or with the weights, never with later tokens.
TEST(Attention, ALaterTokenChangesNoEarlierBit) {
  for (const auto& [kind, name] : layer_kinds) {
    for (const Numerics& numerics : {full_numerics, bf16_numerics, fp8_numerics}) {
      RandomStream random(9, {.owner = "test", .purpose = "causal layer"});
      const ModelShape shape = small_layer(kind);
      const Matrix<float> before = layer_matrix<float>(random, 150, shape.hidden);
      const auto w = layer_weights<float>(shape, random);
      for (const int changed : {0, 1, 31, 32, 64, 74}) {
        Matrix<float> after = before;
        after.row(changed).array() += 2;
        const Matrix<float> a = layer_run(before, w, shape, 75, before, numerics).y;
        const Matrix<float> b = layer_run(after, w, shape, 75, before, numerics).y;
        EXPECT_EQ(a.topRows(changed), b.topRows(changed)) << name;
        EXPECT_EQ(a.bottomRows(75), b.bottomRows(75)) << name;
        EXPECT_NE(a.row(changed), b.row(changed)) << name;
      }
    }
  }
}

}  // namespace
}  // namespace orrery::reference
