#include "models/reference/scaling.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/models/reference/random_matrix.hpp"

namespace orrery::reference {
namespace {

using Eigen::Index;

/// The header's sentence, element by element: the part that an element belongs to, its largest magnitude, the
/// quotient through the format.
Matrix<float> plain(const Matrix<float>& x, const Format& format, Scaling scaling, Along along,
                    ScaleValue value) {
  const Index rows = x.rows(), columns = x.cols();
  Index height = 1, width = 1;  // Of a part.
  if (scaling == Scaling::Tensor) height = rows, width = columns;
  if (scaling == Scaling::Block) height = width = 128;
  if (scaling == Scaling::Tile) (along == Along::Columns ? width : height) = 128;
  Matrix<float> read(rows, columns);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) {
      const Index top = r / height * height, left = c / width * width;
      float amax = 0;
      for (Index i = top; i < std::min(rows, top + height); ++i)
        for (Index j = left; j < std::min(columns, left + width); ++j)
          amax = std::max(amax, std::abs(x(i, j)));
      const float scale = scale_of(amax, format, value);
      read(r, c) = scale * decode(format, encode(format, x(r, c) / scale));
    }
  }
  return read;
}

TEST(Scaling, ReadsBackWhatTheSentenceSays) {
  RandomStream random(1, {.owner = "test", .purpose = "scaling"});
  for (const Scaling scaling : {Scaling::Tile, Scaling::Block, Scaling::Tensor}) {
    for (const Along along : {Along::Columns, Along::Rows}) {
      for (const ScaleValue value : {ScaleValue::Exact, ScaleValue::PowerOfTwo}) {
        for (int run = 0; run < 2; ++run) {
          Matrix<float> x = any_matrix<float>(random, any_size(random, 1, 150), any_size(random, 1, 200));
          for (Index i = 0; i < x.size(); ++i) x.data()[i] *= std::exp2(float(random.below(40)) - 20);
          EXPECT_EQ(quantised(x, e4m3, scaling, along, value), plain(x, e4m3, scaling, along, value));
        }
      }
    }
  }
}

TEST(Scaling, AScaleThatIsAPowerOfTwoChangesNothingThatTheFormatHas) {
  RandomStream random(2, {.owner = "test", .purpose = "scaling"});
  Matrix<float> x = any_matrix<float>(random, 3, 256);
  round_array(e4m3, x.data(), x.data(), std::size_t(x.size()));
  x *= 0x1p-9f;
  const Matrix<float> once = quantised(x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo);
  EXPECT_EQ(quantised(once, e4m3, Scaling::Tile, Along::Columns, ScaleValue::PowerOfTwo), once);
}

TEST(Scaling, TheLargestOfAPartComesBackAsItIsWithAnExactScale) {
  // amax / (amax / 448) is 448 but for a rounding of the quotient; E4M3 then has it.
  RandomStream random(3, {.owner = "test", .purpose = "scaling"});
  for (int run = 0; run < 100; ++run) {
    Matrix<float> x = any_matrix<float>(random, 1, 128) * 0.5f;
    x(0, 17) = 0.75f + float(random.uniform());
    const Matrix<float> read = quantised(x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::Exact);
    EXPECT_NEAR(read(0, 17) / x(0, 17), 1, 2e-7);
    // Any other is off by at most half a last place: 2^-4 of its size, or 2^-10 of the scale below 2^-6 of
    // it.
    const float scale = x(0, 17) / 448;
    for (Index c = 0; c < 128; ++c)
      EXPECT_LE(std::abs(read(0, c) - x(0, c)),
                std::max(std::abs(x(0, c)) * 0x1p-4f, scale * 0x1p-10f) * 1.0001f);
  }
}

TEST(Scaling, AnInfinityMakesItsPartNotANumberAndNoOther) {
  Matrix<float> x = Matrix<float>::Ones(2, 256);
  x(0, 3) = std::numeric_limits<float>::infinity();
  const Matrix<float> read = quantised(x, e4m3, Scaling::Tile, Along::Columns, ScaleValue::Exact);
  EXPECT_TRUE(std::isnan(read(0, 3)));
  EXPECT_TRUE(std::isnan(read(0, 127)));
  EXPECT_FALSE(read.row(1).array().isNaN().any());
  EXPECT_FALSE(read.rightCols(128).array().isNaN().any());
}

}  // namespace
}  // namespace orrery::reference
