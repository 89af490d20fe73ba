#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

/// The reference MoE: a transformer that really computes, forward and backward. It knows nothing of the cost
/// models and they know nothing of it; `orrery validate` and the tests alone bring the two together.
///
/// Shapes are written beside every array, outermost first: [tokens, hidden]. Sequences of equal length follow
/// each other in `tokens`. A gradient is named after what it is the gradient of: `d_x` is that of `x`, as
/// large as `x`.
namespace orrery::reference {

template <class Real>
using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class Real>
using Vector = Eigen::Matrix<Real, 1, Eigen::Dynamic>;
/// Experts or tokens by number.
using Indices = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace orrery::reference
