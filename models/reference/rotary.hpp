#pragma once

#include "models/reference/matrix.hpp"
#include "models/reference/shape.hpp"

namespace orrery::reference {

/// Angles of every position and pair of columns.
template <class Real>
struct RotaryTable {
  Matrix<Real> cosine, sine;  ///< [positions, dim / 2]
};

/// Pair i of `dim` columns turns by position * frequency_i, frequency_i = base^(-2i / dim) (RoPE, arXiv
/// 2104.09864). With `factor` > 1 YaRN (arXiv 2309.00071) blends it with the frequency of positions squeezed
/// by `factor`:
///
///   frequency_i = f_i * kept_i + f_i / factor * (1 - kept_i)
///
/// kept_i falls linearly from 1 to 0 between the pairs that turn `beta_fast` and `beta_slow` times over
/// `original_positions`.
///
/// Units      radians, computed in double and then rounded to Real.
/// Source     deepseek-ai/DeepSeek-V3, inference/model.py, precompute_freqs_cis.
/// Checked    rotary_test.cpp: the 32 frequencies of V3 against that file's arithmetic written a second time.
/// Leaves out model.py's float32 angles; its test on the longest position asked for (here `factor` decides).
template <class Real>
RotaryTable<Real> rotary_table(const RotaryShape& shape, int positions, int dim);

/// Factor on the softmax scale of a model extended by YaRN: (0.1 mscale ln(factor) + 1)^2; 1 where `factor`
/// is not above 1. DeepSeek-V3 (factor 40, mscale 1): 1.8738.
double yarn_softmax_factor(const RotaryShape& shape);

/// Turns neighbouring pairs (2i, 2i+1) of columns first .. first + dim of each row by the angles of its
/// position (row % length). `Direction::Back` is the inverse, which is also the transpose: for gradients.
/// Counts nothing.
enum class Direction { Forth, Back };
template <class Real>
void rotate(Matrix<Real>& x, int first, int dim, int length, const RotaryTable<Real>& table,
            Direction direction);

}  // namespace orrery::reference
