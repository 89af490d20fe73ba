#pragma once

#include <cstdint>
#include <vector>

namespace orrery {

/// Arithmetic of the finite field of q = p^n elements, numbered 0 to q - 1: an element's digits to the base p
/// are the coefficients of its polynomial. 0 and 1 are what they say.
class GaloisField {
 public:
  static bool is_prime_power(std::uint32_t q);
  explicit GaloisField(std::uint32_t q);  ///< Precondition: a prime power of at most 1,024.

  std::uint32_t size() const { return q_; }
  std::uint32_t add(std::uint32_t a, std::uint32_t b) const;
  std::uint32_t multiply(std::uint32_t a, std::uint32_t b) const { return products_[a * q_ + b]; }
  std::uint32_t negative(std::uint32_t a) const;
  /// The i-th power of the smallest element whose powers are all of the field but 0.
  std::uint32_t power_of_generator(std::uint32_t i) const { return powers_[i % (q_ - 1)]; }

 private:
  bool multiply_modulo(const std::vector<std::uint32_t>& modulus);

  std::uint32_t q_, p_, n_;
  std::vector<std::uint32_t> products_, powers_;
};

}  // namespace orrery
