#include "models/reference/gated_ffn.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/reference/number_format.hpp"
#include "models/reference/product.hpp"
#include "models/reference/scaling.hpp"
#include "tests/models/reference/gradient_check.hpp"
#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

template <class Real>
FfnWeights<Real> any_weights(RandomStream& random, int hidden, int width) {
  return {any_matrix<Real>(random, 2 * width, hidden), any_matrix<Real>(random, hidden, width)};
}
template <class Real>
FfnWeights<Real> zeros_like(const FfnWeights<Real>& w) {
  return {Matrix<Real>::Zero(w.gate_up.rows(), w.gate_up.cols()),
          Matrix<Real>::Zero(w.down.rows(), w.down.cols())};
}

TEST(GatedFfn, IsThePlainLoop) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "ffn"});
    const int tokens = any_size(random, 1, 9), hidden = any_size(random, 1, 20),
              width = any_size(random, 1, 20);
    const Matrix<double> x = any_matrix<double>(random, tokens, hidden);
    const FfnWeights<double> w = any_weights<double>(random, hidden, width);
    Ledger ledger;
    FfnKept<double> kept;
    const Matrix<double> y = ffn_forward(x, w, expert_ffn_names, {full_numerics, {}, ledger}, kept);
    for (Index token = 0; token < tokens; ++token) {
      for (Index h = 0; h < hidden; ++h) {
        double wanted = 0;
        for (Index i = 0; i < width; ++i) {
          double gate = 0, up = 0;
          for (Index k = 0; k < hidden; ++k) gate += x(token, k) * w.gate_up(i, k);
          for (Index k = 0; k < hidden; ++k) up += x(token, k) * w.gate_up(width + i, k);
          wanted += gate / (1 + std::exp(-gate)) * up * w.down(h, i);
        }
        // At most 20 terms of at most 20 x 20: some 1e-16 x 8,000.
        ASSERT_NEAR(y(token, h), wanted, 1e-12) << "seed " << seed;
      }
    }
  }
}

TEST(GatedFfn, GradientsAreCentralDifferences) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "ffn gradient"});
    const int tokens = any_size(random, 3, 9), hidden = any_size(random, 2, 12),
              width = any_size(random, 2, 12);
    Matrix<double> x = any_matrix<double>(random, tokens, hidden);
    FfnWeights<double> w = any_weights<double>(random, hidden, width);
    const Matrix<double> d_y = any_matrix<double>(random, tokens, hidden);
    Ledger ledger;
    const Context context{full_numerics, {.activation = seed % 2 == 1}, ledger};
    FfnKept<double> kept, unused;
    const auto loss = [&] {
      return ffn_forward(x, w, expert_ffn_names, context, unused).cwiseProduct(d_y).sum();
    };
    ffn_forward(x, w, expert_ffn_names, context, kept);
    FfnWeights<double> d_w = zeros_like(w);
    const Matrix<double> d_x = ffn_backward(d_y, kept, w, expert_ffn_names, context, d_w);
    ASSERT_LE(gradient_error(x, d_x, loss), 1e-6) << "seed " << seed;
    ASSERT_LE(gradient_error(w.gate_up, d_w.gate_up, loss), 1e-6) << "seed " << seed;
    ASSERT_LE(gradient_error(w.down, d_w.down, loss), 1e-6) << "seed " << seed;
  }
}

const Numerics every_numerics[] = {full_numerics, bf16_numerics, fp8_numerics};

TEST(GatedFfn, RecomputedHasTheSameBits) {
  for (const Numerics& numerics : every_numerics) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RandomStream random(seed, {.owner = "test", .purpose = "ffn recompute"});
      const int tokens = any_size(random, 1, 150), hidden = any_size(random, 1, 150),
                width = any_size(random, 1, 150);
      const Matrix<float> x = any_matrix<float>(random, tokens, hidden);
      const FfnWeights<float> w = any_weights<float>(random, hidden, width);
      const Matrix<float> d_y = any_matrix<float>(random, tokens, hidden);
      Ledger ledger, other;
      const Context keeping{numerics, {}, ledger}, again{numerics, {.activation = true}, other};
      FfnKept<float> kept, less;
      EXPECT_EQ(ffn_forward(x, w, expert_ffn_names, keeping, kept),
                ffn_forward(x, w, expert_ffn_names, again, less));
      EXPECT_EQ(less.activated.size(), 0);
      FfnWeights<float> d_w = zeros_like(w), d_w_again = zeros_like(w);
      EXPECT_EQ(ffn_backward(d_y, kept, w, expert_ffn_names, keeping, d_w),
                ffn_backward(d_y, less, w, expert_ffn_names, again, d_w_again));
      EXPECT_EQ(d_w.gate_up, d_w_again.gate_up);
      EXPECT_EQ(d_w.down, d_w_again.down);
      EXPECT_FALSE(d_w.down.array().isNaN().any());
      EXPECT_EQ(ledger.at(Operation::ExpertActivation, Pass::Recompute).bytes_read, 0u);
      EXPECT_EQ(other.at(Operation::ExpertActivation, Pass::Recompute).bytes_read,
                other.at(Operation::ExpertActivation, Pass::Forward).bytes_read);
    }
  }
}

TEST(GatedFfn, GoesOnWithWhatItStored) {
  RandomStream random(4, {.owner = "test", .purpose = "ffn stored"});
  const Matrix<float> x = any_matrix<float>(random, 7, 200);
  const FfnWeights<float> w = any_weights<float>(random, 200, 96);
  Ledger ledger;
  FfnKept<float> full, bf16_kept, fp8_kept;
  ffn_forward(x, w, expert_ffn_names, {full_numerics, {}, ledger}, full);
  ffn_forward(x, w, expert_ffn_names, {bf16_numerics, {}, ledger}, bf16_kept);
  ffn_forward(x, w, expert_ffn_names, {fp8_numerics, {}, ledger}, fp8_kept);
  for (const float value : bf16_kept.gate_up.reshaped()) EXPECT_EQ(value, rounded(bf16, value));
  for (const float value : bf16_kept.activated.reshaped()) EXPECT_EQ(value, rounded(bf16, value));
  for (const float value : fp8_kept.activated.reshaped()) EXPECT_EQ(value, rounded(bf16, value));
  const Matrix<float> before =
      product_forward(x, w.gate_up, Precision::Fp8, Operation::ExpertUp, {fp8_numerics, {}, ledger});
  EXPECT_EQ(fp8_kept.gate_up, quantised(before, e4m3, Scaling::Tile, Along::Columns, ScaleValue::Exact));
  // E4M3 has a step of 1/8 to 1/16 of the value; its operands were rounded likewise, and errors of many terms
  // add up like their root.
  const double miss = (fp8_kept.gate_up - full.gate_up).norm() / full.gate_up.norm();
  EXPECT_GT(miss, 0.005);
  EXPECT_LT(miss, 0.1);
  for (const FfnKept<float>* kept : {&full, &bf16_kept, &fp8_kept}) {
    double error = 0;
    for (Index i = 0; i < kept->activated.rows(); ++i) {
      for (Index j = 0; j < 96; ++j) {
        const double gate = kept->gate_up(i, j), up = kept->gate_up(i, 96 + j);
        const double wanted = gate / (1 + std::exp(-gate)) * up;
        // Half of BF16's step: 2^-8 of the value; and a few roundings of float.
        const double miss_here = std::abs(double(kept->activated(i, j)) - wanted) / std::abs(wanted);
        ASSERT_FALSE(std::isnan(miss_here));
        error = std::max(error, miss_here);
      }
    }
    EXPECT_LE(error, kept == &full ? 8 * 0x1p-24 : 0x1.01p-8);
  }
}

TEST(GatedFfn, BooksProductsAndWhatItKeeps) {
  // 6 tokens, hidden 10, width 4.
  RandomStream random(5, {.owner = "test", .purpose = "ffn books"});
  const Matrix<float> x = any_matrix<float>(random, 6, 10), d_y = any_matrix<float>(random, 6, 10);
  const FfnWeights<float> w = any_weights<float>(random, 10, 4);
  const double element[] = {4, 2, 1 + 4.0 / 128};
  for (int n = 0; n < 3; ++n) {
    Ledger ledger;
    const Context context{every_numerics[n], {}, ledger};
    FfnKept<float> kept;
    FfnWeights<float> d_w = zeros_like(w);
    ffn_forward(x, w, expert_ffn_names, context, kept);
    ffn_backward(d_y, kept, w, expert_ffn_names, context, d_w);
    for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient}) {
      EXPECT_EQ(ledger.at(Operation::ExpertUp, pass).multiply_adds, 6u * 10 * 8);
      EXPECT_EQ(ledger.at(Operation::ExpertDown, pass).multiply_adds, 6u * 4 * 10);
      EXPECT_EQ(ledger.at(Operation::ExpertActivation, pass).multiply_adds, 0u);
    }
    // SwiGLU reads 6 x 8 elements and writes 6 x 4.
    EXPECT_EQ(ledger.at(Operation::ExpertActivation, Pass::Forward).bytes_read,
              std::uint64_t(48 * element[n]));
    EXPECT_EQ(ledger.at(Operation::ExpertActivation, Pass::Forward).bytes_written,
              std::uint64_t(24 * element[n]));
    EXPECT_EQ(ledger.kept(KeptTensor::ExpertInput), 60 * element[n]);
    EXPECT_EQ(ledger.kept(KeptTensor::ExpertGateUp), 48 * element[n]);
    EXPECT_EQ(ledger.kept(KeptTensor::ExpertActivated), 24 * element[n]);
  }
}

TEST(GatedFfn, LeavesANormsOutputToTheCaller) {
  RandomStream random(6, {.owner = "test", .purpose = "ffn shared"});
  const Matrix<float> x = any_matrix<float>(random, 6, 10), d_y = any_matrix<float>(random, 6, 10);
  const FfnWeights<float> w = any_weights<float>(random, 10, 4);
  Ledger ledger;
  const Context context{full_numerics, {.activation = true}, ledger};
  FfnKept<float> kept, expert;
  EXPECT_EQ(ffn_forward(x, w, shared_ffn_names, context, kept),
            ffn_forward(x, w, expert_ffn_names, context, expert));
  EXPECT_EQ(kept.x.size(), 0);
  EXPECT_EQ(expert.x, x);
  EXPECT_EQ(ledger.kept(KeptTensor::NormOutput), 0);
  EXPECT_EQ(ledger.kept(KeptTensor::SharedGateUp), 6 * 8 * 4);
  EXPECT_EQ(ledger.kept(KeptTensor::SharedActivated), 0);
  FfnWeights<float> d_w = zeros_like(w), d_w_expert = zeros_like(w);
  EXPECT_EQ(ffn_backward(d_y, x, kept, w, shared_ffn_names, context, d_w),
            ffn_backward(d_y, expert, w, expert_ffn_names, context, d_w_expert));
  EXPECT_EQ(d_w.gate_up, d_w_expert.gate_up);
}

TEST(GatedFfn, OfNoRowsIsEmpty) {
  RandomStream random(7, {.owner = "test", .purpose = "ffn empty"});
  const FfnWeights<float> w = any_weights<float>(random, 10, 4);
  const Matrix<float> none(0, 10);
  for (const Numerics& numerics : every_numerics) {
    Ledger ledger;
    const Context context{numerics, {}, ledger};
    FfnKept<float> kept;
    EXPECT_EQ(ffn_forward(none, w, expert_ffn_names, context, kept).rows(), 0);
    FfnWeights<float> d_w = zeros_like(w);
    EXPECT_EQ(ffn_backward(none, kept, w, expert_ffn_names, context, d_w).rows(), 0);
    EXPECT_EQ(d_w.gate_up, zeros_like(w).gate_up);
  }
}

TEST(GatedFfn, LetsWhatIsNotANumberThroughAndStandsLargeGates) {
  Matrix<float> x(3, 1);
  x << 200, -200, std::numeric_limits<float>::quiet_NaN();
  FfnWeights<float> w{Matrix<float>::Ones(2, 1), Matrix<float>::Ones(1, 1)};
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  FfnKept<float> kept;
  const Matrix<float> y = ffn_forward(x, w, expert_ffn_names, context, kept);
  EXPECT_EQ(y(0, 0), 40'000);      // silu(200) is 200.
  EXPECT_NEAR(y(1, 0), 0, 1e-30);  // silu(-200) is -200 e^-200.
  EXPECT_TRUE(std::isnan(y(2, 0)));
  FfnWeights<float> d_w = zeros_like(w);
  const Matrix<float> d_x =
      ffn_backward({Matrix<float>::Ones(3, 1)}, kept, w, expert_ffn_names, context, d_w);
  EXPECT_EQ(d_x(0, 0), 400);
  EXPECT_NEAR(d_x(1, 0), 0, 1e-30);
  EXPECT_TRUE(std::isnan(d_x(2, 0)));
}

}  // namespace
}  // namespace orrery::reference
