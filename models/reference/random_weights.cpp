#include "models/reference/random_weights.hpp"

#include <cmath>

namespace orrery::reference {

Matrix<float> random_weights(Eigen::Index rows, Eigen::Index columns, double spread, std::uint64_t seed) {
  Matrix<float> filled(rows, columns);
  const auto start = std::uint32_t(seed ^ seed >> 32);
  const float scale = float(spread * std::sqrt(3.0) * 0x1p-31);
  const auto size = std::uint64_t(filled.size());
  float* const to = filled.data();
  for (std::uint64_t i = 0; i < size; ++i) {
    std::uint32_t bits = start + std::uint32_t(i) * 0x9E3779B9u;
    bits = (bits ^ bits >> 16) * 0x85EBCA6Bu;
    bits = (bits ^ bits >> 13) * 0xC2B2AE35u;
    to[i] = scale * float(std::int32_t(bits ^ bits >> 16));
  }
  return filled;
}

}  // namespace orrery::reference
