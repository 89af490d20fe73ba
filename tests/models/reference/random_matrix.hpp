#pragma once

#include "models/reference/matrix.hpp"
#include "sim/random.hpp"

namespace orrery::reference {

/// Entries uniform in [-1, 1).
template <class Real>
Matrix<Real> any_matrix(RandomStream& random, Eigen::Index rows, Eigen::Index columns) {
  Matrix<Real> made(rows, columns);
  for (Eigen::Index i = 0; i < made.size(); ++i) made.data()[i] = Real(2 * random.uniform() - 1);
  return made;
}

template <class Real>
Vector<Real> any_vector(RandomStream& random, Eigen::Index size) {
  return any_matrix<Real>(random, 1, size);
}

/// A whole number from `least` to `most`.
inline int any_size(RandomStream& random, int least, int most) {
  return least + int(random.below(std::uint64_t(most - least + 1)));
}

}  // namespace orrery::reference
