#include "topologies/galois_field.hpp"

#include "sim/check.hpp"

namespace orrery {
namespace {

std::uint32_t smallest_factor(std::uint32_t q) {
  for (std::uint32_t f = 2; f * f <= q; ++f)
    if (q % f == 0) return f;
  return q;
}

std::vector<std::uint32_t> digits(std::uint32_t value, std::uint32_t base, std::uint32_t count) {
  std::vector<std::uint32_t> all(count);
  for (std::uint32_t& digit : all) {
    digit = value % base;
    value /= base;
  }
  return all;
}

}  // namespace

bool GaloisField::is_prime_power(std::uint32_t q) {
  if (q < 2) return false;
  const std::uint32_t p = smallest_factor(q);
  while (q % p == 0) q /= p;
  return q == 1;
}

// The modulus is x^n plus the first polynomial of lower degree that leaves no two elements a product of zero:
// without such, the ring is a field.
GaloisField::GaloisField(std::uint32_t q) : q_(q), p_(smallest_factor(q)), n_(0) {
  ORRERY_CHECK(is_prime_power(q) && q <= 1024);
  for (std::uint32_t left = q; left > 1; left /= p_) ++n_;
  products_.resize(std::size_t(q) * q);
  std::uint32_t low = 0;
  while (!multiply_modulo(digits(low, p_, n_))) ++low;
  for (std::uint32_t generator = 1; powers_.size() + 1 < q; ++generator) {
    powers_.assign(1, 1);
    for (std::uint32_t x = multiply(1, generator); x != 1; x = multiply(x, generator)) powers_.push_back(x);
  }
}

/// Fills the table of products; false as soon as two elements other than 0 have the product 0.
bool GaloisField::multiply_modulo(const std::vector<std::uint32_t>& low) {
  for (std::uint32_t a = 0; a < q_; ++a) {
    for (std::uint32_t b = 0; b < q_; ++b) {
      const auto x = digits(a, p_, n_), y = digits(b, p_, n_);
      std::vector<std::uint32_t> product(2 * n_);
      for (std::uint32_t i = 0; i < n_; ++i)
        for (std::uint32_t j = 0; j < n_; ++j) product[i + j] = (product[i + j] + x[i] * y[j]) % p_;
      for (std::uint32_t i = 2 * n_; i-- > n_;)  // x^i = -(low) x^(i - n)
        for (std::uint32_t j = 0; j < n_; ++j)
          product[i - n_ + j] = (product[i - n_ + j] + product[i] * (p_ - low[j])) % p_;
      std::uint32_t value = 0;
      for (std::uint32_t i = n_; i-- > 0;) value = value * p_ + product[i];
      if (value == 0 && a != 0 && b != 0) return false;
      products_[std::size_t(a) * q_ + b] = value;
    }
  }
  return true;
}

std::uint32_t GaloisField::add(std::uint32_t a, std::uint32_t b) const {
  std::uint32_t sum = 0;
  for (std::uint32_t place = 1; place < q_; place *= p_, a /= p_, b /= p_)
    sum += (a % p_ + b % p_) % p_ * place;
  return sum;
}

std::uint32_t GaloisField::negative(std::uint32_t a) const {
  std::uint32_t result = 0;
  for (std::uint32_t place = 1; place < q_; place *= p_, a /= p_) result += (p_ - a % p_) % p_ * place;
  return result;
}

}  // namespace orrery
