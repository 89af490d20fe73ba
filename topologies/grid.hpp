#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace orrery {

/// Switches in a grid of any number of dimensions, numbered with the first dimension fastest.
struct Grid {
  std::vector<std::uint32_t> sizes;

  std::uint64_t count() const {
    std::uint64_t all = 1;
    for (const std::uint32_t size : sizes) all *= size;
    return all;
  }
  std::uint32_t stride(std::size_t dimension) const {
    std::uint32_t step = 1;
    for (std::size_t d = 0; d < dimension; ++d) step *= sizes[d];
    return step;
  }
  std::uint32_t coordinate(std::uint32_t place, std::size_t dimension) const {
    return place / stride(dimension) % sizes[dimension];
  }
  /// The same place but for one coordinate.
  std::uint32_t moved(std::uint32_t place, std::size_t dimension, std::uint32_t to) const {
    const std::uint32_t step = stride(dimension);
    return place - coordinate(place, dimension) * step + to * step;
  }
};

}  // namespace orrery
