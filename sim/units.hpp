#pragma once

#include <compare>
#include <cstdint>

namespace orrery {

/// A number that knows what it counts. Equal kinds add and compare, a bare number only scales, and
/// only the products and quotients below exist: bytes plus flops does not compile.
template <class Kind, class Rep>
class Quantity {
 public:
  using rep = Rep;
  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value_ + b.value_); }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value_ - b.value_); }
  friend constexpr Quantity operator*(Rep times, Quantity q) { return Quantity(times * q.value_); }
  friend constexpr Quantity operator*(Quantity q, Rep times) { return Quantity(q.value_ * times); }
  friend constexpr Quantity operator/(Quantity q, Rep by) { return Quantity(q.value_ / by); }
  friend constexpr double operator/(Quantity a, Quantity b) { return double(a.value_) / double(b.value_); }

 private:
  Rep value_{};
};

using Bytes = Quantity<struct BytesKind, std::int64_t>;
using Flops = Quantity<struct FlopsKind, double>;  ///< A count of operations, never a rate.
using Seconds = Quantity<struct SecondsKind, double>;
using BytesPerSecond = Quantity<struct BytesPerSecondKind, double>;  ///< One direction.
using FlopsPerSecond = Quantity<struct FlopsPerSecondKind, double>;
using Watts = Quantity<struct WattsKind, double>;
using Dollars = Quantity<struct DollarsKind, double>;
using Joules = Quantity<struct JoulesKind, double>;
using DollarsPerKilowattHour = Quantity<struct DollarsPerKilowattHourKind, double>;
using KilogramsPerKilowattHour = Quantity<struct KilogramsPerKilowattHourKind, double>;  ///< Of CO2.
using Meters = Quantity<struct MetersKind, double>;
using DollarsPerHour = Quantity<struct DollarsPerHourKind, double>;  ///< Of one GPU.

constexpr Seconds operator/(Bytes size, BytesPerSecond rate) {
  return Seconds(double(size.value()) / rate.value());
}
constexpr Seconds operator/(Flops work, FlopsPerSecond rate) { return Seconds(work.value() / rate.value()); }
constexpr BytesPerSecond operator/(Bytes size, Seconds time) {
  return BytesPerSecond(double(size.value()) / time.value());
}
constexpr FlopsPerSecond operator/(Flops work, Seconds time) {
  return FlopsPerSecond(work.value() / time.value());
}

namespace literals {
constexpr Bytes operator""_B(unsigned long long v) { return Bytes(std::int64_t(v)); }
constexpr Bytes operator""_MB(unsigned long long v) { return Bytes(std::int64_t(v) * 1'000'000); }
constexpr Bytes operator""_MiB(unsigned long long v) { return Bytes(std::int64_t(v) << 20); }
constexpr Bytes operator""_GB(unsigned long long v) { return Bytes(std::int64_t(v) * 1'000'000'000); }
constexpr Bytes operator""_GiB(unsigned long long v) { return Bytes(std::int64_t(v) << 30); }
constexpr BytesPerSecond operator""_GBps(unsigned long long v) { return BytesPerSecond(double(v) * 1e9); }
constexpr BytesPerSecond operator""_GBps(long double v) { return BytesPerSecond(double(v) * 1e9); }
constexpr BytesPerSecond operator""_TBps(long double v) { return BytesPerSecond(double(v) * 1e12); }
constexpr FlopsPerSecond operator""_TFLOPps(long double v) { return FlopsPerSecond(double(v) * 1e12); }
constexpr Seconds operator""_s(long double v) { return Seconds(double(v)); }
constexpr Seconds operator""_ms(long double v) { return Seconds(double(v) * 1e-3); }
constexpr Seconds operator""_us(long double v) { return Seconds(double(v) * 1e-6); }
constexpr Seconds operator""_us(unsigned long long v) { return Seconds(double(v) * 1e-6); }
}  // namespace literals

}  // namespace orrery
