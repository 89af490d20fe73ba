#include "models/reference/product.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "models/reference/number_format.hpp"
#include "models/reference/scaling.hpp"
#include "tests/models/reference/gradient_check.hpp"
#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// a [rows, depth] b [depth, columns] by the definition, in double, with the multiply-adds that it made.
struct Plain {
  Matrix<double> value, size;  ///< `size`: the sum of absolute terms, which rounding is measured against.
  std::uint64_t multiply_adds = 0;
};
template <class Real>
Plain plain_product(const Matrix<Real>& a, const Matrix<Real>& b) {
  Plain made{Matrix<double>::Zero(a.rows(), b.cols()), Matrix<double>::Zero(a.rows(), b.cols())};
  for (Index row = 0; row < a.rows(); ++row) {
    for (Index column = 0; column < b.cols(); ++column) {
      for (Index k = 0; k < a.cols(); ++k) {
        made.value(row, column) += double(a(row, k)) * double(b(k, column));
        made.size(row, column) += std::abs(double(a(row, k)) * double(b(k, column)));
        ++made.multiply_adds;
      }
    }
  }
  return made;
}

/// Largest distance from the plain product in units of its terms' size; not a number where either is not one.
template <class Real>
double distance(const Matrix<Real>& found, const Plain& wanted) {
  double largest = 0;
  for (Index i = 0; i < found.size(); ++i) {
    const double miss = std::abs(double(found.data()[i]) - wanted.value.data()[i]) / wanted.size.data()[i];
    if (std::isnan(miss)) return miss;
    largest = std::max(largest, miss);
  }
  return largest;
}

/// A sum of n float products in any order is off by at most about n 2^-24 of its terms' size (Higham,
/// Accuracy and Stability of Numerical Algorithms, section 3.1); n <= 700 here. Typical errors are 100 times
/// smaller.
constexpr double float_error = 700 * 0x1p-24;
constexpr double bf16_error = 0x1p-8;  ///< Half of the distance of two neighbours, 2^-7 apart from 1 on.

template <class Real>
Matrix<Real> in_bf16(Matrix<Real> x) {
  for (Real& value : x.reshaped()) value = Real(rounded(bf16, float(value)));
  return x;
}

Matrix<float> transposed(const Matrix<float>& x) { return x.transpose(); }

/// Shapes on either side of the panels' edges, 384 columns and 256 deep.
struct Shape {
  int tokens, in, out;
};
const Shape shapes[] = {{1, 1, 1},    {3, 7, 5},      {128, 64, 32}, {5, 256, 384}, {4, 257, 385},
                        {9, 520, 25}, {40, 130, 400}, {17, 30, 769}, {300, 9, 11},  {130, 640, 129}};

struct Given {
  Matrix<float> x, w, d_y, d_w;
};
Given given_of(const Shape& shape) {
  RandomStream random(std::uint64_t(shape.in), {.owner = "test", .purpose = "operands"});
  return {any_matrix<float>(random, shape.tokens, shape.in), any_matrix<float>(random, shape.out, shape.in),
          any_matrix<float>(random, shape.tokens, shape.out), any_matrix<float>(random, shape.out, shape.in)};
}

constexpr Operation operation = Operation::QueryDown;

struct Three {
  Matrix<float> y, d_x, d_w;
};
Three products_of(const Given& given, Precision precision, const Context& context) {
  Three made{product_forward(given.x, given.w, precision, operation, context),
             product_input_gradient(given.d_y, given.w, precision, operation, context), given.d_w};
  product_weight_gradient(given.d_y, given.x, precision, operation, context, made.d_w);
  return made;
}

TEST(Product, IsThePlainTripleLoopAndCountsItsTrips) {
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(testing::Message() << shape.tokens << " " << shape.in << " " << shape.out);
    const Given given = given_of(shape);
    Ledger ledger;
    const Three made = products_of(given, Precision::Full, {full_numerics, {}, ledger});

    const Plain y = plain_product(given.x, transposed(given.w));
    const Plain d_x = plain_product(given.d_y, given.w);
    Plain d_w = plain_product(transposed(given.d_y), given.x);
    d_w.value += given.d_w.cast<double>();
    d_w.size += given.d_w.cwiseAbs().cast<double>();
    EXPECT_LE(distance(made.y, y), float_error);
    EXPECT_LE(distance(made.d_x, d_x), float_error);
    EXPECT_LE(distance(made.d_w, d_w), float_error);
    EXPECT_EQ(ledger.at(operation, Pass::Forward).multiply_adds, y.multiply_adds);
    EXPECT_EQ(ledger.at(operation, Pass::InputGradient).multiply_adds, d_x.multiply_adds);
    EXPECT_EQ(ledger.at(operation, Pass::WeightGradient).multiply_adds, d_w.multiply_adds);
    EXPECT_EQ(ledger.at(operation, Pass::Recompute).multiply_adds, 0u);
  }
}

TEST(Product, InBf16IsTheProductOfRoundedOperandsBitByBit) {
  for (const Shape& shape : shapes) {
    SCOPED_TRACE(testing::Message() << shape.tokens << " " << shape.in << " " << shape.out);
    const Given given = given_of(shape);
    const Given before{in_bf16(given.x), in_bf16(given.w), in_bf16(given.d_y), given.d_w};
    Ledger ledger, other;
    const Three made = products_of(given, Precision::Bf16, {bf16_numerics, {}, ledger});
    const Three full = products_of(before, Precision::Full, {full_numerics, {}, other});
    EXPECT_EQ(made.y, in_bf16(full.y));
    EXPECT_EQ(made.d_x, in_bf16(full.d_x));
    EXPECT_EQ(made.d_w, full.d_w);
    EXPECT_LE(distance(made.y, plain_product(before.x, transposed(before.w))), float_error + bf16_error);
    EXPECT_EQ(ledger.at(operation, Pass::Forward).multiply_adds,
              other.at(operation, Pass::Forward).multiply_adds);
  }
}

TEST(Product, InFp8IsTheProductOfDequantisedOperands) {
  for (const Scaling scaling : {Scaling::Tile, Scaling::Block, Scaling::Tensor}) {
    for (const Shape& shape : shapes) {
      SCOPED_TRACE(testing::Message() << shape.tokens << " " << shape.in << " " << shape.out);
      const Given given = given_of(shape);
      Ledger ledger;
      Numerics numerics = fp8_numerics;
      numerics.fp8 = {scaling, scaling, scaling == Scaling::Tile ? Scaling::Block : scaling};
      const Three made = products_of(given, Precision::Fp8, {numerics, {}, ledger});

      const auto in_e4m3 = [](const Matrix<float>& x, Scaling shared, Along along) {
        return quantised(x, e4m3, shared, along, ScaleValue::Exact);
      };
      const Matrix<float> x = in_e4m3(given.x, scaling, Along::Columns);
      const Matrix<float> d_y = in_e4m3(given.d_y, scaling, Along::Columns);
      const Matrix<float> w = in_e4m3(given.w, numerics.fp8.weight, Along::Columns);
      EXPECT_LE(distance(made.y, plain_product(x, transposed(w))), float_error + bf16_error);
      EXPECT_LE(distance(made.d_x, plain_product(d_y, w)), float_error + bf16_error);
      Plain d_w = plain_product(transposed(in_e4m3(given.d_y, scaling, Along::Rows)),
                                in_e4m3(x, scaling, Along::Rows));
      d_w.value += given.d_w.cast<double>();
      d_w.size += given.d_w.cwiseAbs().cast<double>();
      EXPECT_LE(distance(made.d_w, d_w), float_error);
    }
  }
}

TEST(Product, OfRowsThatTravelToExpertsHasPowersOfTwoAsScales) {
  const Given given = given_of({5, 256, 130});
  Ledger ledger;
  const Context context{fp8_numerics, {}, ledger};
  const Matrix<float> w = quantised(given.w, e4m3, Scaling::Block, Along::Columns, ScaleValue::Exact);
  const auto travelled = [](const Matrix<float>& x) {
    return quantised(x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo);
  };
  EXPECT_LE(distance(product_forward(given.x, given.w, Precision::Fp8, Operation::ExpertUp, context),
                     plain_product(travelled(given.x), transposed(w))),
            float_error + bf16_error);
  EXPECT_LE(
      distance(product_input_gradient(given.d_y, given.w, Precision::Fp8, Operation::ExpertDown, context),
               plain_product(travelled(given.d_y), w)),
      float_error + bf16_error);
}

TEST(Product, CountsEachOperandOnceInTheFormatItIsStoredIn) {
  // 40 tokens, 130 in, 400 out: x has 5,200 elements, w 52,000, y 16,000.
  const Given given = given_of({40, 130, 400});
  struct Row {
    Precision precision;
    std::uint64_t forward_read, forward_written, input_read, input_written, weight_read;
  };
  // Scales of 4 bytes. x by 1x128: 40 rows of 2. d_y: 40 rows of 4. w by 128x128: 4 x 2. For the weight
  // gradient 128x1: one for each of 130 and of 400 columns, since 40 rows make one part.
  const Row rows[] = {
      {Precision::Full, 4 * (5'200 + 52'000), 4 * 16'000, 4 * (16'000 + 52'000), 4 * 5'200,
       4 * (16'000 + 5'200)},
      {Precision::Bf16, 2 * (5'200 + 52'000), 2 * 16'000, 2 * (16'000 + 52'000), 2 * 5'200,
       2 * (16'000 + 5'200)},
      {Precision::Fp8, 5'200 + 52'000 + 4 * (80 + 8), 2 * 16'000, 16'000 + 52'000 + 4 * (160 + 8), 2 * 5'200,
       16'000 + 5'200 + 4 * (400 + 130)},
  };
  for (const Row& row : rows) {
    Ledger ledger;
    products_of(given, row.precision, {fp8_numerics, {}, ledger});
    EXPECT_EQ(ledger.at(operation, Pass::Forward).bytes_read, row.forward_read);
    EXPECT_EQ(ledger.at(operation, Pass::Forward).bytes_written, row.forward_written);
    EXPECT_EQ(ledger.at(operation, Pass::InputGradient).bytes_read, row.input_read);
    EXPECT_EQ(ledger.at(operation, Pass::InputGradient).bytes_written, row.input_written);
    // The gradient, 52,000 elements in FP32, is read and written beside.
    EXPECT_EQ(ledger.at(operation, Pass::WeightGradient).bytes_read, row.weight_read + 4 * 52'000);
    EXPECT_EQ(ledger.at(operation, Pass::WeightGradient).bytes_written, 4u * 52'000);
  }
}

TEST(Product, BooksWhatItIsTold) {
  const Given given = given_of({3, 7, 5});
  Ledger ledger;
  product_forward(given.x, given.w, Precision::Full, Operation::KeyValueUp, {full_numerics, {}, ledger},
                  Pass::Recompute);
  EXPECT_EQ(ledger.at(Operation::KeyValueUp, Pass::Recompute).multiply_adds, 3u * 7 * 5);
  EXPECT_EQ(ledger.at(Operation::KeyValueUp, Pass::Forward).multiply_adds, 0u);
}

TEST(Product, OfNoRowsIsEmptyAndCountsNothing) {
  const Given given = given_of({0, 7, 5});
  for (const Precision precision : {Precision::Full, Precision::Bf16, Precision::Fp8}) {
    Ledger ledger;
    const Three made = products_of(given, precision, {fp8_numerics, {}, ledger});
    EXPECT_EQ(made.y.rows(), 0);
    EXPECT_EQ(made.d_x.cols(), 7);
    EXPECT_EQ(made.d_w, given.d_w);
    for (const Pass pass : {Pass::Forward, Pass::InputGradient, Pass::WeightGradient}) {
      EXPECT_EQ(ledger.at(operation, pass).multiply_adds, 0u);
      EXPECT_EQ(ledger.at(operation, pass).bytes_read, 0u);
      EXPECT_EQ(ledger.at(operation, pass).bytes_written, 0u);
    }
  }
}

TEST(Product, LetsWhatIsNotANumberThrough) {
  Given given = given_of({4, 257, 385});
  given.x(2, 256) = std::numeric_limits<float>::quiet_NaN();
  for (const Precision precision : {Precision::Full, Precision::Bf16}) {
    Ledger ledger;
    const Three made = products_of(given, precision, {bf16_numerics, {}, ledger});
    EXPECT_TRUE(made.y.row(2).array().isNaN().all());
    EXPECT_FALSE(made.y.row(1).array().isNaN().any());
    EXPECT_TRUE(made.d_w.col(256).array().isNaN().all());
    EXPECT_FALSE(made.d_w.col(255).array().isNaN().any());
    EXPECT_FALSE(distance(made.y, plain_product(given.x, transposed(given.w))) <= 1);
  }
}

template <class Real>
void expect_same_bits_on_every_cache() {
  RandomStream random(8, {.owner = "test", .purpose = "cache"});
  const auto x = any_matrix<Real>(random, 333, 1030), w = any_matrix<Real>(random, 801, 1030),
             d_y = any_matrix<Real>(random, 333, 801);
  std::ptrdiff_t first, second, third;
  Eigen::internal::manage_caching_sizes(Eigen::GetAction, &first, &second, &third);
  constexpr int kib = 1024;
  const std::array<int, 3> caches[] = {{32 * kib, 256 * kib, 2'048 * kib},
                                       {48 * kib, 1'280 * kib, 8'192 * kib},
                                       {128 * kib, 4'096 * kib, 1 << 28}};
  Matrix<Real> y, d_x, d_w;
  for (const auto& cache : caches) {
    Eigen::setCpuCacheSizes(cache[0], cache[1], cache[2]);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const auto y_here = product_forward(x, w, Precision::Full, operation, context);
    const auto d_x_here = product_input_gradient(d_y, w, Precision::Full, operation, context);
    Matrix<Real> d_w_here = w;
    product_weight_gradient(d_y, x, Precision::Full, operation, context, d_w_here);
    if (y.size() > 0) {
      EXPECT_EQ(y, y_here) << cache[0];
      EXPECT_EQ(d_x, d_x_here) << cache[0];
      EXPECT_EQ(d_w, d_w_here) << cache[0];
    }
    y = y_here, d_x = d_x_here, d_w = d_w_here;
  }
  Eigen::setCpuCacheSizes(first, second, third);
}

TEST(Product, HasTheSameBitsOnEveryCache) {
  expect_same_bits_on_every_cache<float>();
  expect_same_bits_on_every_cache<double>();
}

TEST(Product, PermutesExactlyWithTheRowsOfItsWeight) {
  // Where the rest after strips of 24 is 0 or 16, or there are 8 alone: experts of a gate, widths of layers.
  for (const int out : {8, 16, 64, 160, 256, 384, 400, 768, 832}) {
    const Given given = given_of({13, 777, out});
    const Matrix<float> reversed = given.w.colwise().reverse();
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    const auto y = product_forward(given.x, given.w, Precision::Full, operation, context);
    const auto permuted = product_forward(given.x, reversed, Precision::Full, operation, context);
    EXPECT_EQ(permuted, y.rowwise().reverse()) << out;
  }
}

TEST(Product, GradientsAreCentralDifferences) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "product gradient"});
    const int tokens = any_size(random, 3, 9), in = any_size(random, 2, 12), out = any_size(random, 2, 12);
    Matrix<double> x = any_matrix<double>(random, tokens, in), w = any_matrix<double>(random, out, in);
    const Matrix<double> d_y = any_matrix<double>(random, tokens, out);
    Ledger ledger;
    const Context context{full_numerics, {}, ledger};
    // A loss whose gradient of y is d_y.
    const auto loss = [&] {
      return product_forward(x, w, Precision::Full, operation, context).cwiseProduct(d_y).sum();
    };
    const Matrix<double> d_x = product_input_gradient(d_y, w, Precision::Full, operation, context);
    Matrix<double> d_w = Matrix<double>::Zero(out, in);
    product_weight_gradient(d_y, x, Precision::Full, operation, context, d_w);
    ASSERT_LE(gradient_error(x, d_x, loss), 1e-6) << "seed " << seed;
    ASSERT_LE(gradient_error(w, d_w, loss), 1e-6) << "seed " << seed;
  }
}

TEST(StoredActivation, IsRoundedWhereTheRecipeStoresBf16) {
  RandomStream random(1, {.owner = "test", .purpose = "activation"});
  const Matrix<float> x = any_matrix<float>(random, 5, 9);
  Ledger ledger;
  Matrix<float> stored = x;
  store_activation(stored, {full_numerics, {}, ledger});
  EXPECT_EQ(stored, x);
  store_activation(stored, {fp8_numerics, {}, ledger});
  EXPECT_EQ(stored, in_bf16(x));
  EXPECT_NE(stored, x);
}

TEST(StoredActivation, TakesTheBytesOfItsFormat) {
  Ledger ledger;
  EXPECT_EQ(activation_bytes({full_numerics, {}, ledger}), 4);
  EXPECT_EQ(activation_bytes({bf16_numerics, {}, ledger}), 2);
  EXPECT_EQ(activation_bytes({fp8_numerics, {}, ledger}), 2);
  EXPECT_EQ(linear_input_bytes({full_numerics, {}, ledger}), 4);
  EXPECT_EQ(linear_input_bytes({bf16_numerics, {}, ledger}), 2);
  EXPECT_EQ(linear_input_bytes({fp8_numerics, {}, ledger}), 1 + 4.0 / 128);
}

}  // namespace
}  // namespace orrery::reference
