#pragma once

#include <cstdint>
#include <string_view>

#include "sim/hash.hpp"

namespace orrery {

/// An endless row of random numbers that belongs to one owner for one purpose.
///
/// The n-th draw is a pure function of (seed, owner, purpose, index, n): SplitMix64 (Steele et al.,
/// OOPSLA 2014) over a key hashed by FNV-1a. So adding a part, reordering events or changing the
/// thread count cannot change anybody else's draws. The three distributions use only + - * and exact
/// conversions, so the draws have the same bits with every compiler and maths library.
class RandomStream {
 public:
  struct Use {
    std::string_view owner, purpose;
    std::uint64_t index = 0;  ///< Tells many owners of one name apart without building strings.
  };
  RandomStream(std::uint64_t seed, Use use)
      : key_(mix(seed ^ mix(fnv1a(use.owner) ^ mix(fnv1a(use.purpose) ^ mix(use.index))))) {}

  std::uint64_t bits() { return mix(key_ + 0x9E3779B97F4A7C15ull * ++draws_); }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return double(bits() >> 11) * 0x1.0p-53; }

  /// Uniform in 0 .. bound-1 by Lemire's multiplication; the bias is below bound / 2^64.
  std::uint32_t below(std::uint32_t bound) {
    return std::uint32_t((static_cast<unsigned __int128>(bits()) * bound) >> 64);
  }

  /// Close to a standard normal: twelve uniforms less six (Irwin-Hall; exact variance 1, tails cut at
  /// 6 and light beyond 3). No logarithm, hence the same bits everywhere.
  double normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

  /// Exponential with mean 1, by comparisons alone (von Neumann 1951): the first of a falling row of uniforms
  /// counts if the row is odd in length; each row that is not adds a whole one. Exact, and no logarithm.
  double exponential() {
    for (double whole = 0;; whole += 1) {
      const double first = uniform();
      bool odd = true;
      for (double last = first, next = uniform(); next < last; last = next, next = uniform()) odd = !odd;
      if (odd) return whole + first;
    }
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::uint64_t key_;
  std::uint64_t draws_ = 0;
};

}  // namespace orrery
