#pragma once

#include <cstdint>

#include "models/reference/matrix.hpp"

namespace orrery::reference {

/// [rows, columns] uniform numbers of mean 0 and standard deviation `spread`, by MurmurHash3's 32-bit
/// finalizer of `seed` and their places: good enough for weights whose values nobody looks at, and quick
/// enough for a billion of them (0.3 ns each). The finalizer is a bijection: no number comes twice in
/// 2^32.
Matrix<float> random_weights(Eigen::Index rows, Eigen::Index columns, double spread, std::uint64_t seed);

}  // namespace orrery::reference
