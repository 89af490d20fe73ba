#include "models/reference/norm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "models/reference/number_format.hpp"
#include "tests/models/reference/gradient_check.hpp"
#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

TEST(Norm, DividesARowByItsRootMeanSquare) {
  // Mean of squares of (3, 4, 0, 0) is 25 / 4, its root 2.5.
  Matrix<double> x(1, 4);
  x << 3, 4, 0, 0;
  Vector<double> weight(4);
  weight << 1, 10, 1, 1;
  Ledger ledger;
  const Matrix<double> y = norm_forward(x, weight, 0, {full_numerics, {}, ledger});
  EXPECT_DOUBLE_EQ(y(0, 0), 1.2);
  EXPECT_DOUBLE_EQ(y(0, 1), 16);
  EXPECT_EQ(y(0, 2), 0);
}

TEST(Norm, IsThePlainLoop) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "norm"});
    const int tokens = any_size(random, 1, 9), width = any_size(random, 1, 200);
    const Matrix<float> x = any_matrix<float>(random, tokens, width);
    const Vector<float> weight = any_vector<float>(random, width);
    Ledger ledger;
    const Matrix<float> y = norm_forward(x, weight, 1e-6, {full_numerics, {}, ledger});
    for (Index row = 0; row < tokens; ++row) {
      double squares = 0;
      for (Index i = 0; i < width; ++i) squares += double(x(row, i)) * double(x(row, i));
      const double size = std::sqrt(squares / width + 1e-6);
      for (Index i = 0; i < width; ++i) {
        const double wanted = double(x(row, i)) * double(weight[i]) / size;
        // A sum of at most 200 / 8 + 8 squares in a lane, halved by the root, and four more roundings.
        ASSERT_LE(std::abs(double(y(row, i)) - wanted), 21 * 0x1p-24 * std::abs(wanted)) << "seed " << seed;
      }
    }
  }
}

TEST(Norm, OfARowDoesNotDependOnItsPlace) {
  RandomStream random(1, {.owner = "test", .purpose = "norm place"});
  const Matrix<float> x = any_matrix<float>(random, 9, 37);
  const Vector<float> weight = any_vector<float>(random, 37);
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  const Matrix<float> y = norm_forward(x, weight, 1e-6, context);
  for (Index row = 0; row < 9; ++row) {
    const Matrix<float> alone = x.row(row);
    EXPECT_EQ(norm_forward(alone, weight, 1e-6, context), y.row(row));
  }
}

TEST(Norm, GradientsAreCentralDifferences) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "norm gradient"});
    const int tokens = any_size(random, 3, 9), width = any_size(random, 2, 12);
    Matrix<double> x = any_matrix<double>(random, tokens, width);
    Vector<double> weight = any_vector<double>(random, width);
    const Matrix<double> d_y = any_matrix<double>(random, tokens, width);
    // Large enough that rows near 0 do not bend more than central differences can follow.
    const double epsilon = 0.01;
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const auto loss = [&] { return norm_forward(x, weight, epsilon, context).cwiseProduct(d_y).sum(); };
    Vector<double> d_weight = Vector<double>::Zero(width);
    const Matrix<double> d_x = norm_backward(d_y, x, weight, epsilon, context, d_weight);
    ASSERT_LE(gradient_error(x, d_x, loss), 1e-6) << "seed " << seed;
    ASSERT_LE(gradient_error(weight, d_weight, loss), 1e-6) << "seed " << seed;
  }
}

TEST(Norm, AddsToTheGradientOfItsWeight) {
  RandomStream random(2, {.owner = "test", .purpose = "norm sum"});
  const Matrix<double> x = any_matrix<double>(random, 4, 6), d_y = any_matrix<double>(random, 4, 6);
  const Vector<double> weight = any_vector<double>(random, 6);
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  Vector<double> once = Vector<double>::Zero(6), on_top = Vector<double>::Constant(6, 8);
  norm_backward(d_y, x, weight, 1e-6, context, once);
  norm_backward(d_y, x, weight, 1e-6, context, on_top);
  EXPECT_LE((on_top - once - Vector<double>::Constant(6, 8)).norm(), 1e-13);
}

TEST(Norm, StoresBf16AndCountsItsRows) {
  RandomStream random(3, {.owner = "test", .purpose = "norm bytes"});
  const Matrix<float> x = any_matrix<float>(random, 5, 24), d_y = any_matrix<float>(random, 5, 24);
  const Vector<float> weight = any_vector<float>(random, 24);
  Vector<float> d_weight = Vector<float>::Zero(24);
  Ledger ledger, full_ledger;
  const Context context{bf16_numerics, {}, ledger};
  const Matrix<float> y = norm_forward(x, weight, 1e-6, context, Pass::Recompute);
  const Matrix<float> full = norm_forward(x, weight, 1e-6, {full_numerics, {}, full_ledger});
  for (Index i = 0; i < y.size(); ++i) EXPECT_EQ(y.data()[i], rounded(bf16, full.data()[i]));
  const Matrix<float> d_x = norm_backward(d_y, x, weight, 1e-6, context, d_weight);
  for (const float value : d_x.reshaped()) EXPECT_EQ(value, rounded(bf16, value));

  // 5 x 24 elements at 2 bytes: 240; the weight, 24 at 4 bytes: 96.
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::Recompute).bytes_read, 240u + 96);
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::Recompute).bytes_written, 240u);
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::Forward).bytes_read, 0u);
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::InputGradient).bytes_read, 2 * 240u + 96);
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::InputGradient).bytes_written, 240u);
  EXPECT_EQ(ledger.at(Operation::Norm, Pass::WeightGradient).bytes_written, 96u);
  EXPECT_EQ(full_ledger.at(Operation::Norm, Pass::Forward).bytes_written, 480u);
}

TEST(Norm, LetsWhatIsNotANumberThrough) {
  Matrix<double> x = Matrix<double>::Ones(2, 19);
  x(1, 18) = std::numeric_limits<double>::quiet_NaN();
  Vector<double> weight = Vector<double>::Ones(19);
  Ledger ledger;
  const Context context{full_numerics, {}, ledger};
  const Matrix<double> y = norm_forward(x, weight, 1e-6, context);
  EXPECT_TRUE(y.row(1).array().isNaN().all());
  EXPECT_FALSE(y.row(0).array().isNaN().any());
  Vector<double> d_weight = Vector<double>::Zero(19);
  const Matrix<double> d_x = norm_backward(y, x, weight, 1e-6, context, d_weight);
  EXPECT_FALSE(gradient_error(x, d_x, [&] { return norm_forward(x, weight, 1e-6, context).sum(); }) <= 1e-6);
}

}  // namespace
}  // namespace orrery::reference
